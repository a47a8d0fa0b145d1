/* SPDX-License-Identifier: MIT */
#include "net/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "limit/backoff.h"
#include "limit/rate.h"
#include "net/slot.h"
#include "net/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define LOGGED_WAIT_MS 3000  /* a Retry-After of at least this is logged */
#define WARNED_WAIT_MS 10000 /* a wait of at least this is a warning */

struct engine {
    CURLM *multi;
    struct slot_setup setup;
    struct rate rate;
    uint64_t jobs;              /* transfers that share the rate limit; at least 1 */
    struct reserve_user memory; /* of the running requests */
    struct origins *origins;
    struct slot *running;
    struct slot *idle;
};

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct slot *slot = ctx;

    if (slot->sent_us)
        limit_first(&slot->request->origin->limit, clock_mono_us() - slot->sent_us,
                    slot_fresh(slot), clock_mono());
    slot->sent_us = 0;
    request_header(slot->request, line, size * count, clock_wall());
    return size * count;
}

/* Keep the start of an error response's body, and discard the rest, up to a limit. */
static size_t keep_error(struct request *request, const char *bytes, size_t len)
{
    size_t room = REQUEST_ERROR_MAX - request->error_len;
    size_t n = len < room ? len : room;

    memcpy(request->error + request->error_len, bytes, n);
    request->error_len += n;
    request->error[request->error_len] = '\0';
    request->received += len;
    return request->received > (uint64_t)1 << 20 ? 0 : len;
}

