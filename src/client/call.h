/* SPDX-License-Identifier: MIT */
/*
 * call: requests to the API that answer with JSON, with retries, many at a time.
 *
 * Units    milliseconds of the monotonic clock; bytes
 * Errors   a call's own are in it when done is called
 * Owns     a call owns its URL and its answer, until call_clear
 * Threads  the transfer loop only
 */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "api/api.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/backoff.h"
#include "net/loop.h"
#include "net/request.h"

struct callers;

struct call {
    struct call *next;
    struct callers *callers;
    struct request request;
    struct buf url;   /* set by the caller */
    struct buf body;  /* the answer */
    const char *post; /* see call_post */
    size_t post_len;
    struct backoff backoff;
    uint64_t due;
    unsigned attempts;
    struct err err; /* ERR_NONE: answered by 200 */
    void (*done)(void *ctx, struct call *call);
    void *ctx;
};

/* All calls of one loop: at most limit run at a time. */
struct callers {
    struct loop *loop;
    uint64_t deadline; /* then all calls end, with ERR_NET and ETIMEDOUT; UINT64_MAX: never */
    const struct api *api;
    unsigned limit;
    unsigned retries;
    unsigned running;
    struct call *ready;
    struct call **last_ready;
    struct call *delayed;
    struct call *active; /* that run */
};

/* Without a deadline, which may be set afterwards. */
void callers_init(struct callers *callers, struct loop *loop, const struct api *api,
                  unsigned limit, unsigned retries);

/* A call whose answer may have max bytes; done is called from callers_pump or a loop turn. */
void call_init(struct call *call, struct callers *callers, size_t max,
               void (*done)(void *ctx, struct call *call), void *ctx);

/* Make it a POST of a JSON body, which is lent until done: sent once, whatever comes of it. */
void call_post(struct call *call, const char *body, size_t len);

/* Queue it, its URL being set; now, or when due. */
void call_add(struct call *call);

/* Queue a call that starts when the monotonic clock has reached due (milliseconds). */
void call_delay(struct call *call, uint64_t due);

/* Release; the call must not run. May be called twice, and on {0}. */
void call_clear(struct call *call);

/* Start what is due, and end what takes too long: a call that runs longer than
 * engine_allowance, all calls at the deadline. Gives when to come again (UINT64_MAX: by news
 * only). */
uint64_t callers_pump(struct callers *callers);

#endif
