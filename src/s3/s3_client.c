/* SPDX-License-Identifier: MIT */
#include "s3/s3_client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "s3/s3_error.h"
#include "s3/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NOT_IMPLEMENTED 501
#define CONFLICT        409
#define ANSWER_MAX      ((size_t)64 << 10) /* of a body that says nothing of interest */
#define OVERDUE_MS      1000               /* interval of the check for overdue calls */
#define LINES_MAX       ((size_t)16 << 10) /* of a call's headers for the signature */

#define SECRET_START 16 /* bytes by which a secret is recognised in a message */

struct s3_client {
    struct s3_opts opts;
    struct loop loop;
    bool looped;
    int64_t offset_ms;    /* the server's clock less this machine's, if that was corrected */
    int64_t skew_ms;      /* the same by the last response's Date, or CLOCK_NONE */
    uint64_t limit_ms;    /* of each attempt of a call: see s3_client_hurry; 0: none */
    uint64_t patience_ms; /* see s3_client_persist */
    bool away;            /* it was said that the store cannot be reached */
    void (*lost)(void *ctx, const char *key); /* see s3_client_persist */
    void *lost_ctx;
    unsigned running;
    struct s3_call *ready;
    struct s3_call **last_ready;
    struct s3_call *delayed;
    struct s3_call *active;
};

struct s3_client *s3_client_new(const struct s3_opts *opts, struct err *err)
{
    struct s3_client *client = mem_new(sizeof(*client), err);
    struct loop_hooks hooks = { opts->stop, loop_no_tick, NULL };
    struct engine_opts engine = { .agent = opts->agent,
                                  .ca_file = opts->ca_file,
                                  .secure = !opts->endpoint.url,
                                  .rate_bps = opts->rate_bps };

    if (!client)
        return NULL;
    client->opts = *opts;
    client->lost = s3_lost_untold;
    client->opts.jobs = opts->jobs ? opts->jobs : S3_JOBS;
    client->last_ready = &client->ready;
    client->skew_ms = CLOCK_NONE;
    engine.jobs = client->opts.jobs;
    if (loop_init(&client->loop, &engine, &hooks, err) < 0) {
        loop_clear(&client->loop);
        mem_free(client);
        return NULL;
    }
    return client;
}

void s3_lost_untold(void *ctx, const char *key)
{
    (void)ctx;
    (void)key;
}

void s3_client_free(struct s3_client *client)
{
    if (!client)
        return;
    loop_clear(&client->loop);
    mem_free(client);
}

const char *s3_client_bucket(const struct s3_client *client)
{
    return client->opts.bucket;
}

const char *s3_client_region(const struct s3_client *client)
{
    return client->opts.endpoint.region;
}

int64_t s3_client_skew(const struct s3_client *client)
{
    return client->skew_ms;
}

static void append(struct s3_client *client, struct s3_call *call)
{
    call->next = NULL;
    *client->last_ready = call;
    client->last_ready = &call->next;
}

void s3_call_add(struct s3_client *client, struct s3_call *call)
{
    call->client = client;
    call->backoff = (struct backoff){ .retries = client->opts.retries, .deadline = UINT64_MAX };
    call->attempts = 0;
    call->renewed = call->refused = call->moved = call->timed = false;
    append(client, call);
}

void s3_call_clear(struct s3_call *call)
{
    buf_clear(&call->auth);
    buf_clear(&call->body);
    location_url_clear(&call->url);
}

/* Add a header line for the signature; its address is not known before all are there. */
static int add_line(struct s3_call *call, const char *name, const char *value, struct err *err)
{
    if (buf_addf(&call->auth, err, "%s: %s", name, value) < 0)
        return -1;
    return buf_add(&call->auth, "", 1, err);
}

/* Point to the call's own lines and to those of its buffer; returns their number. */
static size_t collect_lines(struct s3_call *call)
{
    size_t count = call->header_count;
    const char *at = buf_text(&call->auth);
    const char *end = at + call->auth.len;

    memcpy(call->lines, call->headers, count * sizeof(*call->lines));
    for (; at < end; at += strlen(at) + 1)
        call->lines[count++] = at;
    return count;
}

