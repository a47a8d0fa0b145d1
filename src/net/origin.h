/* SPDX-License-Identifier: MIT */
/*
 * origin: the concurrency limit of each host, adapted to its throttling.
 *
 * Additive increase, multiplicative decrease: a 429 or 503 halves the limit, but only once for
 * all transfers that began before the last decrease. Each ORIGIN_RECOVER without throttling
 * raises the limit by one. A Retry-After delays all transfers of the host.
 *
 * Pure except for memory: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY
 * Owns     the origins, until origins_free
 * Threads  the transfer loop only
 * Source   RFC 6585, 4; RFC 9110, 10.2.3 and 15.6.4; the algorithm is TCP's (RFC 5681, 3.1)
 */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "base/err.h"
#include "net/url.h"

#include <stdbool.h>
#include <stdint.h>

#define ORIGIN_RECOVER 1000 /* time without throttling after which the limit grows by one */

struct origin {
    struct origin *next;
    char name[URL_ORIGIN_MAX];
    char prefix[URL_ORIGIN_MAX]; /* start of a plain URL of the origin, a cache; "": none yet */
    unsigned most;               /* initial limit */
    unsigned limit;              /* current limit */
    unsigned running;            /* running transfers */
    uint64_t changed;            /* time of the limit's last change */
    uint64_t halved;             /* time of the last decrease; 0: none yet */
    uint64_t until;              /* no transfer starts before this time */
};

struct origins;

/* Create the set of origins; most: the initial limit of each. */
struct origins *origins_new(unsigned most, struct err *err) MUST_CHECK;

/* Free all origins; no transfer may be running. NULL is fine. */
void origins_free(struct origins *origins);

/* Find or create the origin with a name as url_origin gives it; valid until origins_free. */
struct origin *origins_find(struct origins *origins, const char *name,
                            struct err *err) MUST_CHECK;

/*
 * Find or create the origin of a URL; valid until origins_free. A URL that starts with the same
 * plain scheme and host as an earlier one is not parsed again.
 */
struct origin *origins_of_url(struct origins *origins, const char *url,
                              struct err *err) MUST_CHECK;

/* The milliseconds until the last of the hosts that ask to wait may be asked again; 0: none. */
uint64_t origins_asked(const struct origins *origins, uint64_t now);

/* The number of further transfers that may start now. */
unsigned origin_room(const struct origin *origin, uint64_t now);

/* Count a transfer that begins. */
void origin_begin(struct origin *origin);

/*
 * Count a transfer that ended. ok: with a complete, successful response, after which the limit
 * may grow.
 */
void origin_end(struct origin *origin, bool ok, uint64_t now);

/*
 * The origin throttled a transfer: lower the limit.
 *
 * begun    the start of the throttled transfer
 * asked    its Retry-After in milliseconds, or BACKOFF_UNSAID
 */
void origin_slow(struct origin *origin, uint64_t begun, uint64_t asked, uint64_t now);

#endif
