/* SPDX-License-Identifier: MIT */
/*
 * words: texts that stand in many rows (folders, runs, types), each kept once and known by a
 * number.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of the texts, until words_clear
 * Threads  one that adds; several that look up
 * Source   open addressing with linear probing over XXH3-64, seeded at birth
 */
#ifndef READER_STRING_POOL_H
#define READER_STRING_POOL_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

#define WORDS_NONE UINT32_MAX
#define WORDS_COST 40 /* bytes that a text needs at most beside its own */

struct words {
    struct region *region;
    const char **texts;
    size_t count;
    size_t cap;
    uint32_t *slots; /* numbers; WORDS_NONE: empty */
    size_t size;     /* of slots: a power of two, or 0 */
    uint64_t seed;
    uint64_t memory; /* bytes needed so far */
};

/* words must be {0}; seed: a random number. */
int words_init(struct words *words, uint64_t seed, struct err *err) MUST_CHECK;

/* Free all texts; may be called twice. */
void words_clear(struct words *words);

/* The number of a text, or WORDS_NONE when it was never added. */
uint32_t words_find(const struct words *words, const char *text, size_t len);

/* The same, adding it; WORDS_NONE on error. max: most texts that there may be. */
uint32_t words_add(struct words *words, const char *text, size_t len, size_t max,
                   struct err *err) MUST_CHECK;

/* The text of a number; NULL for WORDS_NONE. Lent as long as words. */
const char *words_get(const struct words *words, uint32_t number);

#endif
