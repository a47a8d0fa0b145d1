/* SPDX-License-Identifier: MIT */
/*
 * hashmap: keys of bytes, and a pointer for each.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of its keys; the values are the caller's
 * Threads  one at a time
 * Source   open addressing with linear probing over XXH3-64, seeded at birth so
 *          that nobody outside can aim at one chain
 */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include "base/err.h"

#include <stddef.h>

struct hashmap;

/* A new, empty table; NULL with ERR_MEMORY. */
struct hashmap *hashmap_new(struct err *err) MUST_CHECK;

/*
 * Free a table and its copies of the keys; NULL is fine. What the values point to is the
 * caller's.
 */
void hashmap_free(struct hashmap *table);

/* The value of a key, or NULL. */
void *hashmap_get(const struct hashmap *table, const void *key, size_t len);

/* Set the value (not NULL) of a key that is not there yet. */
int hashmap_add(struct hashmap *table, const void *key, size_t len, void *value,
                struct err *err) MUST_CHECK;

#endif
