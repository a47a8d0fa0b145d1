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
#include "provenance/request_log.h"

struct callers;

struct call {
    struct call *next;
    struct callers *callers;
    struct request request;
    struct buf url;   /* set by the caller */
    struct buf body;  /* the response */
    const char *post; /* see call_post */
    /* set by the caller, for the log of requests: */
    const char *run; /* the run that it is about, while it runs; NULL: none */
    bool sums_later; /* the caller gives the digest of the answer, once it is redacted */
    uint64_t logged; /* the request's number in the log, when done is called; 0: none */
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
    struct call *active;     /* running calls */
    struct request_log *log; /* may be set afterwards; NULL: requests are not logged */
};

/*
 * Initialise callers; the deadline is none, and may be set afterwards. At most `limit` calls
 * run at a time, and no more than ENGINE_CALLS.
 */
void callers_init(struct callers *callers, struct loop *loop, const struct api *api,
                  unsigned limit, unsigned retries);

/* Forget all calls, which the engine must have dropped; the deadline is none again. */
void callers_forget(struct callers *callers);

/*
 * Initialise a call whose response may have max bytes; done is called from callers_pump
 * or loop_turn.
 */
void call_init(struct call *call, struct callers *callers, size_t max,
               void (*done)(void *ctx, struct call *call), void *ctx);

/* Make the call a POST of a JSON body, borrowed until done. A POST is never retried. */
void call_post(struct call *call, const char *body, size_t len);

/* The next request of the call is another one: its attempts are counted from 1. */
void call_renew(struct call *call);

/* Queue a call whose URL is set. */
void call_add(struct call *call);

/* Queue a call that starts at due (monotonic milliseconds). */
void call_delay(struct call *call, uint64_t due);

/*
 * What the log of requests says of an attempt that has just ended; bytes are those received.
 *
 * run  the run that it is about; NULL: none
 * why  what is wrong with the response; ERR_NONE: nothing
 */
struct request_asked call_asked(const struct request *request, const char *run,
                                unsigned attempt, const struct err *why);

/* Free a call, which must not be running; may be called twice, and on {0}. */
void call_clear(struct call *call);

/*
 * Start calls that are due, and end calls that exceed engine_allowance, or all calls at the
 * deadline. Returns when to call again (UINT64_MAX: no such time; events of the loop suffice).
 */
uint64_t callers_pump(struct callers *callers);

#endif
