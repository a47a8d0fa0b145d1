/* SPDX-License-Identifier: MIT */
/*
 * assign: which of the service's runs a directory archives: those of its shard.
 *
 * Several shards may fill one prefix of a bucket (catalog/shard). Then the catalog has the runs
 * of all, and this sync works on those of its shard only: they are filtered by db_filter.
 *
 * A run is assigned once, when a list or the user names it first; runs that the directory knows
 * stay with it, and so do the runs that they started. The shard of a task v2 (tsk_v2_...) is
 * that of its workflow run (client/identity), whose ID the list does not tell: such a run is
 * undecided (catalog/run_state) until its records were asked for (sync/discover), in the way in
 * which a pull does it.
 *
 * Units    milliseconds
 * Errors   the catalog's and the store's; ERR_USAGE: another shard than the directory's;
 *          ERR_BUSY: another machine recorded a shard at the same time
 * Owns     a struct assign: the hashes of the runs of other shards, until assign_clear
 * Threads  the transfer loop
 * Source   docs/scale.md
 */
#ifndef SYNC_ASSIGN_H
#define SYNC_ASSIGN_H

#include "base/err.h"
#include "catalog/db.h"
#include "catalog/shard.h"
#include "storage/lease.h"
#include "volumes/volume_store.h"
#include "volumes/work_dir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEASE_WHAT 400 /* buffer size */

/* The shard that a sync is to fill its directory with. */
struct assign_opts {
    struct shard shard; /* n 0: the directory's */
    bool change;        /* whatever the directory was filled with before */
};

struct assign {
    struct shard shard; /* n is 1 if all runs are taken */
    /* other shards fill the same prefix: what the catalog knows may be theirs */
    bool shared;
    struct db *catalog;  /* whose filter this is; NULL: none */
    struct lease *lease; /* of the shard, in a bucket */
    char *lease_key;
    char lease_owner[WORK_DIR_OWNER];
    char lease_what[LEASE_WHAT];
    uint64_t *others; /* hashes of the runs of other shards that were named */
    size_t count;
    size_t cap;
    size_t given; /* how many of the runs given by the user are of other shards */
};

/*
 * Begin to assign runs to a directory: decide which shard it is filled with.
 *
 * store    the directory or the prefix of a bucket, whose log records the shard
 * record   false: nothing is recorded, but the catalog, a copy, is changed as if
 */
int assign_begin(struct assign *assign, const struct assign_opts *opts, struct db *catalog,
                 const struct volume_store *store, bool record, int64_t now_ms,
                 struct err *err) MUST_CHECK;

/*
 * Take the lease of the shard of a bucket, so that no other machine archives the same runs at
 * the same time; ERR_BUSY: another one does. Of a directory: nothing.
 */
int assign_lease(struct assign *assign, const struct volume_store *store,
                 struct err *err) MUST_CHECK;

/* The number after which the volumes of this sync are numbered: in a bucket so great and random
 * that machines which begin in the same second name no volume alike; in a directory 0. */
unsigned assign_first(const struct assign *assign);

/* Release the lease, free the hashes; may be called twice, and on {0}. */
void assign_clear(struct assign *assign);

enum assign_verdict {
    ASSIGN_HERE,
    ASSIGN_ELSEWHERE, /* to another shard; the run is counted, and not in the catalog */
    ASSIGN_UNDECIDED,
};

/* Judge a run that a list or the user names. In a transaction. */
int assign_run(struct assign *assign, struct db *catalog, const char *run_id,
               enum assign_verdict *verdict, struct err *err) MUST_CHECK;

/*
 * Assign a run by the ID that decides, its canonical one, unless the directory has or waits for
 * the run. In a transaction.
 *
 * returns  1: to this shard; 0: to another, so that it is counted, and is not undecided any
 *          more; -1
 */
int assign_by(struct assign *assign, struct db *catalog, const char *run_id,
              const char *canonical, struct err *err) MUST_CHECK;

/* The number of runs of other shards that were named, each counted once. */
size_t assign_others(struct assign *assign);

#endif
