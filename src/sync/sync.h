/* SPDX-License-Identifier: MIT */
/*
 * sync: archives every run that has ended into a directory, once.
 *
 * Order: make catalog and disk consistent (sync/heal: volumes missing in the catalog are
 * imported, volumes that are gone or differ are recorded as lost), verify a share of the
 * volumes, finish volumes that were started, ask the service (sync/discover), then write
 * volumes of the due runs, oldest runs first. Each volume is imported after it is flushed and
 * verified. A volume that does not verify is set aside; its runs become due, and sync continues
 * with the next volume.
 *
 * Uploads end later than the run. Hence a run is archived no earlier than `settle` after its
 * end, and stays open until a second list, by the next sync and at least `settle` after the
 * first, shows no news: then it is sealed. A run that ended longer than SYNC_GIVE_UP ago is
 * sealed at once. Later artifacts are written to a supplement.
 *
 * Units    bytes; milliseconds
 * Errors   of any kind; imported volumes stay
 * Owns     nothing of its options
 * Threads  runs the transfer loop
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "attest/authority.h"
#include "base/err.h"
#include "catalog/shard.h"
#include "sync/heal.h"
#include "sync/holding.h"
#include "sync/survey.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sync_result;

struct sync_opts {
    struct survey_opts ask; /* ask.pull: how volumes are made; runs, output and top are
                             * filled in */
    const struct volume_store *store;
    uint64_t volume_size;
    size_t volume_runs;
    bool chain;                            /* record the previous volume in each volume */
    bool verify;                           /* verify each new volume */
    uint64_t share;                        /* of the other volumes, see fixity_due; 0: none */
    const struct authorities *authorities; /* of time stamps; a count of 0: none */
    bool rebuild;                          /* only rebuild the catalog from the volumes */
    bool index_text;                       /* index the logs and LLM texts of all volumes */
    /* Called at the end of a sync (rc as returned by sync_run). Only then the findings count
     * as reported: a sync that is killed before leaves them to the next sync. */
    void (*ended)(void *ctx, const struct sync_result *result, int rc);
    void *ctx;
};

struct sync_result {
    size_t fresh; /* runs that were not known before */
    size_t runs;  /* archived runs */
    size_t volumes;
    size_t sealed;
    size_t supplements;
    size_t healed; /* volumes imported after a crash or for a rebuild */
    struct heal_found found;
    int64_t lost;      /* runs that lack artifacts of a lost volume, gone at the service */
    size_t newly_lost; /* of these, runs reported for the first time */
    int64_t oldest_ms; /* least recent verification of a volume; DB_UNKNOWN: never */
    uint64_t artifacts;
    uint64_t downloaded;
    uint64_t stored;
    uint64_t missing;
    uint64_t mismatches; /* artifacts whose checksum does not match the service's */
    bool partial;        /* a volume lacks something of a run that it has */
    size_t records_lost; /* records that the service failed to deliver */
    /* locks of a bucket's volumes that were set, or refused */
    struct holding_result locks;
    size_t stamps;         /* time stamps that came */
    size_t stamps_waiting; /* time stamps that volumes wait for */
    uint64_t suspects;     /* artifacts whose content does not fit their type */
    size_t failed;         /* runs deferred because of a failure */
    int64_t running;       /* runs left for the next sync */
    int64_t waiting;       /* runs that ended and are not archived */
    int64_t oldest_us;     /* creation time of the oldest of these; DB_UNKNOWN: none */
    bool cut;              /* the service did not list all runs */
    size_t unread;         /* rows of the list of runs without a valid run ID */
    struct shard shard;    /* the directory's; n 0: not known, since the sync failed before */
    size_t others;         /* listed runs of other shards */
    int64_t undecided;     /* listed runs whose shard is not known */
};

/* Whether nothing is missing, wrong, deferred, lost or damaged, and all runs were listed. */
bool sync_whole(const struct sync_result *result);

/*
 * Run one sync: make the catalog consistent, ask the service, write volumes, import them.
 * *result is filled in also on failure.
 */
int sync_run(const struct sync_opts *opts, struct sync_result *result,
             struct err *err) MUST_CHECK;

#endif
