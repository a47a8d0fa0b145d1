/* SPDX-License-Identifier: MIT */
/*
 * discover: asks the service for runs, and records their states in the catalog.
 *
 * Lists runs, newest first, back to the time from which all runs are known, and asks for
 * running runs that no list named (open runs are listed again by sync/recheck). Each list, and
 * each batch of runs, is one transaction: one that fails changes nothing.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for times of this
 *          machine
 * Errors   the API's, the catalog's; ERR_CANCELLED
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef SYNC_DISCOVER_H
#define SYNC_DISCOVER_H

#include "api/api.h"
#include "api/kind.h"
#include "base/err.h"
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/run_state.h"
#include "client/call.h"
#include "client/listing.h"
#include "client/runs.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assign;

struct discover_opts {
    struct db *catalog;
    const struct api *api;
    struct loop *loop;
    struct callers *callers;
    const struct runs_query *query;  /* its statuses are matched here, not by the service: a
                                      * run in progress may get one of them later */
    const char *filter;              /* the query as a text: its key in the catalog */
    const struct kind_filter *types; /* of artifacts */
    struct assign *assign;           /* tells which runs are of the directory's shard */
    bool children;                   /* include the runs that runs started */
    int64_t now_ms;
    int64_t horizon; /* see struct run_state_which */
};

struct discover_result {
    size_t fresh; /* runs that were not known */
    size_t sealed;
    size_t grown;        /* archived runs that have further artifacts */
    size_t failed;       /* archived runs that could not be listed again */
    struct runs_end end; /* how the list of runs ended: truncated, or with unreadable rows */
};

#define DISCOVER_BATCH 100

/* Does something about a batch of runs; afterwards `which` no longer describes them. */
typedef int discover_batch_fn(void *ctx, const struct discover_opts *opts,
                              const struct text_list *ids, struct err *err);

/*
 * Call `fn` for batches of the runs that `which` describes, of at most DISCOVER_BATCH each,
 * until there are no more, or `most` runs have been given. Sets `which->most`.
 */
int discover_batches(const struct discover_opts *opts, struct run_state_which *which,
                     size_t most, discover_batch_fn *fn, void *ctx, struct err *err) MUST_CHECK;

/*
 * Record runs given by their IDs as running, so that discover_poll asks for them; those of
 * other shards are left out.
 */
int discover_given(const struct discover_opts *opts, char *const *run_ids, size_t count,
                   struct err *err) MUST_CHECK;

/* List runs; those of other shards are counted only. */
int discover_list(const struct discover_opts *opts, struct discover_result *result,
                  struct err *err) MUST_CHECK;

/* Ask for the records of all undecided runs, to learn which shard they are of (sync/assign). */
int discover_undecided(const struct discover_opts *opts, struct discover_result *result,
                       struct err *err) MUST_CHECK;

/*
 * Ask for running runs: list the runs in progress, page by page, and fetch the records of the
 * running runs that the list does not name. Because the list may be stale, the records of some
 * runs that it names are fetched as well, in rotation. Also ask for due runs of which the
 * service may no longer have anything.
 */
int discover_poll(const struct discover_opts *opts, struct err *err) MUST_CHECK;

#endif
