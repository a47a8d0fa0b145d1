/* SPDX-License-Identifier: MIT */
/*
 * run_queue: decides which of the queued runs is archived next.
 *
 * A run that was not tried yet is fresh; a run that failed, lacks artifacts or was suspended is
 * returning. Within each kind, the run that is due first is taken first. If two runs or more
 * are archived concurrently, returning runs never occupy all places, and fresh runs leave one
 * place to returning runs, if there are any.
 *
 * Pure.
 *
 * Units    milliseconds of a monotonic clock, passed in
 * Errors   ERR_LIMIT for more than RUN_QUEUE_MAX runs, ERR_MEMORY
 * Owns     its runs, until run_queue_drop or run_queue_clear
 * Threads  one at a time; the thread that took a run may read the fields marked for it
 */
#ifndef LISTEN_RUN_QUEUE_H
#define LISTEN_RUN_QUEUE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_QUEUE_ID_MAX 128
#define RUN_QUEUE_MAX    100000

struct queued {
    char id[RUN_QUEUE_ID_MAX + 1];
    /* may be read by the thread that took the run */
    unsigned failures; /* consecutive attempts that failed, or left artifacts missing */
    unsigned put_back; /* how often the run was suspended */
    int64_t tried;     /* time of the first attempt since the newest webhook; 0: none */
    bool incomplete;   /* artifacts are missing that may still appear */
    /* for the queue only */
    struct queued *next;
    uint8_t digest[SHA256_SIZE]; /* of the webhook */
    int64_t arrived;
    int64_t due;
    bool active;
    bool again; /* a newer webhook arrived while the run is active */
};

struct run_queue {
    struct queued *first; /* in order of arrival */
    size_t count;
    uint64_t delay; /* time from a webhook until its run is due */
};

/* Free all runs; may be called twice. */
void run_queue_clear(struct run_queue *queue);

/* Append a run whose webhook arrived at `arrived`. */
struct queued *run_queue_add(struct run_queue *queue, const char *id, int64_t arrived,
                             struct err *err) MUST_CHECK;

/* The run with this ID, or NULL. */
struct queued *run_queue_find(const struct run_queue *queue, const char *id);

/* Take the next run. Returns NULL if none is due, and sets *next to the time to ask again
 * (INT64_MAX: after a change of the queue). places: runs archived concurrently. */
struct queued *run_queue_take(struct run_queue *queue, size_t places, int64_t now,
                              int64_t *next);

/* Whether a run is due that is not active. */
bool run_queue_wait(const struct run_queue *queue, int64_t now);

/* Whether a run is active: taken, and not given back or dropped. */
bool run_queue_busy(const struct run_queue *queue);

/* Why a run stays in the queue after an attempt. */
enum run_queue_why {
    RUN_QUEUE_FAILURE,
    RUN_QUEUE_MISSING,   /* artifacts that may still appear */
    RUN_QUEUE_MADE_ROOM, /* suspended because others wait */
    RUN_QUEUE_STOPPED,   /* not the run's fault */
};

/* Give a run back; it is due again at `due`. */
void run_queue_later(struct run_queue *queue, struct queued *run, enum run_queue_why why,
                     int64_t due);

/* A newer webhook arrived: the run becomes due as if it were new. */
void run_queue_renew(const struct run_queue *queue, struct queued *run, int64_t now);

/* The same webhook arrived again: a deferred run becomes due earlier. Returns false if
 * nothing changed. */
bool run_queue_hurry(const struct run_queue *queue, struct queued *run, int64_t now);

/* Remove and free a run. */
void run_queue_drop(struct run_queue *queue, struct queued *run);

#define RUN_QUEUE_AGAIN_MAX 3600000 /* maximum delay of a retry */

/* The delay of the next retry: `again`, doubled after each failure. */
uint64_t run_queue_again(const struct queued *run, uint64_t again);

#endif
