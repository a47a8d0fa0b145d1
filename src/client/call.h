/* SPDX-License-Identifier: MIT */
/*
 * call: concurrent API requests with JSON responses, with retries.
 *
 * Units    milliseconds of the monotonic clock; bytes
 * Errors   errors of a call are in call->err when done is called
 * Owns     a call owns its URL and its response, until call_clear
 * Threads  the transfer loop only
 */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "api/api.h"
#include "base/buf.h"
#include "base/err.h"
#include "limit/backoff.h"
#include "net/loop.h"
#include "net/request.h"

struct callers;

struct call {
    struct call *next;
    struct callers *callers;
    struct request request;
    struct buf url;   /* set by the caller */
    struct buf body;  /* the response */
    const char *post; /* see call_post */
    size_t post_len;
    struct backoff backoff;
    unsigned error_retries; /* after an error that the service answers, or a time-out; after a
                             * connection that failed at once: backoff.retries */
    uint64_t due;
    unsigned attempts;
    struct err err; /* ERR_NONE: success */
    void (*done)(void *ctx, struct call *call);
    void *ctx;
};

/* The calls of one loop; at most limit run at a time. */
struct callers {
    struct loop *loop;
    uint64_t deadline; /* when all calls end with ERR_NET and ETIMEDOUT; or UINT64_MAX */
    const struct api *api;
    unsigned limit;
    unsigned retries;
    unsigned running;
    struct call *ready;
    struct call **last_ready;
    struct call *delayed;
    struct call *active; /* running calls */
};

/*
 * Initialise callers; the deadline is none, and may be set afterwards. At most `limit` calls
 * run at a time, and no more than ENGINE_CALLS.
 */
void callers_init(struct callers *callers, struct loop *loop, const struct api *api,
                  unsigned limit, unsigned retries);

/*
 * Initialise a call whose response may have max bytes; done is called from callers_pump
 * or loop_turn.
 */
void call_init(struct call *call, struct callers *callers, size_t max,
               void (*done)(void *ctx, struct call *call), void *ctx);

/* Make the call a POST of a JSON body, borrowed until done. A POST is never retried. */
void call_post(struct call *call, const char *body, size_t len);

/* Queue a call whose URL is set. */
void call_add(struct call *call);

/* Queue a call that starts at due (monotonic milliseconds). */
void call_delay(struct call *call, uint64_t due);

/* Free a call, which must not be running; may be called twice, and on {0}. */
void call_clear(struct call *call);

/*
 * Start calls that are due, and end calls that exceed engine_allowance, or all calls at the
 * deadline. Returns when to call again (UINT64_MAX: no such time; events of the loop suffice).
 */
uint64_t callers_pump(struct callers *callers);

#endif