/* Sign the call with keys, at a time. */
static int sign_with(struct s3_call *call, const struct keys *keys, int64_t now,
                     struct err *err)
{
    const struct s3_client *client = call->client;
    struct sigv4_request request = { .method = call->method,
                                     .path = buf_text(&call->url.path),
                                     .query = call->query,
                                     .host = call->url.host,
                                     .headers = call->lines,
                                     .payload = call->payload ? call->payload : SIGV4_EMPTY,
                                     .region = client->opts.endpoint.region,
                                     .service = "s3",
                                     .time_ms = now };
    struct buf value;
    char date[CLOCK_TEXT_MAX];
    int rc = add_line(call, "x-amz-date", clock_format(date, now, CLOCK_COMPACT), err);

    if (rc == 0)
        rc = add_line(call, "x-amz-content-sha256", request.payload, err);
    if (rc == 0 && *keys->token)
        rc = add_line(call, "x-amz-security-token", keys->token, err);
    if (rc < 0)
        return -1;
    request.header_count = collect_lines(call);
    buf_init_secret(&value, LINES_MAX);
    rc = sigv4_sign(&request, keys->id, keys->secret, &value, err);
    if (rc == 0)
        rc = add_line(call, "authorization", buf_text(&value), err);
    buf_clear(&value);
    memcpy(call->id, keys->id, sizeof(call->id));
    return rc;
}

/* Sign the call, unless the client has no credentials. */
static int sign(struct s3_call *call, struct err *err)
{
    struct s3_client *client = call->client;
    struct keys keys;
    int rc;

    buf_clear(&call->auth);
    buf_init_secret(&call->auth, LINES_MAX);
    if (!client->opts.credentials) {
        call->send.header_count = collect_lines(call);
        return 0;
    }
    rc = credentials_get(client->opts.credentials, call->refused ? call->id : NULL, &keys, err);
    call->refused = false;
    call->offset_ms = client->offset_ms;
    memcpy(call->signed_for, client->opts.endpoint.region, sizeof(call->signed_for));
    if (rc == 0)
        rc = sign_with(call, &keys, clock_wall() + client->offset_ms, err);
    explicit_bzero(&keys, sizeof(keys));
    call->send.header_count = collect_lines(call);
    return rc;
}

static void finish(struct s3_call *call)
{
    call->done(call->ctx, call);
}

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    struct s3_call *call = ctx;

    if (buf_add(&call->body, bytes, len, &call->request.err) == 0)
        return SINK_TAKEN;
    (void)err_wrap(&call->request.err, "the store's answer");
    return SINK_REFUSED;
}

/* Copy a header's value if the line is that header, and if it fits. */
static void take(const char *line, size_t len, const char *name, char *out, size_t size)
{
    char value[256];

    if (request_field(line, len, name, value, sizeof(value)) && strlen(value) < size)
        memcpy(out, value, strlen(value) + 1);
}

static void on_header(void *ctx, const char *line, size_t len)
{
    struct s3_call *call = ctx;

    take(line, len, "etag", call->etag, sizeof(call->etag));
    take(line, len, "x-amz-version-id", call->version, sizeof(call->version));
    take(line, len, "x-amz-meta-sha256", call->sha256, sizeof(call->sha256));
    take(line, len, "x-amz-bucket-region", call->region, sizeof(call->region));
}

/* The offset to the server's clock was wrong: correct it by what the response says. */
static bool correct_time(struct s3_call *call, const struct s3_error *error)
{
    int64_t server = error->time_ms != CLOCK_NONE ? error->time_ms : call->request.date;

    if (call->timed || server == CLOCK_NONE || strcmp(error->code, "RequestTimeTooSkewed") != 0)
        return false;
    call->timed = true;
    if (call->offset_ms != call->client->offset_ms) /* another call's response has said so */
        return true;
    call->client->offset_ms = server - clock_wall();
    log_line(LOG_WARNING,
             "the clock of this machine and that of the object store differ by %lld s; "
             "signing with the store's",
             (long long)(call->client->offset_ms / 1000));
    return true;
}

