/* SPDX-License-Identifier: MIT */
/*
 * unlisted: finds artifacts that are not in the lists under a run's names.
 *
 * There are two kinds of requests, UNLISTED_JOBS at a time. First come the lists of the tasks
 * of the run's blocks, since some rows are only in these lists. Then come the rows of artifacts
 * named in the run's records, since a row has the artifact's type and its ZIP. The requests
 * count towards the run's RECORD_REQUESTS_MAX; if that is exceeded, the run gets the note
 * 'artifacts-cut'.
 *
 * Errors   ERR_MEMORY; failed requests are noted in the run
 * Owns     the responses, until unlisted_clear
 * Threads  the transfer loop
 * Source   docs/api.md, "Artifacts that no list of the run has"
 */
#ifndef CLIENT_UNLISTED_H
#define CLIENT_UNLISTED_H

#include "base/err.h"
#include "base/hashmap.h"
#include "client/listing.h"

#include <stdbool.h>
#include <stddef.h>

#define UNLISTED_JOBS 4

enum unlisted_kind {
    UNLISTED_NONE,
    UNLISTED_TASK,
    UNLISTED_NAMED,
    UNLISTED_END,
};

struct unlisted {
    /* set by the caller */
    struct listed_run *run;
    bool wide;                                      /* request lists without a type filter */
    void (*done)(void *ctx, const struct err *err); /* at the end; err: NULL on success */
    void *ctx;

    enum unlisted_kind kind;
    size_t next;           /* index of the next request of the kind */
    unsigned open;         /* running requests */
    struct hashmap *known; /* IDs of the artifacts already listed */
    struct region *region;
    const char **named;
    size_t named_count;
    struct buf *bodies; /* responses: lists and rows */
    size_t body_count;
    size_t body_cap;
    struct request_refs from; /* the requests of these responses */
    struct call calls[UNLISTED_JOBS];
};

/*
 * Start the requests, after the timeline and the records of the run were received.
 *
 * lists    the lists under the run's names
 * returns  0 also if there is nothing to request: then open is 0, and done is not called
 */
int unlisted_begin(struct unlisted *unlisted, const struct artifact_list *lists, size_t count,
                   struct err *err) MUST_CHECK;

/* Merge lists (as returned by the API) and the responses; see artifact_list_join. */
int unlisted_join(const struct unlisted *unlisted, struct buf *out,
                  const struct buf *const *lists, size_t count, struct err *err) MUST_CHECK;

/*
 * Free the requests; if some are open, the loop must have been cleared. May be called twice,
 * and on {0}.
 */
void unlisted_clear(struct unlisted *unlisted);

#endif
