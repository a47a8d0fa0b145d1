/* SPDX-License-Identifier: MIT */
/*
 * sync: every run that has ended, archived into a directory, once.
 *
 * Order: heal (sync/heal: a volume that stands and is not in the catalog is entered,
 * one that is gone or differs is lost), read back a share of the volumes, go on with
 * volumes that were begun, survey the service, then write volumes of what is due, oldest
 * runs first, each entered when it stands on disk, flushed and verified. A volume that
 * proves to be no good is set aside; its runs are due again, and the next is written.
 *
 * Uploads end after a run does. So a run is left alone for settle after its end,
 * and archived, and is open until a second list, at the next sync and at least
 * settle after the first, has nothing new: then it is sealed. One that ended longer
 * than give_up ago is sealed at once. What came later goes into a supplement.
 *
 * Units    bytes; milliseconds
 * Errors   of any kind; what was entered stays
 * Owns     nothing of its options
 * Threads  runs the transfer loop
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "base/err.h"
#include "client/runs.h"
#include "pull/pull.h"
#include "sync/heal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYNC_SETTLE  ((int64_t)600 * 1000)
#define SYNC_GIVE_UP ((int64_t)86400 * 1000)

struct sync_result;

struct sync_opts {
    const struct pull_opts *pull; /* how volumes are made; runs, output and top are filled in */
    const char *dir;
    struct runs_query query;
    const char *filter;   /* the query as a text */
    char *const *run_ids; /* also these */
    size_t run_count;
    uint64_t volume_size;
    size_t volume_runs;
    int64_t settle;
    bool chain;     /* each volume names the one before */
    bool verify;    /* read each new volume back */
    uint64_t share; /* of the others, see fixity_due; 0: none */
    bool rebuild;   /* make the catalog again from the volumes, and no more */
    /* Told how it ended (rc as of sync_run). Only then does what was found count as told: a
       sync that is killed before leaves it to the next one. */
    void (*ended)(void *ctx, const struct sync_result *result, int rc);
    void *ctx;
};

struct sync_result {
    size_t fresh; /* runs that were not known before */
    size_t runs;  /* archived */
    size_t volumes;
    size_t sealed;
    size_t supplements;
    size_t healed; /* volumes entered that a crash, or a rebuild, had left out */
    struct heal_found found;
    int64_t lost; /* runs that lack what a lost volume had, and the service does not have */
    size_t newly_lost; /* of them, told of for the first time */
    int64_t oldest_ms; /* the volume read back longest ago was; DB_UNKNOWN: never */
    uint64_t artifacts;
    uint64_t downloaded;
    uint64_t stored;
    uint64_t missing;
    uint64_t mismatches; /* artifacts with another checksum than the service gave */
    size_t records_lost; /* that the service should have given */
    uint64_t suspects;   /* artifacts whose content cannot be what their type says */
    size_t failed;       /* runs that are put off */
    int64_t running;     /* left for the next time */
    int64_t waiting;     /* ended, and not archived */
    int64_t oldest_us;   /* the oldest of them was made; DB_UNKNOWN: none */
    bool cut;            /* the service did not list all runs */
    size_t unread;       /* rows of the list of runs that name no run */
};

/* Whether nothing is missing, other than the service said, put off, lost or damaged,
 * and all runs were listed. */
bool sync_whole(const struct sync_result *result);

/*
 * One night: heal the catalog, survey the service, write volumes, enter them. *result is
 * filled in also on failure.
 */
int sync_run(const struct sync_opts *opts, struct sync_result *result,
             struct err *err) MUST_CHECK;

#endif
