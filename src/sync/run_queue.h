/* SPDX-License-Identifier: MIT */
/*
 * run_queue: which of the queued runs is worked on next.
 *
 * A run that has not been tried is fresh, one that failed, lacks something or was put back
 * returns. Within each kind the one that is due first is first. Where there are two places or
 * more, returning runs never have all of them, and fresh ones not while others return.
 *
 * Pure.
 *
 * Units    milliseconds of any clock that only grows, passed in
 * Errors   ERR_LIMIT for more than RUN_QUEUE_MAX runs, ERR_MEMORY
 * Owns     its runs, until run_queue_drop or run_queue_clear
 * Threads  one at a time; who has taken a run may read what is said to be for him
 */
#ifndef SYNC_RUN_QUEUE_H
#define SYNC_RUN_QUEUE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_QUEUE_ID_MAX 128
#define RUN_QUEUE_MAX    100000

struct queued {
    char id[RUN_QUEUE_ID_MAX + 1];
    /* to be read by whoever has taken it */
    unsigned failures; /* attempts in a row that failed, or left something missing */
    unsigned put_back; /* how often it had to make room */
    int64_t tried;     /* the first attempt since its newest webhook; 0: there was none */
    bool incomplete;   /* something is missing that may come */
    /* the others' */
    struct queued *next;
    uint8_t digest[SHA256_SIZE]; /* of the webhook */
    int64_t arrived;
    int64_t due;
    bool active;
    bool again; /* a newer webhook came while it is active */
};

struct run_queue {
    struct queued *first; /* in the order of arrival */
    size_t count;
    uint64_t delay; /* a run is due so long after its webhook */
};

/* Release all; may be called twice. */
void run_queue_clear(struct run_queue *turns);

/* Append a run; its webhook arrived then. */
struct queued *run_queue_add(struct run_queue *turns, const char *id, int64_t arrived,
                             struct err *err) MUST_CHECK;

/* The run of an ID, or NULL. */
struct queued *run_queue_find(const struct run_queue *turns, const char *id);

/* Take the run whose turn it is; NULL: none, and next is when to ask again (INT64_MAX: when
 * something has changed). places: runs that are worked on at a time. */
struct queued *run_queue_take(struct run_queue *turns, size_t places, int64_t now,
                              int64_t *next);

/* Whether a run is due that nobody works on. */
bool run_queue_wait(const struct run_queue *turns, int64_t now);

/* Why a run stays in the queue after an attempt. */
enum run_queue_why {
    RUN_QUEUE_FAILURE,
    RUN_QUEUE_MISSING,   /* something that may come */
    RUN_QUEUE_MADE_ROOM, /* it took long, and others wait */
    RUN_QUEUE_STOPPED,   /* no fault of its own */
};

/* Give a run back: it is due again then. */
void run_queue_later(struct run_queue *turns, struct queued *run, enum run_queue_why why,
                     int64_t due);

/* A newer webhook has come: the run is due once more, as if it were the first time. */
void run_queue_renew(const struct run_queue *turns, struct queued *run, int64_t now);

/* The same webhook has come again: what has been put off is due sooner. False: it was not. */
bool run_queue_hurry(const struct run_queue *turns, struct queued *run, int64_t now);

/* Release a run. */
void run_queue_drop(struct run_queue *turns, struct queued *run);

#define RUN_QUEUE_AGAIN_MAX 3600000 /* a run is tried at least so often */

/* How long until a run is tried again: again, and twice as long after each failure. */
uint64_t run_queue_again(const struct queued *run, uint64_t again);

#endif
