/* SPDX-License-Identifier: MIT */
/*
 * discover: what the service has by now, put into the catalog as states of runs.
 *
 * Lists runs, newest first, back to where everything is known already; asks for
 * those that were running and that no list told of; lists the artifacts of those
 * that are archived and open once more, and seals them when there is nothing new.
 * Each step is one transaction, so that one that breaks off has not happened.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for ours
 * Errors   the API's, the catalog's; ERR_CANCELLED
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef SYNC_DISCOVER_H
#define SYNC_DISCOVER_H

#include "api/api.h"
#include "api/artifact.h"
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

struct discover_opts {
    struct db *catalog;
    const struct api *api;
    struct loop *loop;
    struct callers *callers;
    const struct runs_query *query;  /* its statuses are looked at here: a run that is still
                                        going  on may come to have one */
    const char *filter;              /* the query as a text: its name in the catalog */
    const struct kind_filter *types; /* of artifacts */
    bool children;                   /* with the runs that runs have started */
    int64_t now_ms;
    int64_t horizon; /* see struct run_state_which */
};

struct discover_result {
    size_t fresh; /* runs that were not known */
    size_t sealed;
    size_t grown;        /* archived ones that have more by now */
    size_t failed;       /* archived ones whose second list could not be read */
    struct runs_end end; /* what the list of runs did not tell */
};

/* Run IDs of a state, as copies. */
struct discover_ids {
    struct region *region;
    char **at;
    size_t count; /* at most DISCOVER_BATCH */
};

#define DISCOVER_BATCH 100

/* Take the IDs of runs; discover_drop releases them in any case. */
int discover_take(struct discover_ids *ids, const struct discover_opts *opts,
                  const struct run_state_which *which, struct err *err) MUST_CHECK;

/* Release; may be called twice. */
void discover_drop(struct discover_ids *ids);

/* Runs that are given by their IDs: they are asked for as if they had been running. */
int discover_given(const struct discover_opts *opts, char *const *run_ids, size_t count,
                   struct err *err) MUST_CHECK;

/* List runs. */
int discover_list(const struct discover_opts *opts, struct discover_result *result,
                  struct err *err) MUST_CHECK;

/*
 * Ask for runs that were running: by a list of what is going on, page by page, and by their
 * records those that it does not name. A list may be behind: so some of those that it names are
 * asked for, too, in turn. And ask for those that are due and of which it is not sure that the
 * service has them.
 */
int discover_poll(const struct discover_opts *opts, struct err *err) MUST_CHECK;

#endif
