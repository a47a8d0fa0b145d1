/* SPDX-License-Identifier: MIT */
/*
 * origin: how many transfers a host gets at a time, as it can bear them.
 *
 * Additive increase, multiplicative decrease: a 429 or 503 halves what runs at
 * a time, once for all that had been started before it was halved, and quiet
 * seconds give back one each. A Retry-After keeps the whole host waiting, for it
 * is the host that asked.
 *
 * Pure but for its memory: the caller passes the clock.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY
 * Owns     its origins, until origins_free
 * Threads  the transfer loop only
 * Source   RFC 6585, 4; RFC 9110, 10.2.3 and 15.6.4; the scheme is TCP's (RFC 5681, 3.1)
 */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "base/err.h"
#include "net/url.h"

#include <stdbool.h>
#include <stdint.h>

#define ORIGIN_RECOVER 1000 /* a quiet time after which one transfer more may run */

struct origin {
    struct origin *next;
    char name[URL_ORIGIN_MAX];
    char prefix[URL_ORIGIN_MAX]; /* how a plain URL of it began; "": none has been seen */
    unsigned most;               /* as many at first */
    unsigned limit;              /* as many now */
    unsigned running;            /* this many */
    uint64_t changed;            /* when the limit last changed */
    uint64_t halved;             /* when it was last halved; 0: never */
    uint64_t until;              /* nothing starts before */
};

struct origins;

/* most: transfers that an origin gets at first. */
struct origins *origins_new(unsigned most, struct err *err) MUST_CHECK;

/* Free all origins; NULL is fine. No transfer may be under way. */
void origins_free(struct origins *origins);

/* The origin of a name as url_origin gives it; lent until origins_free. */
struct origin *origins_find(struct origins *origins, const char *name,
                            struct err *err) MUST_CHECK;

/*
 * The origin of a URL, as url_origin takes it; lent until origins_free. One that begins as a
 * plain URL before did, up to its host's end, is not taken apart again.
 */
struct origin *origins_of_url(struct origins *origins, const char *url,
                              struct err *err) MUST_CHECK;

/* How many more may start now. */
unsigned origin_room(const struct origin *origin, uint64_t now);

/* A transfer has begun; it has ended: well (ok), or somehow. */
void origin_begin(struct origin *origin);

/*
 * A transfer from this origin has ended. ok: with a whole answer; otherwise the limit may
 * sink. now: monotonic milliseconds.
 */
void origin_end(struct origin *origin, bool ok, uint64_t now);

/*
 * It asked for less.
 *
 * begun    when the transfer began that was told so
 * asked    Retry-After, or BACKOFF_UNSAID
 */
void origin_slow(struct origin *origin, uint64_t begun, uint64_t asked, uint64_t now);

#endif
