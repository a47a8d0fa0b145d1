/* SPDX-License-Identifier: MIT */
/*
 * hashmap: a hash table from byte strings to pointers.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of the keys; the values belong to the caller
 * Threads  one at a time
 * Source   open addressing with linear probing over XXH3-64, with a random seed for each table,
 *          so that nobody can construct colliding keys
 */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include "base/err.h"

#include <stddef.h>

struct hashmap;
struct pagefile;

/*
 * Create an empty table whose keys are on a page file, which must outlive it (NULL: in memory).
 */
struct hashmap *hashmap_on(struct pagefile *file, struct err *err) MUST_CHECK;

/* Create an empty table; NULL with ERR_MEMORY. */
struct hashmap *hashmap_new(struct err *err) MUST_CHECK;

/* Free a table and its copies of the keys, but not the values; NULL is fine. */
void hashmap_free(struct hashmap *table);

/* The value of a key, or NULL. */
void *hashmap_get(const struct hashmap *table, const void *key, size_t len);

/* Insert a key that is not in the table yet; value must not be NULL. */
int hashmap_add(struct hashmap *table, const void *key, size_t len, void *value,
                struct err *err) MUST_CHECK;

/* Give a key that is in the table another value, which must not be NULL. */
void hashmap_replace(struct hashmap *table, const void *key, size_t len, void *value);

#endif
