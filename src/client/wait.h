/* SPDX-License-Identifier: MIT */
/*
 * wait: polls runs until they have ended.
 *
 * Each run is polled once per interval, with a jitter of a quarter, so that requests are spread
 * out. After errors the interval grows. An error that a retry cannot mend (denied, or a 4xx
 * other than 408 and 429) is final; after a 404, a workflow run is polled by its other record
 * first.
 *
 * Units    milliseconds
 * Errors   ERR_CANCELLED and the like; errors of a run are stored in struct waited
 * Owns     a waited run owns its record, until wait_free
 * Threads  the transfer loop
 * Source   docs/api.md, "A run" (the five terminal statuses, and retries)
 */
#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H

#include "api/run.h"
#include "base/err.h"
#include "client/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAIT_INTERVAL 5000 /* the default */

struct waiting;

struct waited {
    const char *id;
    bool ended;     /* the run has ended: see run */
    bool failed;    /* the run cannot be polled: see err */
    struct run run; /* last record, redacted */
    struct err err;
    char status[64]; /* last status; "": none yet */
    bool pending;    /* the run failed and will be retried */

    struct waiting *all;
    struct call call;
    bool checking;     /* its workflow run is being requested: see wait.c */
    bool by_workflow;  /* it has no record: the workflow run is polled */
    unsigned failures; /* consecutive errors */
};

struct wait_opts {
    const struct api *api;
    struct loop *loop;
    struct callers *callers;
    uint64_t interval;
    uint64_t deadline; /* monotonic clock; UINT64_MAX: none */
    bool once;         /* poll each run once, even if it has not ended */
    bool raw;          /* redact the API key only */
    void (*ended)(void *ctx, const struct waited *run);  /* called once per run */
    void (*news)(void *ctx, size_t ended, size_t count); /* at each change */
    void *ctx;
};

/* A callback that ignores the end of a run. */
void wait_ignore_ended(void *ctx, const struct waited *run);

/* The same for changes. */
void wait_ignore_news(void *ctx, size_t ended, size_t count);

/*
 * Wait until all runs have ended.
 *
 * runs     count runs made by wait_new
 * returns  0 also if the deadline was reached: then some runs have neither ended nor failed
 */
int wait_for(const struct wait_opts *opts, struct waited *runs, size_t count,
             struct err *err) MUST_CHECK;

/* Create count runs that have these IDs; each ID is valid as long as the runs are. */
struct waited *wait_new(char *const *ids, size_t count, struct err *err) MUST_CHECK;

/* Free count runs, and their records; NULL is fine. */
void wait_free(struct waited *runs, size_t count);

#endif
