/* SPDX-License-Identifier: MIT */
#include "client/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/url.h"

#include <errno.h>

#define OVERDUE_MS 1000  /* interval of the check for overdue calls */
#define EXPECTED   16384 /* size of a response, for the buffer: longer ones are few */
#define TIME_UP    "time limit reached (--timeout)"

void callers_init(struct callers *callers, struct loop *loop, const struct api *api,
                  unsigned limit, unsigned retries)
{
    *callers = (struct callers){ .loop = loop,
                                 .api = api,
                                 .limit = limit < ENGINE_CALLS ? limit : ENGINE_CALLS,
                                 .retries = retries,
                                 .deadline = UINT64_MAX };
    callers->last_ready = &callers->ready;
}

void callers_forget(struct callers *callers)
{
    struct request_log *log = callers->log;

    callers_init(callers, callers->loop, callers->api, callers->limit, callers->retries);
    callers->log = log;
}

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    struct call *call = ctx;

    if (buf_add(&call->body, bytes, len, &call->request.err) < 0)
        return SINK_REFUSED;
    return SINK_TAKEN;
}

/* Why an attempt has no usable response; NULL: it has one, or the status says why. */
static const char *failure_of(const struct request *request, const struct err *why)
{
    if (why->os == ETIMEDOUT || request->stalled)
        return "timeout";
    if (request->err.kind == ERR_LIMIT)
        return "too-large";
    if (why->kind == ERR_FORMAT)
        return "bad-answer";
    return request->err.kind || !request->status ? "network-error" : NULL;
}

struct request_asked call_asked(const struct request *request, const char *run,
                                unsigned attempt, const struct err *why)
{
    uint64_t took = clock_mono() - request->begun;

    return (struct request_asked){ .run = run,
                                   .method = request_method(request),
                                   .path = request->url,
                                   .at = clock_wall() - (int64_t)took,
                                   .took = took,
                                   .attempt = attempt,
                                   .status = request->status,
                                   .error = why->kind ? failure_of(request, why) : NULL,
                                   .bytes = request->received };
}

/* Bytes of the body of a response that is an error, or broke off. */
static uint64_t error_bytes(const struct request *request)
{
    if (!request->error_len)
        return request->received;
    return request->error_len == REQUEST_ERROR_MAX && request->length != REQUEST_UNSAID
               ? request->length
               : request->error_len;
}

/*
 * Log an attempt that has ended.
 *
 * came  its response is a success, and the whole body is there
 * why   what is wrong with it; ERR_NONE: nothing
 */
static void log_attempt(struct call *call, bool came, const struct err *why)
{
    struct request_log *log = call->callers->log;
    const struct request *request = &call->request;
    bool whole = request->error_len < REQUEST_ERROR_MAX || request->length == REQUEST_ERROR_MAX;
    struct request_asked asked;

    if (!log)
        return;
    asked = call_asked(request, call->run, call->attempts, why);
    asked.bytes = came ? call->body.len : error_bytes(request);
    call->logged = request_log_add(log, &asked);
    if (request->date != CLOCK_NONE)
        request_log_clock(log, request->date, asked.at, asked.at + (int64_t)asked.took);
    if (came && (!call->sums_later || why->kind))
        request_log_answer(log, call->logged, buf_text(&call->body), call->body.len);
    else if (!came && request->status && whole && !asked.error)
        request_log_answer(log, call->logged, request->error, request->error_len);
}

static void finish(struct call *call)
{
    call->done(call->ctx, call);
}

/* Remove a call from the list of running calls. */
static void remove_active(struct call *call)
{
    struct call **at = &call->callers->active;

    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
    call->next = NULL;
    call->callers->running--;
}

static void on_done(void *ctx, struct request *request)
{
    struct call *call = ctx;
    struct callers *callers = call->callers;
    uint64_t due = BACKOFF_NEVER;

    remove_active(call);
    err_clear(&call->err);
    if (api_check(callers->api, request, &call->err) == 0) {
        if (api_check_body(request, buf_text(&call->body), call->body.len, &call->err) < 0)
            log_line(LOG_DEBUG, "%s", call->err.text);
        log_attempt(call, true, &call->err);
        finish(call);
        return;
    }
    log_attempt(call, false, &call->err);
    if (request->status == 429 || request->status == 503)
        engine_slow(request);
    if (request_retryable(request) && ((!request->status && !request->stalled) ||
                                       call->backoff.failures < call->error_retries))
        due = backoff_next(&call->backoff, clock_mono(), request->retry_after,
                           loop_dice(callers->loop));
    if (due == BACKOFF_NEVER) {
        finish(call);
        return;
    }
    callers->loop->retries++;
    log_line(LOG_INFO, "%s; retrying", call->err.text);
    call_delay(call, due);
}

