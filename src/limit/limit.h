/* SPDX-License-Identifier: MIT */
/*
 * limit: an adaptive concurrency limit: how many requests one host gets at a time.
 *
 * The limit begins at LIMIT_START. In slow start each complete response raises the limit, up to
 * threefold in each round trip, as long as the throughput grows. Then the limit climbs: for one
 * window it is raised by a quarter, and stays there only if the throughput has grown; if the
 * latency is more than twice the lowest latency, the limit is lowered by a quarter for one
 * window, and stays there unless the throughput has fallen. So the limit is about the smallest
 * with the full throughput.
 *
 * Rejections lower the limit (additive increase, multiplicative decrease): 429 and 503 halve
 * it, a reset or a time-out takes 3/10, once for all requests that began before the last
 * decrease. After a 429 or 503 the limit stays below the number that was rejected; after 2 s,
 * and then after three times as long each time, one more request is tried.
 *
 * A window counts only if as many requests ran as the limit allows: if the caller has too
 * little to do, or no memory for more bodies, the throughput says nothing about the host.
 *
 * Pure: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock; latencies in microseconds; bytes a second
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 * Source   RFC 5681, 3.1 (slow start, multiplicative decrease); the gradient of latencies is
 *          that of TCP Vegas and of Netflix's concurrency-limits
 */
#ifndef LIMIT_LIMIT_H
#define LIMIT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_START 16 /* the first limit, unless the upper bound is lower */

/* Why a request was rejected. */
enum limit_why {
    LIMIT_THROTTLED, /* 429 or 503 */
    LIMIT_BROKEN, /* the connection was refused or reset, or the host did not answer in time */
};

/* What was measured in one window. */
struct limit_window {
    uint64_t since;
    uint64_t until; /* time of the last event */
    uint64_t area;  /* running requests times milliseconds */
    uint64_t bytes;
    uint64_t done;
    uint64_t latency; /* sum of latencies */
    uint64_t answers; /* number of latencies */
    uint64_t lowest;  /* lowest latency */
    bool full;        /* as many requests ran as the limit allows */
};

/* The lowest latency of some seconds. */
struct limit_least {
    uint64_t value[2]; /* of this and of the last period; 0: unknown */
    uint64_t period;   /* start of this period */
};

enum limit_phase { LIMIT_SLOW_START, LIMIT_STEADY, LIMIT_RAISED, LIMIT_LOWERED };

struct limit {
    unsigned most;     /* upper bound */
    unsigned now;      /* requests that may run */
    unsigned running;  /* requests that run */
    unsigned highest;  /* highest number of requests that have run */
    unsigned rejected; /* requests that were throttled or broke */
    uint64_t rate_bps; /* throughput of the last window */
    uint64_t latency;  /* mean latency of the last window */

    /* since the beginning */
    uint64_t bytes;
    uint64_t answers;
    uint64_t latencies; /* sum of their latencies */
    uint64_t busy;      /* time with running requests */

    /* private */
    enum limit_phase phase;
    struct limit_window window;
    unsigned base;      /* limit at the start of the round, or before the current trial */
    double best;        /* work per millisecond that a trial is compared with */
    double best_level;  /* mean number of running requests at that time */
    uint64_t newest;    /* latency of the last response */
    double broken;      /* share of the last requests that broke */
    unsigned flat;      /* rounds of slow start without growth */
    unsigned wins;      /* successful raises in a row */
    unsigned pause;     /* windows until the next raise */
    unsigned pauses;    /* length of the next pause */
    unsigned rest;      /* windows until the limit may be lowered again */
    unsigned cap;       /* the limit stays below, as more was rejected; 0: none */
    unsigned cap_step;  /* by how much to raise it next */
    bool probing;       /* cap was raised, to be tried */
    uint64_t cap_until; /* when to try that */
    uint64_t cap_time;  /* length of the next wait until then */
    unsigned goal;      /* after a decrease: raised by one each window up to here */
    uint64_t lowered;   /* time of the last decrease by a rejection; 0: none */
    struct limit_least lowest;
    struct limit_least lowest_fresh; /* of first responses of connections */
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
 * fresh    it is the first on its connection: what that costs is no sign of a queue
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
