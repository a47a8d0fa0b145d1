/* SPDX-License-Identifier: MIT */
/*
 * listing: the records and artifact lists of all runs asked for, in parallel.
 *
 * A run that cannot be listed keeps the reason; the others are not stopped by
 * it. What the API served is kept as it is to be archived: without secrets.
 *
 * Units    milliseconds since 1970 by the server's clock
 * Errors   ERR_CANCELLED and the like; a run's own are in it
 * Owns     all it has read, until listing_clear
 * Threads  the transfer loop; read by many afterwards
 */
#ifndef ASK_LISTING_H
#define ASK_LISTING_H

#include "ask/call.h"
#include "base/err.h"
#include "skyvern/api.h"
#include "skyvern/artifact.h"
#include "skyvern/kind.h"
#include "skyvern/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTED_NOTES 8

struct listing;

struct listed_run {
    const char *id; /* as asked for */
    struct run run;
    struct artifact_list list;
    struct buf run_json;  /* redacted, to be archived */
    struct buf list_json; /* redacted, to be archived */
    int64_t listed_at;    /* server's clock */
    bool wide;            /* listed without type filters: the server refused them */
    bool failed;
    struct err err;     /* why */
    const char *reason; /* the same as a word: "run-not-found" */
    unsigned attempts;
    const char *notes[LISTED_NOTES]; /* what is odd about the run, as words */
    unsigned note_count;
    size_t
        extras; /* rows at the end of list that the run's record names, and the list did not */

    /* while it is being listed */
    struct listing *listing;
    struct call run_call;
    struct call list_call;
    unsigned open; /* calls that have not ended */
};

struct listing {
    struct listed_run *runs;
    size_t count;
    size_t done;
    int64_t skew; /* the server's clock minus ours */
    const struct api *api;
    const struct kind_filter *filter;
    bool raw;     /* set before: take out the API key alone */
    bool calm;    /* set before: what is odd about a run is noted, and told to -v alone */
    bool bundles; /* set before: list a ZIP's members along with the ZIP */
    struct callers *callers;
};

/* List all runs; hooks of the loop are called meanwhile. listing must be {0}. */
int listing_fetch(struct listing *listing, struct loop *loop, struct callers *callers,
                  const struct api *api, char *const *ids, size_t count,
                  const struct kind_filter *filter, struct err *err) MUST_CHECK;

/* Forget the runs from count on. */
void listing_cut(struct listing *listing, size_t count);

/* Release; may be called twice, and on {0}. */
void listing_clear(struct listing *listing);

#endif
