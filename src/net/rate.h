/* SPDX-License-Identifier: MIT */
/*
 * rate: a token bucket over all transfers together.
 *
 * Pure: the caller passes the clock. The bucket holds a tenth of a second's
 * bytes, so that short pieces do not wait and bursts stay small; a piece may
 * take it below zero and is paid back before the next.
 *
 * Units    bytes, bytes a second, milliseconds of the monotonic clock
 * Threads  the transfer loop only
 */
#ifndef NET_RATE_H
#define NET_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
    uint64_t rate_bps; /* 0: no limit */
    int64_t level;     /* thousandths of a byte in the bucket; below zero: debt */
    uint64_t since;    /* when level was right */
};

/* Start with a full bucket. */
void rate_init(struct rate *rate, uint64_t rate_bps, uint64_t now);

/* Whether a piece of len bytes may pass now; when it may, it is counted. */
bool rate_take(struct rate *rate, uint64_t now, size_t len);

/* Milliseconds until something may pass; 0: now. */
uint64_t rate_wait(const struct rate *rate, uint64_t now);

#endif
