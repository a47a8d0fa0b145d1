/* SPDX-License-Identifier: MIT */
/*
 * errands: finds artifacts that are not in the lists under a run's names.
 *
 * There are two kinds of requests (errands), ERRANDS at a time. First come the lists of the
 * tasks of the run's blocks, since some rows are only in these lists. Then come the rows of
 * artifacts named in the run's records (strays), since a row has the artifact's type and its
 * ZIP. The requests count towards the run's RECORD_REQUESTS_MAX; if that is exceeded, the run
 * gets the note 'artifacts-cut'.
 *
 * Errors   ERR_MEMORY; failed requests are noted in the run
 * Owns     the responses, until errands_clear
 * Threads  the transfer loop
 * Source   docs/api.md, "Artifacts that no list of the run has"
 */
#ifndef CLIENT_ERRANDS_H
#define CLIENT_ERRANDS_H

#include "base/err.h"
#include "base/hashmap.h"
#include "client/listing.h"

#include <stdbool.h>
#include <stddef.h>

#define ERRANDS 4

enum errand {
    ERRAND_NONE,
    ERRAND_TASK,
    ERRAND_STRAY,
    ERRAND_END,
};

struct errands {
    /* set by the caller */
    struct listed_run *run;
    bool wide;                                      /* request lists without a type filter */
    void (*done)(void *ctx, const struct err *err); /* at the end; err: NULL on success */
    void *ctx;

    enum errand kind;
    size_t next;           /* index of the next errand of the kind */
    unsigned open;         /* running errands */
    struct hashmap *known; /* IDs of the artifacts already listed */
    struct region *region;
    const char **strays;
    size_t stray_count;
    struct buf *bodies; /* responses: lists and rows */
    size_t body_count;
    size_t body_cap;
    struct call calls[ERRANDS];
};

/*
 * Start the errands, after the timeline and the records of the run were received.
 *
 * lists    the lists under the run's names
 * returns  0 also if there is nothing to request: then open is 0, and done is not called
 */
int errands_begin(struct errands *errands, const struct artifact_list *lists, size_t count,
                  struct err *err) MUST_CHECK;

/* Merge lists (as returned by the API) and the errands' responses; see artifact_list_join. */
int errands_join(const struct errands *errands, struct buf *out, const struct buf *const *lists,
                 size_t count, struct err *err) MUST_CHECK;

/*
 * Free the errands; if some are open, the loop must have been cleared. May be called twice, and
 * on {0}.
 */
void errands_clear(struct errands *errands);

#endif
