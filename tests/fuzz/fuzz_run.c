/* SPDX-License-Identifier: MIT */
/* A run's record, and taking signatures and the key out of it. */
#include "base/json.h"
#include "fuzz.h"
#include "skyvern/run.h"
#include "skyvern/scrub.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "sk-fuzz-key-0123";
    struct run run = { 0 };
    struct buf out;

    buf_init(&out, 8 * size + 64);
    if (json_check((const char *)data, size, NULL, NULL) == 0) {
        FUZZ_CHECK(scrub_json(&out, (const char *)data, size, key, NULL) == 0);
        FUZZ_CHECK(json_check(buf_text(&out), out.len, NULL, NULL) == 0);
        FUZZ_CHECK(!memmem(buf_text(&out), out.len, key, strlen(key)));
    }
    buf_reset(&out);
    FUZZ_CHECK(scrub_text(&out, (const char *)data, size, key, NULL) == 0);
    FUZZ_CHECK(out.len <= size && !memmem(buf_text(&out), out.len, key, strlen(key)));
    if (run_parse(&run, (const char *)data, size, NULL) == 0)
        (void)run_is_terminal(run.status);
    run_clear(&run);
    buf_clear(&out);
    return 0;
}
