/* SPDX-License-Identifier: MIT */
/*
 * orphans: collects what was uploaded into a bucket, was never committed, and was left: volumes
 * whose writer is gone, or has lost (volumes/commit_sequence), and uploads in parts.
 *
 * A volume without a decision is left alone for ORPHANS_AGE after it was written, by the
 * store's clock, unless no other machine writes in the place. Then it is read, and compared
 * with the catalog, of which the volumes that are gone must have been taken out before:
 *
 * - The catalog has none of its runs: it is committed, since it may be the only copy.
 * - The catalog has all its runs and artifacts, or they were pruned: it is declared void, so
 * that its writer, if that is only paused, cannot commit it any more; then it is deleted.
 * - The catalog has a part of it: it stays until a sync has archived the rest.
 *
 * Errors   those of s3_client, the catalog's, the archive's
 * Owns     nothing
 * Threads  the bucket's
 * Source   docs/object-stores.md, "Several machines in one prefix"
 */
#ifndef VOLUMES_ORPHANS_H
#define VOLUMES_ORPHANS_H

#include "base/err.h"
#include "volumes/bucket_place.h"
#include "volumes/commit_sequence.h"

#include <stdbool.h>
#include <stdint.h>

#define ORPHANS_AGE ((int64_t)3600 * 1000) /* milliseconds */

struct db;

struct orphans_opts {
    struct bucket_place *bucket;
    struct commit_sequence *sequence;
    struct db *catalog;
    const char *session;
    uint64_t base; /* see struct commit_claim */
    bool alone;    /* no other machine writes in the place: age does not matter */
};

/*
 * Judge a volume that is in the bucket and has no commit record; delete it if the catalog has
 * all of it.
 *
 * adoptable  set if the caller is to commit it
 */
int orphans_judge(const struct orphans_opts *opts, struct bucket_volume *volume,
                  bool *adoptable, struct err *err) MUST_CHECK;

/* Set aside the file of a volume that does not count, in the work directory, if it is there: it
 * may have what no other volume has. */
int orphans_keep(const char *dir, const char *name, struct err *err) MUST_CHECK;

/* Remove the files that were kept and of which the catalog has everything; name the others. */
int orphans_release(const char *dir, struct db *catalog, struct err *err) MUST_CHECK;

/* Delete the objects of a volume that does not count, its signature and time stamps. */
int orphans_delete(struct bucket_place *bucket, const char *name, struct err *err) MUST_CHECK;

/* Abort the uploads in parts of volumes and copies of the catalog that were broken off a week
 * ago. That needs permissions which the rest does not: without them it is left to a lifecycle
 * rule. */
int orphans_abort(struct bucket_place *bucket, struct err *err) MUST_CHECK;

#endif
