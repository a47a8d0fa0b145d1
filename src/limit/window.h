/* SPDX-License-Identifier: MIT */
/*
 * window: what is measured of a host's requests within a window of time.
 *
 * A window is full if as many requests ran as the limit allows. The measurements of other
 * windows are not used: the caller had too few requests, or no memory for more.
 *
 * Pure: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock; latencies in microseconds
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 */
#ifndef LIMIT_WINDOW_H
#define LIMIT_WINDOW_H

#include "limit/latency.h"

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint64_t since; /* 0: not opened yet */
    uint64_t until; /* time of the last event */
    uint64_t area;  /* running requests times milliseconds */
    uint64_t bytes;
    uint64_t done;    /* complete responses */
    uint64_t latency; /* sum of latencies */
    uint64_t answers; /* number of latencies */
    bool full;        /* as many requests ran as the limit allows */
};

/* How long a window is. */
struct window_span {
    uint64_t least;     /* at least this long ... */
    uint64_t latencies; /* ... and this number of mean latencies */
    uint64_t most;      /* with few responses, this and two mean latencies */
};

/* The result of a window. */
struct sample {
    double work;   /* throughput: bytes, and some for each response, per millisecond */
    double level;  /* mean number of running requests */
    double useful; /* number of requests that the host can use, half of them in a queue */
    bool queued;   /* requests waited in a queue */
};

/* Open a window; full: as many requests run as the limit allows. */
void window_open(struct window *w, bool full, uint64_t now);

/*
 * Count the time since the last event.
 *
 * running  requests that ran in that time
 * returns  that time
 */
uint64_t window_advance(struct window *w, unsigned running, uint64_t now);

/* The mean latency; 0: no response began. */
uint64_t window_latency(const struct window *w);

/*
 * Whether a window has enough for a decision.
 *
 * enough   number of complete responses
 * latency  the mean latency of the last window, for one without responses
 */
bool window_is_over(const struct window *w, const struct window_span *span, uint64_t enough,
                    uint64_t latency);

/* The result of a window, of at least one millisecond. */
struct sample window_sample(const struct window *w, const struct latency *latency);

#endif
