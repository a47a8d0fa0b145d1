/* SPDX-License-Identifier: MIT */
/*
 * listing: the records and artifact lists of all runs asked for, in parallel.
 *
 * A run may have two names, under one of which the service lists its artifacts (identity): both
 * are asked, and the lists are joined by artifact_id; two names of one run that were both asked
 * for are one run. Runs that a run has started are listed behind it when the caller wants them
 * (children). What else is learnt on the way is kept as records when the caller wants them
 * (records).
 *
 * A run that cannot be listed keeps the reason; the others are not stopped by it. What the API
 * served is kept as it is to be archived: without secrets.
 *
 * Units    milliseconds since 1970 by the server's clock
 * Errors   ERR_CANCELLED and the like; a run's own are in it
 * Owns     all it has read, until listing_clear
 * Threads  the transfer loop; read by many afterwards
 */
#ifndef CLIENT_LISTING_H
#define CLIENT_LISTING_H

#include "api/api.h"
#include "api/artifact.h"
#include "api/endpoint.h"
#include "api/kind.h"
#include "api/reason.h"
#include "api/run.h"
#include "api/timeline.h"
#include "base/err.h"
#include "client/call.h"
#include "client/records.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTED_NOTES 10

struct listing;
struct inquiry;

struct listed_run {
    const char *id;             /* as asked for, or as the timeline of its parent names it */
    char other[RUN_ID_MAX + 1]; /* its other name; "": none is known */
    const char *parent;         /* the run that started it; NULL: none that is here */
    size_t root;    /* the run asked for that it came with: an index, as of a child */
    size_t asked;   /* of one asked for: its place among the IDs */
    unsigned depth; /* 0: it was asked for */
    struct run run;
    struct run workflow; /* the record of its workflow run; {0}: none */
    struct run session;  /* and that of its browser session */
    struct timeline timeline;
    struct artifact_list list;
    struct buf run_json;       /* redacted, to be archived */
    struct buf list_json;      /* to be archived; redacted, or else list_raw */
    bool list_raw;             /* listing_clean is to come before it is put out */
    struct record_set records; /* what else is to be archived */
    int64_t listed_at;         /* server's clock */
    bool under[2];             /* rows came under its name, and under its other one */
    bool wide;                 /* listed without type filters: the server refused them */
    bool cut;                  /* it has started more runs than came with it */
    bool failed;
    struct err err;     /* why */
    enum reason reason; /* the same for the manifest */
    unsigned attempts;
    const char *notes[LISTED_NOTES]; /* what is odd about the run, as words */
    unsigned note_count;
    size_t
        extras; /* rows at the end of list that the run's records name, and the list did not */
    struct listing *listing;
};

struct listing {
    struct listed_run *runs; /* those asked for, each with its children behind it */
    size_t count;
    size_t done;
    int64_t skew;                     /* the server's clock minus ours */
    const struct api *api;            /* set before */
    const struct kind_filter *filter; /* set before: the types that are wanted */
    struct callers *callers;          /* set before */
    bool raw;                         /* set before: take out the API key alone */
    bool lazy;     /* set before: lists are redacted by listing_clean, when all else is begun */
    bool calm;     /* set before: what is odd about a run is noted, and told to -v alone */
    bool bundles;  /* set before: list a ZIP's members along with the ZIP */
    bool children; /* set before: list the runs that a run has started, too */
    bool deep; /* set before: look for artifacts where the lists of runs do not name them: in
                  the lists of their tasks, in records, and in browser sessions */
    struct records *records; /* set before: keeps records; NULL: none is wanted */
    struct endpoints server; /* what is known of it */

    /* while it is being filled */
    struct inquiry *inquiries; /* those that are open */
    unsigned open;
    size_t next; /* the first run that is not asked about yet */
    struct region *region;
    struct err err;
};

/* Give a run that has a wr_ name that one as its ID, and its tsk_v2_ name as the other: before
 * anything else refers to it. */
int listing_canonical(struct listing *listing, struct listed_run *run,
                      struct err *err) MUST_CHECK;

/* Write what the API served into out, without secrets; out is set up, and to be cleared in any
 * case. */
int listing_redact(const struct listing *listing, struct buf *out, const struct buf *text,
                   struct err *err) MUST_CHECK;

/* Take the secrets out of a run's list_json, where that was put off. */
int listing_clean(struct listed_run *run, struct err *err) MUST_CHECK;

/* The name that the nth (from 0 on) list of a run came under; NULL: there is none. */
const char *listing_name(const struct listed_run *run, unsigned nth);

/* Note something odd about a run, once; warning (may be NULL) is told. */
void listing_note(struct listed_run *run, const char *word, const char *warning);

/*
 * Forget the runs from count on.
 *
 * asked    how many of the IDs asked for the runs covered; gets how many they still cover
 * returns  how many of the runs that were forgotten had been asked for
 */
size_t listing_cut(struct listing *listing, size_t count, size_t *asked);

/* Release what one run owns. */
void listing_release(struct listed_run *run);

#endif
