/* SPDX-License-Identifier: MIT */
/*
 * name_lookup: finds names in an archive's index, by reading its end and, for each name, its
 * page and the next one, together.
 *
 * The index is not trusted: the checksum of each page is verified, and each place in an entry
 * must be within the archive. The caller checks that the place has the row and the file that
 * the entry describes.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a damaged index, ERR_LIMIT; errors of reading
 * Owns     nothing
 * Threads  one at a time
 * Source   docs/archive-format.md, "The index of names"
 */
#ifndef INDEX_NAME_LOOKUP_H
#define INDEX_NAME_LOOKUP_H

#include "base/err.h"
#include "format/seek.h"
#include "index/name_index.h"

#include <stdint.h>

/* pages read for one key: more than its own are rarely needed */
#define NAME_LOOKUP_CHAIN 1024

struct name_lookup {
    seek_read_fn *read; /* reads the archive */
    void *ctx;
    uint64_t end; /* where the frames with content end, and the index begins */
    uint32_t pages;
    uint32_t missing; /* number of rows of missing items, by the last page read */
};

/*
 * Find the index of an archive of size bytes, in one read. Returns 1; 0: there is none, or the
 * file is no .tar.zst of skyarc at all.
 */
int name_lookup_init(struct name_lookup *lookup, seek_read_fn *read, void *ctx, uint64_t size,
                     struct err *err) MUST_CHECK;

/* Gets an entry; 1: no further ones are wanted. */
typedef int name_lookup_fn(void *ctx, const struct name_index_entry *entry, struct err *err);

/*
 * Visit the entries of a key, in the order of the manifest. Returns 1 if the function did, else
 * 0.
 */
int name_lookup_find(struct name_lookup *lookup, uint64_t key, name_lookup_fn *fn, void *ctx,
                     struct err *err) MUST_CHECK;

#endif
