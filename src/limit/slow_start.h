/* SPDX-License-Identifier: MIT */
/*
 * slow_start: the first phase of a concurrency limit, in which it grows exponentially.
 *
 * Each complete response raises the limit, up to threefold in each round, as long as the
 * throughput grows. A round takes a round trip; slow start is over after some rounds in which
 * the throughput did not grow, or after one in which requests waited in a queue.
 *
 * Pure.
 *
 * Errors   none
 * Owns     nothing; {0} is the state at the beginning
 * Threads  the transfer loop only
 * Source   RFC 5681, 3.1
 */
#ifndef LIMIT_SLOW_START_H
#define LIMIT_SLOW_START_H

#include "limit/level.h"
#include "limit/window.h"

#include <stdbool.h>
#include <stdint.h>

struct slow_start {
    double best;       /* highest work of a round */
    double best_level; /* mean number of running requests in that round */
    unsigned flat;     /* rounds without growth since */
    bool over;
};

/* Raise the limit after a complete response that did not wait in a queue. */
void slow_start_raise(struct level *level);

/*
 * Decide after a round; may end slow start.
 *
 * done  complete responses in the round
 */
void slow_start_round(struct slow_start *s, struct level *level, const struct sample *sample,
                      uint64_t done);

#endif
