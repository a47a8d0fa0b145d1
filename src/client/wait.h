/* SPDX-License-Identifier: MIT */
/*
 * wait: poll runs until they end.
 *
 * Each run is asked for once an interval, give or take a quarter, so that many
 * do not march in step; a service that fails is asked less often, and one that
 * says a run does not exist is believed.
 *
 * Units    milliseconds
 * Errors   ERR_CANCELLED and the like; a run's own are in it
 * Owns     a waited run owns its record, until wait_clear
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
    bool ended;     /* is over: see run */
    bool failed;    /* cannot be polled: see err; of one asked once, also for now */
    struct run run; /* as it was last served, but for secrets */
    struct err err;
    char status[64]; /* the last one seen; "" before the first answer */
    bool pending;    /* it has failed, and is going to be tried again */

    struct waiting *all;
    struct call call;
    bool checking;     /* the record of its workflow run is asked for: see wait.c */
    bool by_workflow;  /* only its workflow run is known: that is polled */
    unsigned failures; /* in a row */
};

struct wait_opts {
    const struct api *api;
    struct loop *loop;
    struct callers *callers;
    uint64_t interval;
    uint64_t deadline; /* on the monotonic clock; UINT64_MAX: none */
    bool once;         /* ask each run once, whether it is over or not */
    bool raw;          /* take out of records the API key alone */
    void (*ended)(void *ctx, const struct waited *run);  /* told of each once; may be NULL */
    void (*news)(void *ctx, size_t ended, size_t count); /* told of each change; may be NULL */
    void *ctx;
};

/*
 * Wait for all runs.
 *
 * runs     count of them, each {0} but for its id; to be cleared in any case
 * returns  0 also when the deadline came first: then some neither ended nor failed
 */
int wait_for(const struct wait_opts *opts, struct waited *runs, size_t count,
             struct err *err) MUST_CHECK;

/* Free the texts of count runs that wait_runs filled in. */
void wait_clear(struct waited *runs, size_t count);

#endif