/* The bucket is in another region: correct it by what the response says. */
static bool correct_region(struct s3_call *call, const struct s3_error *error)
{
    char *region = call->client->opts.endpoint.region;
    const char *named = *call->region ? call->region : error->region;

    if (call->moved || !*named || strcmp(call->signed_for, named) == 0 ||
        !aws_region_is_valid(named))
        return false;
    if (call->status != 301 && call->status != 307 && call->status != 400 &&
        call->status != 403)
        return false;
    call->moved = true;
    if (strcmp(region, named) == 0) /* another call's response has said so */
        return true;
    log_line(LOG_INFO, "bucket '%s' is in the region %s", call->client->opts.bucket, named);
    (void)snprintf(region, sizeof(call->client->opts.endpoint.region), "%s", named);
    return true;
}

/* The keys have expired: fetch them again for the next attempt. */
static bool renew_keys(struct s3_call *call, const struct s3_error *error)
{
    if (call->renewed || !call->client->opts.credentials ||
        (strcmp(error->code, "ExpiredToken") != 0 && strcmp(error->code, "InvalidToken") != 0 &&
         strcmp(error->code, "ExpiredTokenException") != 0))
        return false;
    call->renewed = call->refused = true;
    return true;
}

/* Whether a later attempt may succeed. */
static bool is_retryable(const struct s3_call *call, const struct s3_error *error)
{
    if (call->status == NOT_IMPLEMENTED)
        return false;
    if (call->status == CONFLICT && call->conflict_passes)
        return true;
    if (request_retryable(&call->request))
        return call->request.err.kind != ERR_CANCELLED;
    return s3_error_is_transient(error);
}

static void remove_active(struct s3_call *call)
{
    struct s3_call **at = &call->client->active;

    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
    call->next = NULL;
    call->client->running--;
}

/* Whether a server's message repeats what the call was signed with, or a part of it. */
static bool tells_secret(const struct s3_call *call, const char *message)
{
    const char *at = buf_text(&call->auth);
    const char *end = at + call->auth.len;
    char start[SECRET_START + 1];

    for (; at < end; at += strlen(at) + 1) {
        const char *secret = strstr(at, "Signature=");

        if (secret)
            secret += strlen("Signature=");
        else if (strncmp(at, "x-amz-security-token: ", 22) == 0)
            secret = at + 22;
        if (!secret)
            continue;
        (void)snprintf(start, sizeof(start), "%s", secret);
        if (*start && strstr(message, start))
            return true;
    }
    return false;
}

/* Store what the response says. A success may have an error in its body: see may_fail. */
static void take_response(struct s3_call *call, struct s3_error *error)
{
    const struct request *request = &call->request;

    if (request->date != CLOCK_NONE)
        call->client->skew_ms = request->date - clock_wall();
    call->status = request->status;
    call->length = request->length;
    memcpy(call->range, request->range, sizeof(call->range));
    if (call->may_fail && !request->err.kind && request_good(request))
        s3_error_parse(error, buf_text(&call->body), call->body.len);
    else
        s3_error_parse(error, request->error, request->error_len);
    if (tells_secret(call, error->message))
        error->message[0] = '\0';
    memcpy(call->code, error->code, sizeof(call->code));
}

