/* SPDX-License-Identifier: MIT */
/*
 * latency: the lowest latency of a host, and whether requests wait in a queue.
 *
 * The lowest latency of the last ten to twenty seconds is taken as that without a queue. The
 * first response on a connection takes longer than others, so that these have a minimum of
 * their own.
 *
 * Pure: the caller passes the time.
 *
 * Units    microseconds; times in milliseconds of the monotonic clock
 * Errors   none
 * Owns     nothing
 * Threads  the transfer loop only
 */
#ifndef LIMIT_LATENCY_H
#define LIMIT_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

/* The minimum of some seconds. */
struct latency_least {
    uint64_t value[2]; /* of this and of the last period; 0: unknown */
    uint64_t period;   /* start of this period */
};

struct latency {
    struct latency_least used;  /* of responses on connections that were used before */
    struct latency_least fresh; /* of first responses of connections */
    uint64_t newest;            /* of the last response, as on a used connection */
};

/*
 * A response begins.
 *
 * value    time from when its request was sent
 * fresh    it is the first on its connection
 * returns  its latency, at least 1, as if the connection had been used before
 */
uint64_t latency_add(struct latency *latency, uint64_t value, bool fresh, uint64_t now);

/* The lowest latency known; 0: none. */
uint64_t latency_lowest(const struct latency *latency);

/* Whether requests with this mean latency wait in a queue: of the host, link or program. */
bool latency_is_queued(const struct latency *latency, uint64_t mean);

/* Whether the newest response came without waiting in a queue. */
bool latency_is_short(const struct latency *latency);

#endif
