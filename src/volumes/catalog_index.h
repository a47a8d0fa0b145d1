/* SPDX-License-Identifier: MIT */
/*
 * catalog_index: a copy of the catalog in the bucket, so that a new machine reads one object
 * and the volumes that came after it, instead of the manifests of all volumes.
 *
 *     PREFIX/catalog/TIME-COUNT-RANDOM.db     the catalog, with COUNT volumes
 *     PREFIX/catalog/TIME-COUNT-RANDOM.tails  the digests of their tails (volumes/tail_cache)
 *
 * Several shards of a prefix have each a copy of its own, TIME-COUNT-RANDOM-K.N, since only the
 * catalog of a shard has the states of its runs.
 *
 * It is an index only: whoever has fetched it compares it with the list of the bucket and with
 * the log, as a catalog that was restored from a backup. So one that is old, or names what was
 * pruned since, harms nothing; one that is damaged is not used. It has the texts of the runs,
 * as the catalog has them: prune deletes it before it removes anything.
 *
 * Errors   those of s3_client and s3/upload; ERR_SYSTEM
 * Owns     nothing
 * Threads  the bucket's
 */
#ifndef VOLUMES_CATALOG_INDEX_H
#define VOLUMES_CATALOG_INDEX_H

#include "base/err.h"
#include "volumes/bucket_place.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether a new copy is worth its upload: the catalog has many more volumes than the copy. */
bool catalog_index_is_old(const struct bucket_place *bucket, size_t count);

/*
 * Write a copy of the catalog of the work directory, which nobody has open, and delete older
 * ones. While another process reads the catalog, nothing is done.
 *
 * count    volumes of the catalog
 */
int catalog_index_put(struct bucket_place *bucket, const char *dir, size_t count,
                      struct err *err) MUST_CHECK;

/*
 * Fetch the newest copy into a work directory without a catalog. What cannot be fetched is
 * logged, and no error: then all volumes are read. 1: fetched, 0: not, -1
 */
int catalog_index_fetch(struct bucket_place *bucket, const char *dir,
                        struct err *err) MUST_CHECK;

/* Delete the copies that are of this shard but for one, which is named without its end; NULL:
 * all copies, of all shards. */
int catalog_index_drop(struct bucket_place *bucket, const char *but,
                       struct err *err) MUST_CHECK;

#endif
