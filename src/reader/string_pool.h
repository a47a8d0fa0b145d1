/* SPDX-License-Identifier: MIT */
/*
 * string_pool: stores strings that occur in many rows (folders, runs, types) once, each with a
 * number.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of the strings, until string_pool_clear
 * Threads  one that adds; several that search
 * Source   open addressing with linear probing over XXH3-64, with a seed
 */
#ifndef READER_STRING_POOL_H
#define READER_STRING_POOL_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

#define STRING_POOL_NONE UINT32_MAX
#define STRING_POOL_COST 40 /* maximum overhead of a string in bytes */

struct string_pool {
    struct region *region;
    const char **texts;
    size_t count;
    size_t cap;
    uint32_t *slots; /* numbers; STRING_POOL_NONE: empty */
    size_t size;     /* number of slots: a power of two, or 0 */
    uint64_t seed;
    uint64_t memory; /* bytes used so far */
};

/* Initialise a pool, which must be {0}; seed: a random number. */
int string_pool_init(struct string_pool *words, uint64_t seed, struct err *err) MUST_CHECK;

/* Free all strings; may be called twice. */
void string_pool_clear(struct string_pool *words);

/* Find the number of a string; STRING_POOL_NONE if it was never added. */
uint32_t string_pool_find(const struct string_pool *words, const char *text, size_t len);

/*
 * Find the number of a string, adding it if necessary; STRING_POOL_NONE on error. max: maximum
 * number of strings.
 */
uint32_t string_pool_add(struct string_pool *words, const char *text, size_t len, size_t max,
                         struct err *err) MUST_CHECK;

/* The string with a number, valid until string_pool_clear; NULL for STRING_POOL_NONE. */
const char *string_pool_get(const struct string_pool *words, uint32_t number);

#endif
