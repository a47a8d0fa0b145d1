/* SPDX-License-Identifier: MIT */
/*
 * engine: the one loop that runs all transfers.
 *
 * libcurl's multi interface with what skyarc adds: redirects are followed here
 * and not by libcurl, since libcurl would carry x-api-key to any host it is
 * sent to; the key goes to its own origin alone, and by plain http through no proxy
 * (see net/proxy); from an https API nothing is fetched by plain http. Whoever cannot take more
 * bytes pauses its transfer, and the socket's window then slows the sender. A transfer that all
 * but stands still is ended, so that somebody else gets its place; a host that asks for less
 * gets less.
 *
 * Units    milliseconds; bytes a second
 * Errors   a request's own are in it; the engine's: ERR_MEMORY, ERR_SYSTEM
 * Owns     connections; requests belong to their callers until done
 * Threads  one, but for engine_wake
 * Source   RFC 9110, 15.4 (redirects)
 */
#ifndef NET_ENGINE_H
#define NET_ENGINE_H

#include "base/err.h"
#include "net/origin.h"
#include "net/request.h"

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_REDIRECTS 5
#define ENGINE_STALL_BPS 1024
#define ENGINE_STALL_S   30

struct engine_opts {
    const char *agent;   /* User-Agent */
    const char *ca_file; /* PEM, or NULL: the system's */
    bool secure;         /* https alone */
    uint64_t rate_bps;   /* all transfers together; 0: no limit */
    unsigned jobs;       /* connections worth keeping; 0: one */
    uint64_t stall_bps;  /* a transfer slower than this ... */
    uint64_t stall_s;    /* ... for so many seconds has stalled; 0: the defaults, for both */
};

struct engine;

/* Lends the strings of opts until engine_free. */
struct engine *engine_new(const struct engine_opts *opts, struct err *err) MUST_CHECK;

/* Drop running transfers without a word, and release; NULL is fine. */
void engine_free(struct engine *engine);

/* Start a request; done will be called from engine_poll, never from here. */
int engine_start(struct engine *engine, struct request *request, struct err *err) MUST_CHECK;

/* The origin that a URL is at, with its limits: ask origin_room before a request is started.
 * Lent until engine_free; NULL for a URL that is none, or without memory. */
struct origin *engine_origin(struct engine *engine, const char *url);

/* What a request that has ended was told: to ask for less. */
void engine_slow(const struct request *request);

/* Forget a running request; done is not called. */
void engine_drop(struct engine *engine, struct request *request);

/* Milliseconds that a running request may take as a whole, by the length that was announced:
 * see backoff_allowance. With a rate limit, each of the engine's transfers has its part of it.
 */
uint64_t engine_allowance(const struct engine *engine, const struct request *request);

/*
 * Move bytes, call what is done, and wait for more at most timeout.
 *
 * fd       one descriptor more to wait for (its input), or -1
 */
int engine_poll(struct engine *engine, int timeout, int fd, struct err *err) MUST_CHECK;

/* Make a waiting engine_poll return. Any thread. */
void engine_wake(struct engine *engine);

/*
 * Offer a request the bytes that its sink did not take (SINK_FULL): the sink is called from
 * here. Nothing when there are none, or when the rate limit holds them. Not from within a sink.
 */
void engine_resume(struct request *request);

#endif
