/* SPDX-License-Identifier: MIT */
/*
 * inbox: webhooks stored on disk until their run is archived.
 *
 * DEST/.queue/RUN_ID.json is a webhook's body, written completely, flushed and renamed before
 * inbox_put returns. The file is removed only when inbox_leave is told that the run's archive
 * exists. The file of a run that was given up is renamed to RUN_ID.failed, that of a run
 * archived with permanently missing artifacts to RUN_ID.incomplete. DEST/.listen/RUN_ID.known
 * has the digests of webhooks whose run is archived completely: such a webhook is ignored when
 * it is sent again.
 *
 * A run has one file: a newer webhook replaces the older. If a webhook arrives while its run is
 * being archived, it is kept, and the run becomes due again.
 *
 * Units    milliseconds of the monotonic clock, passed in; a webhook queued by an earlier
 *          process gets its age from the wall clock, so that its time may be before that
 *          clock's zero
 * Errors   ERR_SYSTEM; ERR_LIMIT for more than RUN_QUEUE_MAX runs; ERR_BUSY: another process
 *          uses the directory
 * Owns     its list of runs; a run that was taken belongs to the taker until it is given back
 * Threads  any
 */
#ifndef LISTEN_INBOX_H
#define LISTEN_INBOX_H

#include "base/buf.h"
#include "base/err.h"
#include "listen/run_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INBOX_KNOWN_MAX 16 /* digests kept per run */

struct inbox;

struct inbox_opts {
    const char *dest;
    bool (*valid)(const char *id); /* whether a text may be a run ID, and so a file name */
    size_t body_max;
    uint64_t delay; /* time from a webhook until its run is due */
};

enum inbox_verdict {
    INBOX_QUEUED,
    INBOX_KNOWN, /* the webhook is already queued, or its run archived */
    INBOX_ERROR,
};

/* Why a run leaves the queue. */
enum inbox_end {
    INBOX_DONE,       /* archived completely */
    INBOX_FAILED,     /* given up */
    INBOX_INCOMPLETE, /* archived, with permanently missing artifacts */
};

struct inbox_counts {
    size_t queued; /* including active runs */
    size_t active;
    size_t waiting;    /* queued runs that lack artifacts which may still appear */
    size_t failed;     /* number of .failed files */
    size_t incomplete; /* number of .incomplete files */
    int64_t late;      /* of runs that are not waiting: time since the first was due; 0: none
                        * is due */
};

/* Create and lock the directories, and load the webhooks queued before. */
struct inbox *inbox_open(const struct inbox_opts *opts, int64_t now,
                         struct err *err) MUST_CHECK;

/* Unlock and free; may be NULL. */
void inbox_close(struct inbox *inbox);

/* Store a webhook. id must be valid. */
enum inbox_verdict inbox_put(struct inbox *inbox, const char *id, const char *body, size_t len,
                             int64_t now, struct err *err);

/* As run_queue_take; any thread. */
struct queued *inbox_take(struct inbox *inbox, size_t places, int64_t now, int64_t *next);

/* Whether another run is due (now: milliseconds of the monotonic clock); see run_queue_wait. */
bool inbox_waits(struct inbox *inbox, int64_t now);

/*
 * Put a run back until `due` (milliseconds of the monotonic clock), for the reason `why`; see
 * run_queue_later.
 */
void inbox_later(struct inbox *inbox, struct queued *run, enum run_queue_why why, int64_t due);

/* Read the webhook of a taken run. */
int inbox_read(struct inbox *inbox, const struct queued *run, struct buf *out,
               struct err *err) MUST_CHECK;

/* Remove a taken run from the queue, unless a newer webhook arrived: then the run is due
 * again. On failure the run remains taken. */
int inbox_leave(struct inbox *inbox, struct queued *run, enum inbox_end how, int64_t now,
                struct err *err) MUST_CHECK;

/* The counts of the queue; files are counted again if the last count is ten seconds old. */
struct inbox_counts inbox_counts(struct inbox *inbox, int64_t now);

#endif
