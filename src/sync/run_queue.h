/* SPDX-License-Identifier: MIT */
/*
 * turns: which of the queued runs is worked on next.
 *
 * A run that has not been tried is fresh, one that failed, lacks something or was put back
 * returns. Within each kind the one that is due first is first. Where there are two places or
 * more, returning runs never have all of them, and fresh ones not while others return.
 *
 * Pure.
 *
 * Units    milliseconds of any clock that only grows, passed in
 * Errors   ERR_LIMIT for more than TURNS_MAX runs, ERR_MEMORY
 * Owns     its runs, until turns_drop or turns_clear
 * Threads  one at a time; who has taken a run may read what is said to be for him
 */
#ifndef SYNC_RUN_QUEUE_H
#define SYNC_RUN_QUEUE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TURNS_ID_MAX 128
#define TURNS_MAX    100000

struct queued {
    char id[TURNS_ID_MAX + 1];
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

struct turns {
    struct queued *first; /* in the order of arrival */
    size_t count;
    uint64_t delay; /* a run is due so long after its webhook */
};

/* Release all; may be called twice. */
void turns_clear(struct turns *turns);

/* Append a run; its webhook arrived then. */
struct queued *turns_add(struct turns *turns, const char *id, int64_t arrived,
                         struct err *err) MUST_CHECK;

/* The run of an ID, or NULL. */
struct queued *turns_find(const struct turns *turns, const char *id);

/* Take the run whose turn it is; NULL: none, and next is when to ask again (INT64_MAX: when
 * something has changed). places: runs that are worked on at a time. */
struct queued *turns_take(struct turns *turns, size_t places, int64_t now, int64_t *next);

/* Whether a run is due that nobody works on. */
bool turns_wait(const struct turns *turns, int64_t now);

/* Why a run stays in the queue after an attempt. */
enum turns_why {
    TURNS_FAILURE,
    TURNS_MISSING,   /* something that may come */
    TURNS_MADE_ROOM, /* it took long, and others wait */
    TURNS_STOPPED,   /* no fault of its own */
};

/* Give a run back: it is due again then. */
void turns_later(struct turns *turns, struct queued *run, enum turns_why why, int64_t due);

/* A newer webhook has come: the run is due once more, as if it were the first time. */
void turns_renew(const struct turns *turns, struct queued *run, int64_t now);

/* The same webhook has come again: what has been put off is due sooner. False: it was not. */
bool turns_hurry(const struct turns *turns, struct queued *run, int64_t now);

/* Release a run. */
void turns_drop(struct turns *turns, struct queued *run);

#define TURNS_AGAIN_MAX 3600000 /* a run is tried at least so often */

/* How long until a run is tried again: again, and twice as long after each failure. */
uint64_t turns_again(const struct queued *run, uint64_t again);

#endif
