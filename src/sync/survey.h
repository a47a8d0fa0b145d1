/* SPDX-License-Identifier: MIT */
/*
 * survey: the part of a sync that asks the service: which runs are to be archived.
 *
 * Units    milliseconds
 * Errors   those of sync/discover and sync/recheck
 * Owns     nothing
 * Threads  runs the transfer loop
 */
#ifndef SYNC_SURVEY_H
#define SYNC_SURVEY_H

#include "catalog/run_state.h"
#include "client/runs.h"
#include "provenance/request_log.h"
#include "pull/pull_opts.h"
#include "sync/assign.h"
#include "sync/discover.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct survey_opts {
    const struct pull_opts *pull;
    struct runs_query query;
    const char *filter;   /* the query as a text */
    char *const *run_ids; /* further runs */
    size_t run_count;
    int64_t settle; /* see sync/sync.h */
    struct assign_opts assign;
};

struct survey_preview {
    size_t runs;     /* to be archived */
    int64_t running; /* left for a later sync */
    struct shard shard;
    size_t others;     /* listed runs of other shards */
    int64_t undecided; /* runs whose shard is not known */
    struct discover_result found;
};

/*
 * Ask for new runs, the given runs, running runs and archived open runs, and store their states
 * in the catalog.
 *
 * assign  begun for the catalog
 * log     gets the requests; NULL: none does
 */
int survey_run(const struct survey_opts *opts, struct assign *assign, struct db *catalog,
               int64_t now_ms, struct request_log *log, struct discover_result *result,
               struct err *err) MUST_CHECK;

/*
 * Whether a due run ended long enough ago to be archived: `settle` ms, or at an unknown time.
 */
bool survey_settled(const struct run_state_row *row, int64_t now_ms, int64_t settle);

/*
 * Tell which runs a sync would archive now, oldest first, and change nothing: neither the
 * directory, which need not exist, nor its catalog, of which a copy is used. Volumes are
 * not checked.
 *
 * fn  called for each run; returns -1 to fail
 */
int survey_preview(const struct survey_opts *opts, const struct volume_store *store,
                   int (*fn)(void *ctx, const struct run_state_row *row, struct err *err),
                   void *ctx, struct survey_preview *result, struct err *err) MUST_CHECK;

/*
 * What the catalog says at the end of a sync; DB_UNKNOWN: it cannot be read, or there is none.
 */
struct survey_state {
    int64_t running;
    int64_t waiting;
    int64_t undecided;
    int64_t oldest_us; /* creation time of the oldest run that waits */
    int64_t oldest_ms; /* least recent verification of a volume */
    int64_t lost;
    size_t newly_lost; /* of these, runs reported for the first time */
};

/* Ask the catalog, and log lost runs and late runs. */
struct survey_state survey_look(struct db *catalog, int64_t now_ms);

#endif
