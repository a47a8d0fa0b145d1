/* SPDX-License-Identifier: MIT */
/*
 * listing: the records and artifact lists of runs, as filled by lister.
 *
 * A run may have two names (identity) and the service lists its artifacts under one of them:
 * both are requested, and the lists are merged without duplicates (artifact_list_join). If the
 * caller asked for both names, they become one run. If `children` is set, the runs that a run
 * started are listed after it. If `records` is set, other records received on the way are
 * stored there.
 *
 * A run that cannot be listed has an error; the other runs are still listed. The API's
 * responses are stored as they are archived: redacted.
 *
 * Units    milliseconds since 1970 by the server's clock
 * Errors   ERR_CANCELLED and the like; errors of a run are stored in the run
 * Owns     everything listed, until lister_clear
 * Threads  the transfer loop; afterwards several threads may read
 */
#ifndef CLIENT_LISTING_H
#define CLIENT_LISTING_H

#include "api/api.h"
#include "api/artifact.h"
#include "api/artifact_filter.h"
#include "api/endpoint.h"
#include "api/kind.h"
#include "api/reason.h"
#include "api/run.h"
#include "api/timeline.h"
#include "base/digest.h"
#include "base/err.h"
#include "client/call.h"
#include "client/records.h"
#include "provenance/request_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTED_NOTES 10

struct children;
struct listing;
struct run_requests;

/* A text on the listing's page file. */
struct listed_text {
    struct region *region;
    const char *text; /* NULL: none */
    size_t len;
};

struct listed_run {
    const char *id;             /* as requested, or as in the parent's timeline */
    char other[RUN_ID_MAX + 1]; /* other name; "": none known */
    const char *parent;         /* the run that started it; NULL: none in this listing */
    size_t root;                /* index of the tree's root: the requested run */
    size_t asked;               /* of a root: its index among the requested IDs */
    unsigned depth;             /* level below the root; 0: requested */
    struct run run;
    struct run workflow; /* record of its workflow run; {0}: none */
    struct run session;  /* record of its browser session; {0}: none */
    struct timeline timeline;
    struct artifact_list list;
    struct buf run_json;              /* to be archived; redacted */
    struct listed_text list_json;     /* to be archived; redacted unless list_raw */
    bool list_raw;                    /* call listing_clean before use */
    uint8_t list_sha256[SHA256_SIZE]; /* of list_json, once it is redacted */
    struct request_refs run_from;     /* the requests that run_json is the answer to */
    struct request_refs list_from;    /* the same of list_json; several: it was joined */
    struct record_set records;        /* further records to be archived */
    int64_t listed_at;                /* server's clock */
    bool under[2];                    /* the list under id, and under other, has rows */
    bool wide;                        /* listed without a type filter */
    bool other_lost; /* no artifacts, and the request for the other name failed */
    bool cut;        /* a limit was reached: not everything is listed */
    bool listed;     /* all of its requests have ended */
    bool failed;
    struct err err;     /* the error, if failed */
    enum reason reason; /* the error's reason for the manifest */
    unsigned attempts;
    const char *notes[LISTED_NOTES]; /* words for anomalies of the run */
    unsigned note_count;
    size_t extras; /* number of rows at the end of list that only records name */
    struct listing *listing;
};

struct listing {
    struct listed_run *runs; /* the requested runs, each followed by its children */
    size_t count;
    size_t done;
    int64_t skew;                     /* server's clock minus ours */
    const struct api *api;            /* set before */
    const struct kind_filter *filter; /* set before: the types to list */
    struct callers *callers;          /* set before */
    struct pagefile *pagefile;        /* set before: for the lists; NULL: all in memory */
    bool raw;                         /* set before: redact the API key only */
    bool lazy;                        /* set before: listing_clean redacts lists later */
    bool calm;                        /* set before: log anomalies as LOG_INFO only */
    bool bundles;                     /* set before: list a ZIP's members along with the ZIP */
    bool children;                    /* set before: list the runs started by runs, too */
    bool tell;  /* set before: if a run has nothing of the types, list all its types */
    bool deep;  /* set before: also search task lists, records and sessions */
    bool names; /* set before: find only the records and other names of runs, not artifacts;
                 * a run whose other name cannot be looked up has an error */
    struct records *records; /* set before: stores records; NULL: none wanted */
    struct endpoints server; /* what is known about the server */

    /* private, while the listing is being filled */
    struct run_requests *requests; /* open requests */
    unsigned open;
    size_t next; /* index of the first run without requests yet */
    bool plain;  /* no two of the requested IDs can be names of one run */
    bool joined; /* the requested runs are listed: runs that they started follow */
    struct children *children_search;
    struct region *region;
    struct err err;
};

/*
 * Make a run's wr_ name, if known, its id and its tsk_v2_ name its other name. To be called
 * before anything else refers to the run.
 */
int listing_canonical(struct listing *listing, struct listed_run *run,
                      struct err *err) MUST_CHECK;

/*
 * Write a redacted copy of a response to out; out is initialised, and to be cleared in
 * any case.
 */
int listing_redact(const struct listing *listing, struct buf *out, const struct buf *text,
                   struct err *err) MUST_CHECK;

/* Replace a text by a copy of another one. */
int listed_text_set(struct listed_text *text, const struct listing *listing,
                    const struct buf *from, struct err *err) MUST_CHECK;

/* Free a text; may be called twice, and on {0}. */
void listed_text_clear(struct listed_text *text);

/*
 * Log the digest of a list that is one answer, once it is redacted; to be called by the thread
 * of the listing.
 */
void listing_log(const struct listed_run *run);

/* Redact a run's list_json, if that was delayed (list_raw). */
int listing_clean(struct listed_run *run, struct err *err) MUST_CHECK;

/* The name under which the nth list of a run (from 0) has rows; NULL: no such list. */
const char *listing_name(const struct listed_run *run, unsigned nth);

/* The one of a run's two IDs that names a workflow run (wr_); NULL: none does. */
const char *listing_workflow(const struct listed_run *run);

/* Note an anomaly of a run, once; warning (may be NULL) is logged. */
void listing_note(struct listed_run *run, const char *word, const char *warning);

/*
 * Free the runs from index count on.
 *
 * asked    in: number of requested IDs that the runs cover; out: the number that the remaining
 *          runs cover
 * returns  the number of requested runs among the freed ones
 */
size_t listing_cut(struct listing *listing, size_t count, size_t *asked);

/*
 * Count the requested runs of which the filter accepts nothing, and log which types they have
 * instead; ERR_NOT_FOUND, with an example of a name if names are asked for, if it accepts
 * nothing of any run. A filter that only excludes types need not accept something of each run.
 *
 * hit  by the index of a requested run: whether the filter accepts an artifact of it or of its
 *      children
 */
int listing_unmatched(const struct listing *listing, const struct artifact_filter *filter,
                      const bool *hit, size_t *unmatched, struct err *err) MUST_CHECK;

/* Free everything that a run owns. */
void listing_release(struct listed_run *run);

#endif
