/* SPDX-License-Identifier: MIT */
/*
 * rejection: lowers a concurrency limit when requests are rejected, and raises it again.
 *
 * A 429 or 503 halves the limit, a reset or a time-out takes 3/10, once for all requests that
 * began before the last decrease (multiplicative decrease); breaks only count if they are more
 * than a share of the last requests. Then the limit recovers step by step. After a 429 or 503
 * it stays below the number that was rejected (its cap); after 2 s, and then after three times
 * as long each time, one more request is tried (a probe).
 *
 * Pure: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 * Source   RFC 5681, 3.1 (multiplicative decrease)
 */
#ifndef LIMIT_REJECTION_H
#define LIMIT_REJECTION_H

#include "limit/level.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a request was rejected. */
enum limit_why {
    LIMIT_THROTTLED, /* 429 or 503 */
    LIMIT_BROKEN, /* the connection was refused or reset, or the host did not answer in time */
};

struct rejection {
    double broken;      /* share of the last requests that broke */
    unsigned cap_step;  /* by how much to raise the cap next */
    bool probing;       /* the cap was raised, and is tried */
    uint64_t cap_until; /* when to try that */
    uint64_t cap_time;  /* length of the next wait until then */
    unsigned goal;      /* after a decrease: raised step by step each window up to here */
    uint64_t lowered;   /* time of the last decrease; 0: none */
};

/* Initialise. */
void rejection_init(struct rejection *r);

/* A request has ended with a complete response. */
void rejection_success(struct rejection *r);

/*
 * A request was rejected.
 *
 * running  requests that ran, with the rejected one
 * begun    when the request started
 * returns  whether the limit was lowered
 */
bool rejection_add(struct rejection *r, struct level *level, enum limit_why why,
                   unsigned running, uint64_t begun, uint64_t now);

/* Raise the limit by a step after a decrease; false: the limit is where it was before. */
bool rejection_recover(const struct rejection *r, struct level *level);

/*
 * When the wait after a rejection is over, try a higher limit than the rejected one: one more,
 * and after each success twice as many more. Call this after a full window.
 *
 * returns  whether a probe has begun
 */
bool rejection_probe(struct rejection *r, struct level *level, uint64_t now);

#endif
