/* SPDX-License-Identifier: MIT */
/*
 * origin: the hosts, each with its concurrency limit and the delay that it asked for.
 *
 * A limit finds the number of requests that a host can use (see limit/limit). Costly requests,
 * for which the host loads a whole object into its memory (Skyvern's content endpoint), are
 * limited to ORIGIN_COSTLY in addition. A Retry-After delays all requests to the host.
 *
 * Pure except for memory: the caller passes the time.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY
 * Owns     the origins, until origins_free
 * Threads  the transfer loop only
 * Source   RFC 9110, 10.2.3 and 15.6.4
 */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "base/err.h"
#include "limit/limit.h"
#include "net/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIGIN_COSTLY 16 /* maximum number of costly requests at a time */

struct origin {
    struct origin *next;
    char name[URL_ORIGIN_MAX];
    char prefix[URL_ORIGIN_MAX]; /* start of a plain URL of the origin, a cache; "": none yet */
    struct limit limit;
    unsigned costly; /* running requests that are costly */
    bool serial;     /* asked for HTTP/2, it answered by HTTP/1 */
    uint64_t until;  /* no request starts before this time */
    unsigned told;   /* the limit that was logged last */
};

/* What is known of an origin, for display. */
struct origin_state {
    char name[URL_ORIGIN_MAX];
    unsigned limit;     /* requests that may run now */
    unsigned running;   /* requests that run now */
    unsigned highest;   /* highest number of requests that ran */
    unsigned rejected;  /* requests that were throttled or broke */
    uint64_t responses; /* including error responses */
    uint64_t bytes;     /* of bodies */
    uint64_t rate_bps;  /* mean throughput while requests ran */
    uint64_t now_bps;   /* throughput of the last window */
    uint64_t latency;   /* mean time to the first byte of a response, in microseconds */
};

#define ORIGIN_TEXT_MAX (URL_ORIGIN_MAX + 160)

/* Describe an origin in one line: its limit, throughput and latency. Returns out. */
const char *origin_text(char out[ORIGIN_TEXT_MAX], const struct origin_state *state);

struct origins;

/* Create the set of origins; most: the upper bound of the limit of each. */
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

/* Describe at most `most` origins, those with the most responses first; returns how many. */
size_t origins_states(const struct origins *origins, struct origin_state *states, size_t most);

/* The milliseconds until the last of the hosts that ask to wait may be asked again; 0: none. */
uint64_t origins_asked(const struct origins *origins, uint64_t now);

/* The number of further requests, costly ones or others, that may start now. */
unsigned origin_room(const struct origin *origin, bool costly, uint64_t now);

/* Count a request that begins. */
void origin_begin(struct origin *origin, bool costly, uint64_t now);

/*
 * Count a request that ended.
 *
 * whole    with a complete response that is no rejection
 */
void origin_end(struct origin *origin, bool costly, bool whole, uint64_t now);

/*
 * Whether the limit has at least doubled, or halved, since this was last true (then it should
 * be logged).
 */
bool origin_changed(struct origin *origin);

/*
 * The origin throttled a request (429 or 503): lower the limit.
 *
 * begun    the start of the throttled request
 * asked    its Retry-After in milliseconds, or BACKOFF_UNSAID
 */
void origin_slow(struct origin *origin, uint64_t begun, uint64_t asked, uint64_t now);

#endif
