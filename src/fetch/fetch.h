/* SPDX-License-Identifier: MIT */
/*
 * fetch: the loop that fetches the artifacts of a plan, those whose URLs expire soonest first,
 * and gives them to the packer.
 *
 * Units    milliseconds (by the server's clock for the expiry of URLs); bytes
 * Errors   ERR_CANCELLED, the packer's, ERR_SYSTEM when a temporary file cannot be read; an
 *          artifact's own failure is in its outcome
 * Owns     bodies until the packer has them; outcomes until fetch_free
 * Threads  the transfer loop
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "api/reason.h"
#include "base/err.h"
#include "client/call.h"
#include "client/listing.h"
#include "fetch/task.h"
#include "fetch/transfer.h"
#include "net/loop.h"
#include "writer/body.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct fetch_opts {
    const struct api *api;
    struct listing *listing; /* lists runs again to refresh their URLs */
    struct plan *plan;
    /*
     * growing: the plan is not complete, and grow is called in each turn of the loop, until it
     * sets *over. It may add runs to the plan and move the array of the listing's runs
     */
    bool growing;
    int (*grow)(void *ctx, bool *over, struct err *err);
    void *ctx;
    struct packer *packer;
    const struct spool *spool;
    /* chunks of a body that passes through; NULL: no body passes through */
    struct pool *pass;
    unsigned files;    /* number of bodies that may be in files at a time; 0: no limit */
    uint64_t pass_min; /* the smallest body that passes through; 0: the default */
    struct callers *callers;
    const char *local_root; /* see file_open_beneath; NULL: none */
    unsigned jobs;
    struct stall stall;
    unsigned retries;          /* of one artifact by each route */
    struct task_before before; /* the items kept from an interrupted attempt */
    struct journal *journal;   /* see completion.h */
    uint64_t max_size;         /* limit of one artifact */
    /* deadline of the whole pull, on the monotonic clock; UINT64_MAX: none */
    uint64_t deadline;
    bool strict; /* fail at the first missing artifact */
};

/* Progress, for display; may be called in the loop's hook. */
struct fetch_progress {
    size_t done;    /* listed items that are archived or missing */
    size_t missing; /* of them */
    unsigned running;
    uint64_t bytes; /* bytes received, including those of failed attempts */
};

struct fetch;

/*
 * Set up the fetching of a plan's items. opts is copied; what it points to and the
 * loop must stay valid until fetch_free.
 */
struct fetch *fetch_new(const struct fetch_opts *opts, struct loop *loop,
                        struct err *err) MUST_CHECK;

/* Fetch all items of the plan. */
int fetch_run(struct fetch *fetch, struct err *err) MUST_CHECK;

/*
 * After a failure: abort the transfers, wait for the packer, and record the items that it has
 * stored.
 *
 * returns  -1 if the packer failed
 */
int fetch_stop(struct fetch *fetch, struct err *err) MUST_CHECK;

/* Release; the loop must have been cleared. May be NULL. */
void fetch_free(struct fetch *fetch);

/* The outcome of an item; valid until fetch_free. */
const struct outcome *fetch_outcome(const struct fetch *fetch, const struct item *item);

/* The static name of a source of content (outcome.via) that a journal names. */
const char *fetch_via(const char *via);

/* The packer's result for an item; valid until fetch_free. */
const struct packed *fetch_packed(const struct fetch *fetch, const struct item *item);

/* Number of items that are in the archive. */
size_t fetch_stored(const struct fetch *fetch);

/*
 * Why an item is missing: its own reason, or that of the item fetched in its place; else
 * REASON_NONE.
 */
enum reason fetch_reason(const struct fetch *fetch, const struct item *item);

/* The progress so far. */
struct fetch_progress fetch_progress(const struct fetch *fetch);

#endif
