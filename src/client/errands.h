/* SPDX-License-Identifier: MIT */
/*
 * errands: artifacts of a run that the lists under its names do not hold.
 *
 * Two kinds of requests, ERRANDS of them at a time, all of the first kind before the second:
 * the lists of the tasks of the run's blocks, since some rows are in no other list, and the
 * rows of artifacts that the run's records name (strays), since a row tells what the artifact
 * is and in which ZIP it lies. Together with all other requests for the run they are at most
 * RECORD_REQUESTS_MAX; a run with more gets the note 'artifacts-cut'.
 *
 * Errors   ERR_MEMORY; what cannot be had is noted at the run
 * Owns     answers, until errands_clear
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
    bool wide;                                      /* lists are asked for without types */
    void (*over)(void *ctx, const struct err *err); /* when all have come; err NULL: well */
    void *ctx;

    enum errand kind;
    size_t next;           /* of the kind */
    unsigned open;         /* on their way */
    struct hashmap *known; /* IDs of the artifacts that have come */
    struct region *region;
    const char **strays;
    size_t stray_count;
    struct buf *bodies; /* lists and rows as served */
    size_t body_count;
    size_t body_cap;
    struct call calls[ERRANDS];
};

/*
 * Begin, the timeline and the records of the run being there.
 *
 * lists    what was listed under its names
 * returns  0 also when there is nothing to ask: then nothing is open, and over is not called
 */
int errands_begin(struct errands *errands, const struct artifact_list *lists, size_t count,
                  struct err *err) MUST_CHECK;

/* Join lists as served and all that has come into one; see artifact_list_join. */
int errands_join(const struct errands *errands, struct buf *out, const struct buf *const *lists,
                 size_t count, struct err *err) MUST_CHECK;

/* Release; the loop must have been cleared when some are open. May be called twice, and on {0}.
 */
void errands_clear(struct errands *errands);

#endif