/* Try the call again after a delay; false: not any more. */
static bool retry(struct s3_call *call, uint64_t retry_after)
{
    struct s3_client *client = call->client;
    bool reached = !call->request.err.kind || call->request.sent;

    if (client->patience_ms) {
        backoff_reached(&call->backoff, clock_mono(), reached, client->patience_ms);
        if (!reached && !client->away)
            log_line(LOG_WARNING, "%s; trying again for %llu s", call->err.text,
                     (unsigned long long)(client->patience_ms / 1000));
        client->away |= !reached;
    }
    call->due =
        backoff_next(&call->backoff, clock_mono(), retry_after, loop_dice(&client->loop));
    if (call->due == BACKOFF_NEVER)
        return false;
    log_line(LOG_INFO, "%s; retrying", call->err.text);
    call->next = client->delayed;
    client->delayed = call;
    return true;
}

static void on_done(void *ctx, struct request *request)
{
    struct s3_call *call = ctx;
    struct s3_client *client = call->client;
    struct s3_error error;

    remove_active(call);
    err_clear(&call->err);
    take_response(call, &error);
    if (!request->err.kind && request_good(request) && !(call->may_fail && *error.code)) {
        client->away = false;
        finish(call);
        return;
    }
    s3_error_explain(&error, request, client->opts.bucket, call->key, &call->err);
    if (request->err.kind == ERR_NET && request->hopeless)
        (void)err_hint(&call->err, "AWS_CA_BUNDLE names the certificates of a private CA");
    s3_error_hint(call->method, call->key, call->query, &call->err);
    if (request->err.kind == ERR_NET && !request->sent && !request->hopeless &&
        client->opts.endpoint.url)
        (void)err_hint(
            &call->err, "check AWS_ENDPOINT_URL, or endpoint_url in the profile%s",
            client->opts.endpoint.style == LOCATION_VIRTUAL
                ? "; AWS_S3_ADDRESSING_STYLE=path takes the bucket out of the host name"
                : "");
    if (!request->err.kind && (correct_time(call, &error) || correct_region(call, &error) ||
                               renew_keys(call, &error))) {
        call->attempts--; /* it had no effect */
        append(client, call);
        return;
    }
    if (call->size && request->err.kind == ERR_NET && request->sent && !request->status)
        client->lost(client->lost_ctx, call->key);
    if (request->status == 429 || request->status == 503)
        engine_slow(request);
    if (!is_retryable(call, &error) || !retry(call, request->retry_after))
        finish(call);
    else if (call->status == CONFLICT)
        call->attempts--; /* it had no effect */
}

/* Whether a repeated request may have another result than the first: then libcurl must not
 * repeat it by itself (struct send, once). */
static bool has_effect_once(const struct s3_call *call)
{
    size_t i;

    for (i = 0; i < call->header_count; i++) {
        if (strncmp(call->headers[i], "if-", 3) == 0)
            return strcmp(call->method, "PUT") == 0 || strcmp(call->method, "POST") == 0;
    }
    return strcmp(call->method, "POST") == 0;
}

/* Sign and start a call; true if it runs now. */
static bool start(struct s3_call *call)
{
    struct s3_client *client = call->client;

    call->attempts++;
    call->etag[0] = call->version[0] = call->region[0] = call->sha256[0] = '\0';
    buf_clear(&call->body);
    buf_init(&call->body, call->max ? call->max : ANSWER_MAX);
    call->send = (struct send){ .method = call->method,
                                .headers = call->lines,
                                .size = call->size,
                                .read = call->read,
                                .read_ctx = call->read_ctx,
                                .header = on_header,
                                .header_ctx = call,
                                .once = has_effect_once(call),
                                .stall_s = call->stall_s,
                                .rate_bps = call->rate_bps };
    if (location_url(&call->url, &client->opts.endpoint, client->opts.bucket, call->key,
                     call->query, &call->err) < 0 ||
        sign(call, &call->err) < 0)
        return false;
    call->request =
        (struct request){ .url = buf_text(&call->url.url),
                          .send = &call->send,
                          .max = call->body.max,
                          .expected = call->size > call->max ? call->size : call->max,
                          .as_sent = true,
                          .sink = on_bytes,
                          .done = on_done,
                          .ctx = call };
    return engine_start(client->loop.engine, &call->request, &call->err) == 0;
}