void call_init(struct call *call, struct callers *callers, size_t max,
               void (*done)(void *ctx, struct call *call), void *ctx)
{
    *call = (struct call){ .callers = callers, .done = done, .ctx = ctx };
    buf_init(&call->url, URL_MAX);
    buf_init(&call->body, max);
    call->backoff = (struct backoff){ .retries = callers->retries, .deadline = UINT64_MAX };
    call->error_retries = callers->retries;
}

void call_renew(struct call *call)
{
    call->attempts = 0;
}

void call_add(struct call *call)
{
    struct callers *callers = call->callers;

    call->next = NULL;
    *callers->last_ready = call;
    callers->last_ready = &call->next;
}

void call_delay(struct call *call, uint64_t due)
{
    call->due = due;
    call->next = call->callers->delayed;
    call->callers->delayed = call;
}

void call_post(struct call *call, const char *body, size_t len)
{
    call->post = body;
    call->post_len = len;
    call->backoff.retries = 0;
}

void call_clear(struct call *call)
{
    buf_clear(&call->url);
    buf_clear(&call->body);
}

static void start(struct call *call)
{
    struct callers *callers = call->callers;

    buf_reset(&call->body);
    call->request = (struct request){ .url = buf_text(&call->url),
                                      .post = call->post,
                                      .post_len = call->post_len,
                                      .max = call->body.max,
                                      .expected = EXPECTED,
                                      .sink = on_bytes,
                                      .done = on_done,
                                      .ctx = call };
    api_sign(callers->api, &call->request);
    call->attempts++;
    if (engine_start(callers->loop->engine, &call->request, &call->err) < 0)
        finish(call);
    else {
        call->next = callers->active;
        callers->active = call;
        callers->running++;
    }
}

/* Abort a running call with an error; os: ETIMEDOUT, or 0. */
static void give_up(struct call *call, int os, const char *why)
{
    char host[URL_ORIGIN_MAX];

    if (url_origin(host, buf_text(&call->url), NULL) < 0)
        *host = '\0';
    engine_drop(call->callers->loop->engine, &call->request);
    remove_active(call);
    (void)err_set(&call->err, ERR_NET, "%s: %s", host, why);
    call->err.os = os;
    log_attempt(call, false, &(struct err){ .kind = ERR_NET, .os = ETIMEDOUT });
    finish(call);
}

/* Abort calls that exceed their time limit; returns when to check again. */
static uint64_t end_overdue(struct callers *callers, uint64_t now)
{
    struct call *call = callers->active;

    while (call) {
        struct call *next = call->next;

        if (now - call->request.begun >
            engine_allowance(callers->loop->engine, &call->request)) {
            give_up(call, 0, "the response takes too long; giving up");
            next = callers->active; /* done may have changed the list */
        }
        call = next;
    }
    return callers->active ? now + OVERDUE_MS : UINT64_MAX;
}

/* At the deadline, end all calls, also those that done functions add. */
static void end_all(struct callers *callers)
{
    struct call *call;

    while ((call = callers->active))
        give_up(call, ETIMEDOUT, TIME_UP);
    while ((call = callers->delayed ? callers->delayed : callers->ready)) {
        if (call == callers->delayed)
            callers->delayed = call->next;
        else if (!(callers->ready = call->next))
            callers->last_ready = &callers->ready;
        call->next = NULL;
        (void)err_set(&call->err, ERR_NET, TIME_UP);
        call->err.os = ETIMEDOUT;
        finish(call);
    }
}

uint64_t callers_pump(struct callers *callers)
{
    uint64_t now = clock_mono();
    uint64_t next = UINT64_MAX;
    struct call **at = &callers->delayed;
    uint64_t again;

    if (now >= callers->deadline)
        end_all(callers);
    again = end_overdue(callers, now);
    while (*at) {
        struct call *call = *at;

        if (call->due <= now) {
            *at = call->next;
            call_add(call);
        } else {
            next = call->due < next ? call->due : next;
            at = &call->next;
        }
    }
    while (callers->ready && callers->running < callers->limit) {
        struct call *call = callers->ready;
        const struct origin *origin =
            engine_origin(callers->loop->engine, buf_text(&call->url));

        if (origin && !origin_room(origin, false, now)) {
            if (now < origin->until && origin->until < next)
                next = origin->until;
            break; /* all calls go to the same host */
        }

        callers->ready = call->next;
        if (!callers->ready)
            callers->last_ready = &callers->ready;
        start(call);
    }
    next = again < next ? again : next;
    return callers->deadline < next && (callers->active || callers->ready || callers->delayed)
               ? callers->deadline
               : next;
}
