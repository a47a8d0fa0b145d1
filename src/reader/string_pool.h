/* SPDX-License-Identifier: MIT */
/*
 * string_pool: texts that stand in many rows (folders, runs, types), each kept once and known
 * by a number.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of the texts, until string_pool_clear
 * Threads  one that adds; several that look up
 * Source   open addressing with linear probing over XXH3-64, seeded at birth
 */
#ifndef READER_STRING_POOL_H
#define READER_STRING_POOL_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

#define STRING_POOL_NONE UINT32_MAX
#define STRING_POOL_COST 40 /* bytes that a text needs at most beside its own */

struct string_pool {
    struct region *region;
    const char **texts;
    size_t count;
    size_t cap;
    uint32_t *slots; /* numbers; STRING_POOL_NONE: empty */
    size_t size;     /* of slots: a power of two, or 0 */
    uint64_t seed;
    uint64_t memory; /* bytes needed so far */
};

/* words must be {0}; seed: a random number. */
int string_pool_init(struct string_pool *words, uint64_t seed, struct err *err) MUST_CHECK;

/* Free all texts; may be called twice. */
void string_pool_clear(struct string_pool *words);

/* The number of a text, or STRING_POOL_NONE when it was never added. */
uint32_t string_pool_find(const struct string_pool *words, const char *text, size_t len);

/* The same, adding it; STRING_POOL_NONE on error. max: most texts that there may be. */
uint32_t string_pool_add(struct string_pool *words, const char *text, size_t len, size_t max,
                         struct err *err) MUST_CHECK;

/* The text of a number; NULL for STRING_POOL_NONE. Lent as long as words. */
const char *string_pool_get(const struct string_pool *words, uint32_t number);

#endif
