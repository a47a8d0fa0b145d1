/* SPDX-License-Identifier: MIT */
/*
 * inbox: webhooks on the disk until their run is archived.
 *
 * DEST/.queue/RUN_ID.json is a webhook's body, written whole, flushed and renamed before
 * inbox_put answers; it goes only when inbox_leave says that the run's archive stands. What was
 * given up is renamed to RUN_ID.failed, and what is archived but lacks something that does not
 * come to RUN_ID.incomplete. DEST/.listen/RUN_ID.known has the digests of the webhooks whose
 * run is archived whole: such a webhook is known, and costs nothing when it comes again.
 *
 * A run has one file: a newer webhook takes the place of the older. One that comes while its
 * run is being worked on is kept, and the run is due once more.
 *
 * Units    milliseconds of the monotonic clock, passed in; what was queued by an earlier
 * process has its age by the wall clock, and may have come before that clock's beginning Errors
 * ERR_SYSTEM; ERR_LIMIT for more than RUN_QUEUE_MAX runs; ERR_BUSY: another process has the
 * directory Owns     its list of runs; a run that was taken is lent until it is given back
 * Threads  any
 */
#ifndef SYNC_INBOX_H
#define SYNC_INBOX_H

#include "base/buf.h"
#include "base/err.h"
#include "sync/run_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INBOX_KNOWN_MAX 16 /* digests that are kept of one run */

struct inbox;

struct inbox_opts {
    const char *dest;
    bool (*valid)(const char *id); /* whether a text may be a run ID, and so a file's name */
    size_t body_max;
    uint64_t delay; /* a run is due so long after its webhook */
};

enum inbox_verdict {
    INBOX_QUEUED,
    INBOX_KNOWN, /* this webhook is queued already, or its run archived */
    INBOX_ERROR,
};

/* What becomes of a run that leaves the queue. */
enum inbox_end {
    INBOX_DONE,       /* archived whole */
    INBOX_FAILED,     /* given up */
    INBOX_INCOMPLETE, /* archived, and what is missing does not come */
};

struct inbox_counts {
    size_t queued; /* active ones too */
    size_t active;
    size_t waiting;    /* of the queued: lack something that may come */
    size_t failed;     /* files of those given up */
    size_t incomplete; /* files of those that lack something for good */
    int64_t late;      /* of those that do not wait, how long ago the first was due; or 0 */
};

/* Make the directories, lock them, and find what was queued before. */
struct inbox *inbox_open(const struct inbox_opts *opts, int64_t now,
                         struct err *err) MUST_CHECK;

/* Let go; NULL is fine. */
void inbox_close(struct inbox *inbox);

/* Keep a webhook. id must be valid. */
enum inbox_verdict inbox_put(struct inbox *inbox, const char *id, const char *body, size_t len,
                             int64_t now, struct err *err);

/* run_queue_take, run_queue_wait and run_queue_later, for any thread. */
struct queued *inbox_take(struct inbox *inbox, size_t places, int64_t now, int64_t *next);

/* Whether a run is due by now (milliseconds since 1970); see run_queue_wait. */
bool inbox_waits(struct inbox *inbox, int64_t now);

/*
 * Put a run back until due (milliseconds since 1970), for the reason why; see run_queue_later.
 */
void inbox_later(struct inbox *inbox, struct queued *run, enum run_queue_why why, int64_t due);

/* Read the webhook of a run that was taken. */
int inbox_read(struct inbox *inbox, const struct queued *run, struct buf *out,
               struct err *err) MUST_CHECK;

/* Give a run back for good, unless a newer webhook has come: then it is due again. On error it
 * is still taken. */
int inbox_leave(struct inbox *inbox, struct queued *run, enum inbox_end how, int64_t now,
                struct err *err) MUST_CHECK;

/* How the queue is; files are counted again when the last time is ten seconds ago. */
struct inbox_counts inbox_counts(struct inbox *inbox, int64_t now);

#endif
