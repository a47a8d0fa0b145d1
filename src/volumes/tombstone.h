/* SPDX-License-Identifier: MIT */
/*
 * tombstone: the objects by which prune says which volume of a bucket it is about to remove.
 *
 * Prune and hold may run on different machines at the same time. Prune writes a tombstone, then
 * reads the log again: if there is a hold that it did not know, it removes nothing. Hold writes
 * its entry, then reads the tombstones: if one names the run, it says so. Objects are listed as
 * soon as they are written, so that at least one of the two sees the other.
 *
 *     PREFIX/tombstones/2026/11/skyarc-20261124T020000Z.tar.zst.json
 *     { "version": 1, "volume": "...", "owner": "...", "at": "...", "made_by": "...", "runs": [
 * "wr_1" ] }
 *
 * A tombstone is deleted when the volume is removed, or stays. What a prune that was killed has
 * left is deleted after TOMBSTONE_OLD.
 *
 * Errors   those of s3_client
 * Owns     nothing
 * Threads  the bucket's
 */
#ifndef VOLUMES_TOMBSTONE_H
#define VOLUMES_TOMBSTONE_H

#include "base/err.h"
#include "volumes/bucket_place.h"

#include <stddef.h>
#include <stdint.h>

#define TOMBSTONE_OLD ((int64_t)86400 * 1000) /* milliseconds */

/* Say that a volume with these runs is about to be removed. owner: see work_dir_owner */
int tombstone_put(struct bucket_place *bucket, const char *owner, const char *volume,
                  const char *const *runs, size_t count, struct err *err) MUST_CHECK;

/* Whether another owner has said that a volume is about to be removed: 1, 0 or -1. */
int tombstone_foreign(struct bucket_place *bucket, const char *owner, const char *volume,
                      struct err *err) MUST_CHECK;

/* Delete a volume's tombstone. */
int tombstone_drop(struct bucket_place *bucket, const char *volume, struct err *err) MUST_CHECK;

/* Visit the runs that tombstones name; fn returns -1 to fail. */
int tombstone_each(struct bucket_place *bucket,
                   int (*fn)(void *ctx, const char *volume, const char *run_id,
                             struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

/* Delete tombstones that are older than TOMBSTONE_OLD by the store's clock: an answer of it
 * must have told the time. */
int tombstone_sweep(struct bucket_place *bucket, struct err *err) MUST_CHECK;

#endif
