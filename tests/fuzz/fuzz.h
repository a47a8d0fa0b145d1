/* SPDX-License-Identifier: MIT */
/*
 * fuzz: the door between a target and whoever feeds it: libFuzzer, or the replay
 * driver that plays the corpora in make check.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Take some bytes; must neither crash nor leak. A wrong result aborts. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() unless it holds; stays when assertions are compiled out. */
#define FUZZ_CHECK(what)                                                                       \
    do {                                                                                       \
        if (!(what))                                                                           \
            __builtin_trap();                                                                  \
    } while (0)

#endif
