/* SPDX-License-Identifier: MIT */
/* A run's record. */
#include "api/run.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = { 0 };

    if (run_parse(&run, (const char *)data, size, NULL) == 0)
        (void)run_is_terminal(run.status);
    run_clear(&run);
    return 0;
}