/* The version of HTTP of a slot's response; 0: none yet. */
static long http_version(const struct slot *slot)
{
    long version = 0;

    (void)curl_easy_getinfo(slot->easy, CURLINFO_HTTP_VERSION, &version);
    return version;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct slot *slot = ctx;
    struct request *request = slot->request;
    size_t len = size * count;
    uint64_t here;
    enum sink verdict;

    if (!request->status) {
        (void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &request->status);
        request->stream = http_version(slot) >= CURL_HTTP_VERSION_2_0;
    }
    if (!request_good(request))
        return keep_error(request, bytes, len);
    here = request->received + (request_partial(request) ? request->resume.from : 0);
    if (here + len > request->max || /* the announced length is known earlier */
        (request_total(request) != REQUEST_UNSAID && request_total(request) > request->max)) {
        (void)err_set(&request->err, ERR_LIMIT, "larger than %llu bytes",
                      (unsigned long long)request->max);
        return 0;
    }
    if (rate_wait(&slot->engine->rate, clock_mono())) {
        slot->paused = slot->limited = slot->held = true;
        slot->limited_at = clock_mono();
        return CURL_WRITEFUNC_PAUSE;
    }
    verdict = request->sink(request->ctx, bytes, len);
    if (verdict == SINK_FULL) {
        slot->paused = slot->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (verdict == SINK_REFUSED)
        return 0;
    (void)rate_take(&slot->engine->rate, clock_mono(), len);
    pulse_beat(BEAT_RECEIVED);
    limit_bytes(&request->origin->limit, len, clock_mono());
    request->received += len;
    return len;
}

/* Check a connection before libcurl sends a request over it: see sockets.h and slot_shared. */
static int on_ready(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
    struct slot *slot = ctx;

    (void)remote;
    (void)local;
    (void)remote_port;
    slot->unfit = slot_dirty(slot, local_port);
    if (slot->unfit) {
        log_line(LOG_INFO,
                 "%s sent unexpected data on an idle connection; using a new connection",
                 slot->request->host);
    } else if (slot_shared(slot, slot->engine->running)) {
        slot->unfit = true;
        log_line(LOG_INFO,
                 "%s announced HTTP/2 on an HTTP/1.1 connection; using a new connection",
                 slot->request->host);
    }
    slot->sent_us = clock_mono_us();
    return slot->unfit ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static const struct slot_calls calls = { on_header, on_body, on_ready };

static void slot_free(struct slot *slot)
{
    curl_easy_cleanup(slot->easy);
    mem_free(slot->moved);
    mem_free(slot);
}

static struct slot *slot_new(struct engine *engine, struct err *err)
{
    struct slot *slot = mem_new(sizeof(*slot), err);

    if (slot) {
        slot->setup = &engine->setup;
        slot->engine = engine;
    }
    return slot;
}

/* Set the host for messages: with its port, unless that is the scheme's default. */
static void name_host(struct request *request, const char *origin)
{
    const char *host = strstr(origin, "://") + 3;
    const char *port = strrchr(host, ':');
    bool usual = strcmp(port, url_is_secure(origin) ? ":443" : ":80") == 0;

    (void)snprintf(request->host, sizeof(request->host), "%.*s",
                   (int)(usual ? (size_t)(port - host) : strlen(host)), host);
}

/*
 * Spread the streams of an origin over its HTTP/2 connections: libcurl puts a request on the
 * first connection that has fewer streams than this.
 */
static void spread(struct engine *engine, const struct origin *origin)
{
    long limit = (long)origin->limit.level.now;
    long streams = (limit + ENGINE_CONNECTIONS - 1) / ENGINE_CONNECTIONS;

    (void)curl_multi_setopt(engine->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, streams);
}

/* Start a transfer of slot_url(slot). */
static int launch(struct slot *slot, struct err *err)
{
    struct request *request = slot->request;
    const struct origin *before = request->origin;
    const char *origin;
    char shown[URL_SHOWN_MAX];

    request->origin = origins_of_url(slot->engine->origins, slot_url(slot), err);
    if (!request->origin)
        return -1;
    request->resume.same_host &= !slot->redirects || request->origin == before;
    origin = request->origin->name;
    if (slot->engine->setup.secure && !url_is_secure(slot_url(slot)))
        return err_set(err, ERR_FORMAT, "%s refused: plain http, but the API uses https",
                       url_shown(shown, slot_url(slot)));
    name_host(request, origin);
    request->status = 0;
    request->stream = false;
    request->error_len = request->received = 0;
    request_header(request, "HTTP/", 5, 0); /* reset the response */
    slot->why[0] = '\0';
    slot->paused = slot->limited = slot->held = false;
    slot->sent_us = 0;
    if (slot_set_up(slot, origin, err) < 0)
        return -1;
    spread(slot->engine, request->origin);
    if (curl_multi_add_handle(slot->engine->multi, slot->easy) != CURLM_OK)
        return err_set(err, ERR_SYSTEM, "cannot start a transfer (libcurl)");
    slot->counted = true;
    slot->memory = request_memory(request->expected,
                                  slot_wire(slot->setup, request->origin, request->expected));
    reserve_use(&slot->engine->memory, slot->engine->memory.used + slot->memory);
    request->begun = clock_mono();
    origin_begin(request->origin, request->costly, request->begun);
    if (log_wants(LOG_DEBUG))
        log_line(
            LOG_DEBUG, "%s %s%s", request_method(request), url_shown(shown, slot_url(slot)),
            request->key && strcmp(origin, request->key_origin) == 0 ? " (with the key)" : "");
    return 0;
}

/* Remove the slot from its origin's count of running transfers. */
static void leave_origin(struct slot *slot, bool whole)
{
    if (slot->counted) {
        origin_end(slot->request->origin, slot->request->costly, whole, clock_mono());
        reserve_use(&slot->engine->memory, slot->engine->memory.used - slot->memory);
    }
    slot->counted = false;
    if (slot->request->origin && origin_changed(slot->request->origin))
        log_line(LOG_INFO, "concurrency limit of %s: %u", slot->request->origin->name,
                 slot->request->origin->limit.level.now);
}

static void unlink_slot(struct slot *slot)
{
    struct engine *engine = slot->engine;

    if (slot->prev)
        slot->prev->next = slot->next;
    else
        engine->running = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    leave_origin(slot, false);
    slot->prev = NULL;
    slot->next = engine->idle;
    engine->idle = slot;
    slot_drop_headers(slot);
    mem_free(slot->moved);
    slot->moved = NULL;
    slot->request->slot = NULL;
    slot->request = NULL;
}

int engine_start(struct engine *engine, struct request *request, struct err *err)
{
    struct slot *slot = engine->idle;

    err_clear(&request->err);
    request->hopeless = false;
    request->type[0] = '\0';
    if (slot)
        engine->idle = slot->next;
    else
        slot = slot_new(engine, err);
    if (!slot)
        return -1;
    slot->request = request;
    slot->redirects = 0;
    slot->unfits = 0;
    request->slot = slot;
    slot->prev = NULL;
    slot->next = engine->running;
    if (slot->next)
        slot->next->prev = slot;
    engine->running = slot;
    if (launch(slot, err) < 0) {
        unlink_slot(slot);
        return -1;
    }
    return 0;
}

void engine_drop(struct engine *engine, struct request *request)
{
    if (!request->slot)
        return;
    (void)curl_multi_remove_handle(engine->multi, request->slot->easy);
    unlink_slot(request->slot);
}

/* Follow a redirect, if there is one; true if the slot continues. */
static bool redirected(struct slot *slot)
{
    struct request *request = slot->request;
    char *to = NULL;
    char shown[URL_SHOWN_MAX];

    if (request->status < 300 || request->status > 399 || request->status == 304)
        return false;
    if (curl_easy_getinfo(slot->easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to)
        return false;
    request->hopeless = true; /* unless the redirect is followed */
    if (request->post || request->send)
        return false;
    if (++slot->redirects > ENGINE_REDIRECTS) {
        (void)err_set(&request->err, ERR_HTTP, "%s: more than %d redirects", request->host,
                      ENGINE_REDIRECTS);
        return false;
    }
    if (url_is_secure(slot_url(slot)) && !url_is_secure(to)) {
        (void)err_set(&request->err, ERR_HTTP, "%s: redirect from https to %s refused",
                      request->host, url_shown(shown, to));
        return false;
    }
    to = mem_copy(to, &request->err);
    if (!to)
        return false;
    mem_free(slot->moved);
    slot->moved = to;
    if (launch(slot, &request->err) < 0)
        return false;
    request->hopeless = false;
    return true;
}

/* Retry once on a new connection if the connection was unfit; true if the slot continues. */
static bool retried_fresh(struct slot *slot, CURLcode code)
{
    if (code != CURLE_ABORTED_BY_CALLBACK || !slot->unfit || slot->unfits++)
        return false;
    return launch(slot, &slot->request->err) == 0;
}

/* Record that an origin that was asked for HTTP/2 uses HTTP/1. */
static void note_serial(const struct slot *slot)
{
    struct request *request = slot->request;
    long version = http_version(slot);

    if ((version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) &&
        slot_wire(slot->setup, request->origin, request->expected) == WIRE_STREAM)
        request->origin->serial = true;
}

/* Translate libcurl's result into the request's error. */
static void judge(struct slot *slot, CURLcode code)
{
    struct request *request = slot->request;
    const char *why = slot->why[0] ? slot->why : curl_easy_strerror(code);
    long sent = 0;

    (void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &request->status);
    request->sent =
        curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
    if (code == CURLE_OK && !request->headed && !request->err.kind)
        (void)err_set(&request->err, ERR_NET, "%s: the response ends within its headers",
                      request->host);
    if (code == CURLE_OK || request->err.kind)
        return;
    if (code == CURLE_WRITE_ERROR && request->status && !request_good(request))
        return; /* an endless error page: the status is enough */
    request->stalled = code == CURLE_OPERATION_TIMEDOUT;
    request->hopeless = code == CURLE_PEER_FAILED_VERIFICATION ||
                        code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT ||
                        code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_ISSUER_ERROR;
    if (strchr(why, '@')) /* libcurl's message contains a bad proxy's password */
        why = "the proxy in the environment cannot be used";
    (void)err_set(&request->err, ERR_NET, "%s: %s", request->host, why);
    if (code == CURLE_PEER_FAILED_VERIFICATION && !request->send)
        (void)err_hint(&request->err, "use --ca-file for a private CA");
    if (code == CURLE_OPERATION_TIMEDOUT && request->sent)
        (void)err_hint(&request->err, "the transfer stalled");
}

/* Whether a transfer broke as it does if a host has too many of them. */
static bool is_overload(const struct slot *slot, CURLcode code)
{
    if (slot->held)
        return false;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void finish(struct slot *slot, CURLcode code)
{
    struct request *request = slot->request;

    note_serial(slot);
    (void)curl_multi_remove_handle(slot->engine->multi, slot->easy);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        leave_origin(slot, true);
    if (retried_fresh(slot, code))
        return;
    judge(slot, code);
    pulse_beat(BEAT_RECEIVED);
    leave_origin(slot, code == CURLE_OK && request->status != 429 && request->status != 503);
    if (is_overload(slot, code))
        limit_reject(&request->origin->limit, LIMIT_BROKEN, request->begun, clock_mono());
    if (code == CURLE_OK && redirected(slot))
        return;
    unlink_slot(slot);
    request->done(request->ctx, request);
}

/* The transfer that has been paused by the rate limit for the longest time; NULL: none. */
static struct slot *longest_limited(const struct engine *engine)
{
    struct slot *oldest = NULL;
    struct slot *slot;

    for (slot = engine->running; slot; slot = slot->next) {
        if (slot->limited && (!oldest || slot->limited_at < oldest->limited_at))
            oldest = slot;
    }
    return oldest;
}

/*
 * Resume transfers paused by the rate limit, the longest pause first, as far as the limit
 * allows. Returns the milliseconds until the limit allows more, or -1 if none is paused.
 */
static int resume_limited(struct engine *engine)
{
    struct slot *slot;
    uint64_t wait = 0;

    while ((slot = longest_limited(engine))) {
        wait = rate_wait(&engine->rate, clock_mono());
        if (wait) {
            pulse_due(clock_mono() + wait);
            return (int)wait;
        }
        slot->limited = slot->paused = false;
        slot->limited_at = UINT64_MAX;
        (void)curl_easy_pause(slot->easy, CURLPAUSE_CONT);
    }
    return -1;
}

uint64_t engine_allowance(const struct engine *engine, const struct request *request)
{
    uint64_t bps = backoff_share(engine->setup.stall_bps, engine->rate.rate_bps, engine->jobs);
    uint64_t size = request_total(request);

    return backoff_allowance(size == REQUEST_UNSAID ? 0 : size, bps,
                             engine->setup.stall_s * 1000);
}

int engine_poll(struct engine *engine, int timeout, int fd, struct err *err)
{
    struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
    CURLMsg *msg;
    CURLMcode code;
    int running;
    int left;
    int wait;
    bool finished = false;

    code = curl_multi_perform(engine->multi, &running);
    while (code == CURLM_OK && (msg = curl_multi_info_read(engine->multi, &left))) {
        struct slot *slot = NULL;

        if (msg->msg != CURLMSG_DONE ||
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &slot) != CURLE_OK)
            continue;
        finished = true;
        finish(slot, msg->data.result);
    }
    wait = resume_limited(engine);
    if (wait >= 0 && wait < timeout)
        timeout = wait;
    if (code == CURLM_OK && !finished) /* a finished request may allow another to start */
        code = curl_multi_poll(engine->multi, &extra, fd >= 0 ? 1 : 0, timeout, NULL);
    if (code != CURLM_OK)
        return err_set(err, ERR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
    return 0;
}

struct origin *engine_origin(struct engine *engine, const char *url)
{
    return origins_of_url(engine->origins, url, NULL);
}

void engine_slow(const struct request *request)
{
    if (!request->origin)
        return;
    if (request->retry_after >= LOGGED_WAIT_MS && request->retry_after <= BACKOFF_PATIENCE &&
        clock_mono() >= request->origin->until)
        log_line(request->retry_after >= WARNED_WAIT_MS ? LOG_WARNING : log_note(),
                 "%s asks to wait, %llu s", request->host,
                 (unsigned long long)request->retry_after / 1000);
    origin_slow(request->origin, request->begun, request->retry_after, clock_mono());
    if (origin_changed(request->origin))
        log_line(LOG_INFO, "concurrency limit of %s: %u, as it answers %ld",
                 request->origin->name, request->origin->limit.level.now, request->status);
}

bool engine_affords(struct engine *engine, const struct origin *origin, uint64_t expected)
{
    enum request_wire wire = origin ? slot_wire(&engine->setup, origin, expected) : WIRE_TLS;

    return !engine->memory.used || !engine->memory.own ||
           reserve_affords(&engine->memory, request_memory(expected, wire), clock_mono());
}

size_t engine_origins(const struct engine *engine, struct origin_state *states, size_t most)
{
    return origins_states(engine->origins, states, most);
}

uint64_t engine_asked(const struct engine *engine, uint64_t now)
{
    return origins_asked(engine->origins, now);
}

void engine_wake(struct engine *engine)
{
    (void)curl_multi_wakeup(engine->multi);
}

void engine_resume(struct request *request)
{
    struct slot *slot = request->slot;

    if (!slot || !slot->paused || slot->limited)
        return;
    slot->paused = false;
    (void)curl_easy_pause(slot->easy, CURLPAUSE_CONT);
}

struct engine *engine_new(const struct engine_opts *opts, struct err *err)
{
    struct engine *engine;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)err_set(err, ERR_SYSTEM, "cannot initialise libcurl");
        return NULL;
    }
    engine = mem_new(sizeof(*engine), err);
    if (!engine)
        return NULL;
    engine->setup = (struct slot_setup){ .agent = opts->agent,
                                         .http2 = slot_knows_http2() && !opts->rate_bps,
                                         .ca_file = opts->ca_file,
                                         .secure = opts->secure,
                                         .stall_bps = opts->stall_bps,
                                         .stall_s = opts->stall_s,
                                         .calls = &calls,
                                         .sockets = sockets_new(err) };
    if (!opts->stall_bps || !opts->stall_s) {
        engine->setup.stall_bps = ENGINE_STALL_BPS;
        engine->setup.stall_s = ENGINE_STALL_S;
    }
    engine->jobs = opts->jobs ? opts->jobs : 1;
    engine->memory = (struct reserve_user){ opts->reserve, opts->memory, 0, 0 };
    engine->origins =
        origins_new(opts->jobs + (opts->jobs < ENGINE_CALLS ? opts->jobs : ENGINE_CALLS), err);
    rate_init(&engine->rate, opts->rate_bps, clock_mono());
    engine->multi = curl_multi_init();
    if (!engine->origins || !engine->setup.sockets || !engine->multi ||
        curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long)opts->jobs + 4) !=
            CURLM_OK) {
        engine_free(engine);
        (void)err_set(err, ERR_SYSTEM, "cannot initialise libcurl");
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    while (engine->running)
        engine_drop(engine, engine->running->request);
    while (engine->idle) {
        struct slot *slot = engine->idle;

        engine->idle = slot->next;
        slot_free(slot);
    }
    (void)curl_multi_cleanup(engine->multi);
    sockets_free(engine->setup.sockets); /* after the cleanup, which calls sockets_close */
    origins_free(engine->origins);
    mem_free(engine);
    curl_global_cleanup();
}
