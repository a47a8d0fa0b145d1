/* SPDX-License-Identifier: MIT */
/*
 * engine: runs HTTP transfers concurrently, with libcurl's multi interface.
 *
 * The engine follows redirects itself, because libcurl would send x-api-key to any redirect
 * target. The key is sent to its own origin only, and over plain http through no proxy (see
 * net/proxy). If the API uses https, nothing is fetched over plain http. A sink without room
 * pauses its transfer, and TCP flow control then slows the sender (back pressure). Stalled
 * transfers are ended, so that they do not occupy a slot. Each host gets as many concurrent
 * transfers as it can use (see limit/limit).
 *
 * HTTP/2: libcurl 7.88.1 announces a window of 32 MiB for each stream, which cannot be changed,
 * and keeps in memory what a paused stream receives, up to the whole window. So no stream is
 * paused: a sink takes all bytes of a response with request->stream set, long bodies are asked
 * for by HTTP/1.1, whose connections TCP slows down, and with a rate limit all are. A stream
 * without room in its buffer stops the reading of its whole connection. Therefore the streams
 * are spread over ENGINE_CONNECTIONS connections for each host, and more if the server allows
 * fewer streams.
 *
 * Units    milliseconds; bytes a second
 * Errors   errors of a request are in request->err; the engine's own: ERR_MEMORY, ERR_SYSTEM
 * Owns     connections; a request belongs to its caller, who keeps it until done is called
 * Threads  one, except for engine_wake
 * Source   RFC 9110, 15.4 (redirects)
 */
#ifndef NET_ENGINE_H
#define NET_ENGINE_H

#include "base/err.h"
#include "base/reserve.h"
#include "net/origin.h"
#include "net/request.h"

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_REDIRECTS   5
#define ENGINE_STALL_BPS   1024
#define ENGINE_STALL_S     30
#define ENGINE_CALLS       64 /* API requests for which a host's limit has room beside jobs */
#define ENGINE_CONNECTIONS 8  /* HTTP/2 connections to each host, if there is enough to do */

struct engine_opts {
    const char *agent;       /* User-Agent */
    const char *ca_file;     /* PEM file, or NULL: the system's */
    bool secure;             /* refuse plain http */
    uint64_t rate_bps;       /* rate limit of all transfers together; 0: none */
    unsigned jobs;           /* highest number of transfers; 0: one */
    size_t memory;           /* of the running requests, see engine_affords; 0: no limit */
    struct reserve *reserve; /* what they may have in addition, with priority; or NULL */
    uint64_t stall_bps;      /* a transfer slower than this rate ... */
    uint64_t stall_s;        /* ... for this many seconds is stalled; 0: defaults, for both */
};

struct engine;

/* Create an engine; the strings of opts are borrowed until engine_free. */
struct engine *engine_new(const struct engine_opts *opts, struct err *err) MUST_CHECK;

/* Abort all running transfers without calling done, and free the engine; NULL is fine. */
void engine_free(struct engine *engine);

/* Start a request; done is called from engine_poll, never from here. */
int engine_start(struct engine *engine, struct request *request, struct err *err) MUST_CHECK;

/*
 * Find the origin of a URL, with its concurrency limit; callers check origin_room before they
 * start a request. Valid until engine_free; NULL for an invalid URL, or without memory.
 */
struct origin *engine_origin(struct engine *engine, const char *url);

/*
 * Whether the engine's memory and its reserve suffice for one more request, by what
 * request_memory says; if not, the reserve's borrower is told. One request is always allowed.
 * Callers check this before they start a request that can wait.
 *
 * origin   NULL: unknown
 * expected size of the body; 0: unknown
 */
bool engine_affords(struct engine *engine, const struct origin *origin, uint64_t expected);

/* Describe at most `most` origins: see origins_states. */
size_t engine_origins(const struct engine *engine, struct origin_state *states, size_t most);

/* Lower the concurrency limit of a throttled request's origin, and honour its Retry-After. */
void engine_slow(const struct request *request);

/* The milliseconds for which a host still asks to wait (Retry-After); 0: none does. */
uint64_t engine_asked(const struct engine *engine, uint64_t now);

/* Abort a running request; done is not called. */
void engine_drop(struct engine *engine, struct request *request);

/*
 * Time limit of a running request in milliseconds, from its announced length; see
 * backoff_allowance. A rate limit is taken to be shared equally by the engine's transfers.
 */
uint64_t engine_allowance(const struct engine *engine, const struct request *request);

/*
 * Transfer data, call done for finished requests, and wait up to timeout ms for more.
 *
 * fd       a descriptor to wait for as well, until it is readable; or -1
 */
int engine_poll(struct engine *engine, int timeout, int fd, struct err *err) MUST_CHECK;

/* Make a waiting engine_poll return. Any thread may call it. */
void engine_wake(struct engine *engine);

/*
 * Resume a request that its sink paused with SINK_FULL; the sink is called from here. Does
 * nothing if the request is not paused, or is paused by the rate limit. Not to be called from
 * a sink.
 */
void engine_resume(struct request *request);

#endif
