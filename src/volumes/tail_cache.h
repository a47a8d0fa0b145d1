/* SPDX-License-Identifier: MIT */
/*
 * tail_cache: the digests of the tails of volumes in a bucket, by their entity tags.
 *
 * An object with the entity tag that it had when its tail was read is the same object: so a
 * list of the bucket tells whether 10,000 volumes are what they were, and only those are read
 * that are new or changed. The file ("tails" in the work directory, a line for each volume) can
 * be lost at any time: then the tails are read again.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; a file that is damaged is ignored
 * Owns     the entries, until tail_cache_clear
 * Threads  one
 */
#ifndef VOLUMES_TAIL_CACHE_H
#define VOLUMES_TAIL_CACHE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

#define TAIL_CACHE_NAME "tails" /* the file in the work directory */

struct tail_cache {
    const char *dir; /* the work directory, borrowed */
    struct hashmap *entries;
    struct region *region;
};

/* The digest of a volume's tail, if it is known for this entity tag and size. */
bool tail_cache_get(struct tail_cache *cache, const char *name, const char *etag, uint64_t size,
                    uint8_t tail[SHA256_SIZE]);

/* Remember a digest. That it cannot be kept is no error. */
void tail_cache_put(struct tail_cache *cache, const char *name, const char *etag, uint64_t size,
                    const uint8_t tail[SHA256_SIZE]);

/* Free the entries; may be called twice, and on {0}. */
void tail_cache_clear(struct tail_cache *cache);

#endif
