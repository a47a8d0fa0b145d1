/* SPDX-License-Identifier: MIT */
/*
 * fetch: the loop that fetches the artifacts of a plan, those whose URLs expire soonest first,
 * and hands them to the packer.
 *
 * Units    milliseconds (server's clock for the life of URLs); bytes
 * Errors   ERR_CANCELLED, ERR_SYSTEM when the spool fails, the packer's; an
 *          artifact's own failure is in its outcome
 * Owns     bodies until the packer has them; outcomes until fetch_free
 * Threads  the transfer loop
 */
#ifndef PULL_FETCH_H
#define PULL_FETCH_H

#include "api/fetch_route.h"
#include "api/reason.h"
#include "base/err.h"
#include "client/call.h"
#include "client/listing.h"
#include "net/loop.h"
#include "pull/task.h"
#include "pull/transfer.h"
#include "writer/body.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct fetch_opts {
    const struct api *api;
    struct listing *listing; /* its URLs are renewed */
    const struct plan *plan;
    struct packer *packer;
    const struct spool *spool;
    struct pool *pass; /* chunks of a body that passes through; NULL: none may */
    unsigned files;    /* bodies that may be in files at a time; 0: any number */
    uint64_t pass_min; /* the smallest body that passes through; 0: the usual */
    struct callers *callers;
    const char *local_root; /* see file_open_beneath; NULL: none */
    unsigned jobs;
    struct stall stall;
    unsigned retries;
    struct task_before before; /* what an interrupted attempt has left */
    struct journal *journal;   /* see completion.h */
    uint64_t max_size;         /* of one artifact */
    uint64_t deadline;         /* of all, on the monotonic clock; UINT64_MAX: none */
    bool strict;               /* stop at the first that is missing */
};

/* How far it is, for people; may be asked for in the loop's hook. */
struct fetch_progress {
    size_t done;    /* listed items that are archived or missing */
    size_t missing; /* of them */
    unsigned running;
    uint64_t bytes; /* received, also for nothing */
};

struct fetch;

/*
 * Set up the fetching of what the plan wants. opts is copied, what it points to and the
 * loop are lent until fetch_free.
 */
struct fetch *fetch_new(const struct fetch_opts *opts, struct loop *loop,
                        struct err *err) MUST_CHECK;

/* Fetch everything. */
int fetch_run(struct fetch *fetch, struct err *err) MUST_CHECK;

/*
 * After a failure: let go of what is on its way, wait for the packer, and note what it has.
 *
 * returns  -1 when the packer failed
 */
int fetch_stop(struct fetch *fetch, struct err *err) MUST_CHECK;

/* Release; the loop must have been cleared. NULL is fine. */
void fetch_free(struct fetch *fetch);

/* What became of an item; lent until fetch_free. */
const struct outcome *fetch_outcome(const struct fetch *fetch, const struct item *item);

/* What the packer told of an item; lent until fetch_free. */
const struct packed *fetch_packed(const struct fetch *fetch, const struct item *item);

/* How many items are in the archive. */
size_t fetch_stored(const struct fetch *fetch);

/*
 * Why an item is missing: its own reason, or that of who was fetched for it; else REASON_NONE.
 */
enum reason fetch_reason(const struct fetch *fetch, const struct item *item);

/* How far it is. */
struct fetch_progress fetch_progress(const struct fetch *fetch);

#endif
