/* SPDX-License-Identifier: MIT */
/*
 * rate: a rate limiter: one token bucket for all transfers.
 *
 * Pure: the caller passes the time. The bucket holds the bytes of a tenth of a second, so that
 * short pieces do not wait and bursts stay small. A piece may make the level negative; the next
 * piece waits until the level is positive again.
 *
 * Units    bytes, bytes a second, milliseconds of the monotonic clock
 * Threads  the transfer loop only
 */
#ifndef LIMIT_RATE_H
#define LIMIT_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
    uint64_t rate_bps; /* 0: no limit */
    int64_t level;     /* level in thousandths of a byte; may be negative */
    uint64_t since;    /* time at which level was computed */
};

/* Initialise with a full bucket. */
void rate_init(struct rate *rate, uint64_t rate_bps, uint64_t now);

/* Whether a piece of len bytes may pass now; if so, its bytes are taken from the bucket. */
bool rate_take(struct rate *rate, uint64_t now, size_t len);

/* Milliseconds until a piece may pass; 0: now. */
uint64_t rate_wait(const struct rate *rate, uint64_t now);

#endif
