/* SPDX-License-Identifier: MIT */
/* The webhook verifier: nothing but the right signature passes, whatever the body is. */
#include "fuzz.h"
#include "skyvern/webhook.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[RUN_ID_MAX + 1];
    char signature[80];
    size_t n = size < sizeof(signature) - 1 ? size : sizeof(signature) - 1;

    memcpy(signature, data, n);
    signature[n] = '\0';
    FUZZ_CHECK(webhook_verify("fuzz-key", data, size, signature, NULL) == -1);
    if (webhook_run((const char *)data, size, id, NULL) == 0)
        FUZZ_CHECK(run_id_valid(id));
    return 0;
}