/* Abort calls that exceed their time limit; returns when to check again. */
static uint64_t end_overdue(struct s3_client *client, uint64_t now)
{
    struct s3_call *call = client->active;

    while (call) {
        struct s3_call *next = call->next;
        uint64_t allowance = engine_allowance(client->loop.engine, &call->request) +
                             backoff_allowance(call->size, ENGINE_STALL_BPS, 0) +
                             call->stall_s * 1000 +
                             (call->rate_bps ? 4000 * (call->size / call->rate_bps) : 0);

        if (client->limit_ms && client->limit_ms < allowance)
            allowance = client->limit_ms;
        if (now - call->request.begun > allowance) {
            engine_drop(client->loop.engine, &call->request);
            remove_active(call);
            (void)err_set(&call->err, ERR_NET, "'s3://%s/%s': %s: the response takes too long",
                          client->opts.bucket, call->key, call->url.host);
            if (!retry(call, BACKOFF_UNSAID))
                finish(call);
            next = client->active; /* done may have changed the list */
        }
        call = next;
    }
    return client->active ? now + OVERDUE_MS : UINT64_MAX;
}

/* Move the delayed calls that are due to the end of the queue; returns when the next is due. */
static uint64_t take_due(struct s3_client *client, uint64_t now)
{
    struct s3_call **at = &client->delayed;
    uint64_t next = UINT64_MAX;

    while (*at) {
        struct s3_call *call = *at;

        if (call->due > now) {
            next = call->due < next ? call->due : next;
            at = &call->next;
            continue;
        }
        *at = call->next;
        append(client, call);
    }
    return next;
}

static void start_ready(struct s3_client *client)
{
    while (client->ready && client->running < client->opts.jobs) {
        struct s3_call *call = client->ready;

        client->ready = call->next;
        if (!client->ready)
            client->last_ready = &client->ready;
        err_clear(&call->err);
        if (!start(call)) {
            finish(call);
            continue;
        }
        call->next = client->active;
        client->active = call;
        client->running++;
    }
}

int s3_client_turn(struct s3_client *client, struct err *err)
{
    uint64_t now = clock_mono();
    uint64_t due = end_overdue(client, now);
    uint64_t next = take_due(client, now);

    start_ready(client);
    if (!client->active && !client->delayed && !client->ready)
        return 0;
    if (loop_turn(&client->loop, due < next ? due : next, err) < 0)
        return -1;
    return client->active || client->delayed || client->ready;
}

/* Drop the calls that are queued or delayed. */
static void forget_waiting(struct s3_client *client)
{
    client->ready = client->delayed = NULL;
    client->last_ready = &client->ready;
}

void s3_client_hurry(struct s3_client *client, bool stoppable, unsigned retries,
                     uint64_t limit_ms)
{
    if (!stoppable)
        client->loop.hooks.stop = stop_never();
    client->opts.retries = retries;
    client->limit_ms = limit_ms;
    client->patience_ms = 0;
    forget_waiting(client);
}

void s3_client_persist(struct s3_client *client, void (*lost)(void *ctx, const char *key),
                       void *ctx)
{
    client->patience_ms = S3_PATIENCE_MS;
    client->lost = lost;
    client->lost_ctx = ctx;
}

void s3_client_drop(struct s3_client *client)
{
    struct s3_call *call;

    while ((call = client->active)) {
        engine_drop(client->loop.engine, &call->request);
        remove_active(call);
    }
    forget_waiting(client);
}

static void on_only(void *ctx, struct s3_call *call)
{
    (void)call;
    *(bool *)ctx = true;
}

int s3_call_do(struct s3_client *client, struct s3_call *call, struct err *err)
{
    bool done = false;

    call->done = on_only;
    call->ctx = &done;
    s3_call_add(client, call);
    while (!done) {
        if (s3_client_turn(client, err) < 0) {
            s3_client_drop(client);
            return -1;
        }
    }
    if (!call->err.kind)
        return 0;
    if (err)
        *err = call->err;
    return -1;
}
