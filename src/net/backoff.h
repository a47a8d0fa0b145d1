/* SPDX-License-Identifier: MIT */
/*
 * backoff: when a failed transfer may start again.
 *
 * Exponential with full jitter: a uniform delay between zero and a ceiling that
 * doubles with each failure, so that clients which failed together do not come
 * back together.
 *
 * Pure: no clock, socket or dice of its own; the caller passes them in, so a
 * test replays a night of failures in a millisecond.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   none; an answer always exists
 * Owns     nothing; a struct backoff lives inside its transfer
 * Threads  the transfer loop only
 * Source   RFC 9110, 10.2.3 (Retry-After)
 */
#ifndef NET_BACKOFF_H
#define NET_BACKOFF_H

#include <stdint.h>

#define BACKOFF_NEVER    UINT64_MAX /* answer: give up */
#define BACKOFF_UNSAID   UINT64_MAX /* the server named no delay */
#define BACKOFF_BASE     500        /* ceiling of the first delay */
#define BACKOFF_MAX      30000      /* ceiling of all delays */
#define BACKOFF_PATIENCE 600000     /* a server that asks for more is given up */
#define BACKOFF_LONGEST  120        /* see backoff_allowance: an hour as things usually are */

struct backoff {
    unsigned failures; /* attempts that failed so far */
    unsigned retries;  /* most attempts after the first */
    uint64_t deadline; /* no attempt starts after this; UINT64_MAX: none */
};

/*
 * Decide what follows a failed attempt, and count it.
 *
 * now      when it failed
 * asked    the delay the server asked for, or BACKOFF_UNSAID
 * dice     uniform in 0..UINT32_MAX
 * returns  when to start again, never before now + asked; or BACKOFF_NEVER
 */
uint64_t backoff_next(struct backoff *b, uint64_t now, uint64_t asked, uint32_t dice);

/*
 * How long a body may take in all, its attempts together: generous, so that only what has no
 * end meets it. A body that is just not too slow (see engine_opts) has time for twice its size,
 * and one of unknown size for BACKOFF_LONGEST times the time in which a transfer has stalled.
 *
 * size     expected; 0: not known
 * bps      the slowest rate that is borne
 * stall    milliseconds after which a slower transfer has stalled
 * returns  milliseconds
 */
uint64_t backoff_allowance(uint64_t size, uint64_t bps, uint64_t stall);

/*
 * What a Retry-After or retry-after-ms header asks for.
 *
 * value    the header's text: seconds, or an HTTP date
 * unit     milliseconds a number counts: 1000 or 1
 * wall     the wall clock in ms, for dates
 * returns  milliseconds, or BACKOFF_UNSAID for what cannot be read
 */
uint64_t backoff_asked(const char *value, uint64_t unit, int64_t wall);

#endif
