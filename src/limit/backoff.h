/* SPDX-License-Identifier: MIT */
/*
 * backoff: exponential backoff: when a failed transfer is retried.
 *
 * The delay has full jitter: it is uniform between zero and a ceiling that doubles with each
 * failure, so that clients which failed at the same time do not retry at the same time.
 *
 * Pure: the caller passes in the time and the random number.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   none
 * Owns     nothing; a struct backoff is a member of what is retried: a task, a call of the API,
 *          a request to an object store
 * Threads  one at a time
 * Source   RFC 9110, 10.2.3 (Retry-After)
 */
#ifndef LIMIT_BACKOFF_H
#define LIMIT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_NEVER    UINT64_MAX /* return value: give up */
#define BACKOFF_UNSAID   UINT64_MAX /* the server asked for no delay */
#define BACKOFF_BASE     500        /* ceiling of the first delay */
#define BACKOFF_MAX      30000      /* ceiling of all delays */
#define BACKOFF_PATIENCE 600000     /* a server that asks for a longer delay is given up */
#define BACKOFF_PROGRESS 65536      /* see backoff_received */
#define BACKOFF_LONGEST  120        /* see backoff_allowance: one hour with the defaults */

struct backoff {
    unsigned failures; /* failed attempts so far */
    unsigned retries;  /* maximum number of retries */
    uint64_t deadline; /* no attempt starts after this; UINT64_MAX: none */
    unsigned restarts; /* attempts that received again what had been discarded */
    uint64_t furthest; /* the most bytes of a body that were kept at a time */
    uint64_t until;    /* more than `retries` are made before this; 0: not */
};

/*
 * Note what a failed attempt has received. BACKOFF_PROGRESS bytes that are kept renew the
 * retries; but bytes that replace discarded ones do so only `retries` times: a server that
 * never continues a body would otherwise be asked without an end.
 *
 * received  the bytes of this attempt, if they are kept
 * have      all bytes that are kept, with those of former attempts
 */
void backoff_received(struct backoff *b, uint64_t received, uint64_t have);

/*
 * Note that a failed attempt did not reach the server at all. Such attempts cost the server
 * nothing, and say nothing of the request: they are repeated for `patience` ms from the first
 * of them on, however many they are, and the retries are renewed when the server is reached.
 *
 * now      the time of the failure
 * reached  false: the attempt did not reach the server
 */
void backoff_reached(struct backoff *b, uint64_t now, bool reached, uint64_t patience);

/*
 * Count a failed attempt, and decide when to retry.
 *
 * now      the time of the failure
 * asked    the delay the server asked for, or BACKOFF_UNSAID
 * dice     a random number, uniform in 0..UINT32_MAX
 * returns  the time of the retry, never before now + asked; or BACKOFF_NEVER
 */
uint64_t backoff_next(struct backoff *b, uint64_t now, uint64_t asked, uint32_t dice);

/*
 * The time limit for a body, over all attempts: generous, so that it only ends bodies that
 * never end. It is the time for twice the size at the slowest allowed rate (see engine_opts),
 * plus BACKOFF_LONGEST times the stall time.
 *
 * size     expected size in bytes; 0: unknown
 * bps      the slowest allowed rate, in bytes a second
 * stall    milliseconds after which a slower transfer counts as stalled
 * returns  milliseconds
 */
uint64_t backoff_allowance(uint64_t size, uint64_t bps, uint64_t stall);

/*
 * The slowest allowed rate of one of several transfers under a rate limit: half of its share,
 * if that is less than bps.
 *
 * rate     of all transfers, in bytes a second; 0: not limited
 * returns  at least 1, if there is a limit
 */
uint64_t backoff_share(uint64_t bps, uint64_t rate, uint64_t transfers);

/*
 * Parse a Retry-After or retry-after-ms header.
 *
 * value    the header's value: a number or an HTTP date
 * unit     unit of a number in milliseconds: 1000 or 1
 * wall     the wall clock in ms, for dates
 * returns  milliseconds, or BACKOFF_UNSAID if the value is malformed
 */
uint64_t backoff_asked(const char *value, uint64_t unit, int64_t wall);

#endif
