/* SPDX-License-Identifier: MIT */
/*
 * fuzz: the interface of a fuzz target to libFuzzer, or to the driver that replays the corpora
 * in make check.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Process an input; must neither crash nor leak. A wrong result aborts. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() if a condition is false; unlike assert, also in builds without assertions. */
#define FUZZ_CHECK(what)                                                                       \
    do {                                                                                       \
        if (!(what))                                                                           \
            __builtin_trap();                                                                  \
    } while (0)

#endif
