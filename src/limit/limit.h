/* SPDX-License-Identifier: MIT */
/*
 * limit: an adaptive concurrency limit: how many requests one host gets at a time.
 *
 * The limit begins at LEVEL_START. In slow start (limit/slow_start) it grows exponentially, as
 * long as the throughput grows. Then other limits are tried, one for each window of time, and
 * kept if they are better (limit/trial): so the limit is about the smallest with the full
 * throughput. Rejections lower the limit (limit/rejection).
 *
 * A window (limit/window) counts only if as many requests ran as the limit allows: if the
 * caller has too few requests, or no memory for more bodies, the host is not what limits the
 * throughput.
 *
 * Pure: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock; latencies in microseconds; bytes a second
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 */
#ifndef LIMIT_LIMIT_H
#define LIMIT_LIMIT_H

#include "limit/latency.h"
#include "limit/level.h"
#include "limit/rejection.h"
#include "limit/slow_start.h"
#include "limit/trial.h"
#include "limit/window.h"

#include <stdbool.h>
#include <stdint.h>

struct limit {
    struct level level;
    unsigned running;  /* requests that run */
    unsigned highest;  /* highest number of requests that have run */
    unsigned rejected; /* requests that were throttled or broke */
    uint64_t rate_bps; /* throughput of the last window */
    uint64_t latency;  /* mean latency of the last window */

    /* since the beginning */
    uint64_t bytes;
    uint64_t answers;
    uint64_t waited; /* sum of the latencies of these answers */
    uint64_t busy;   /* time with running requests */

    /* private */
    struct window window;
    struct latency latencies;
    struct slow_start slow_start;
    struct trial trial;
    struct rejection rejection;
};

/* Initialise; most: the upper bound, at least 1. */
void limit_init(struct limit *limit, unsigned most);

/* The number of further requests that may start now. */
unsigned limit_room(const struct limit *limit);

/* A request starts. */
void limit_begin(struct limit *limit, uint64_t now);

/*
 * A response begins.
 *
 * latency  time from when the request was sent, in microseconds
 * fresh    it is the first on its connection, whose latency is longer
 */
void limit_first(struct limit *limit, uint64_t latency, bool fresh, uint64_t now);

/* Bytes of a body were received. */
void limit_bytes(struct limit *limit, uint64_t bytes, uint64_t now);

/*
 * A request has ended.
 *
 * whole    with a complete response that is no rejection
 */
void limit_end(struct limit *limit, bool whole, uint64_t now);

/*
 * A request was rejected; call this after limit_end.
 *
 * begun    when the request started
 */
void limit_reject(struct limit *limit, enum limit_why why, uint64_t begun, uint64_t now);

#endif
