/* SPDX-License-Identifier: MIT */
/* Reduction of a HAR: the output is valid JSON for any input. */
#include "base/json.h"
#include "fuzz.h"
#include "view/har.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;

    buf_init(&out, (size_t)64 << 20);
    if (har_rows((const char *)data, size, SIZE_MAX, &out, NULL) == 0)
        FUZZ_CHECK(json_check(buf_text(&out), out.len, NULL, NULL) == 0);
    buf_clear(&out);
    return 0;
}
