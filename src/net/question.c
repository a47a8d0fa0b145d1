/* SPDX-License-Identifier: MIT */
#include "net/question.h"

#include "base/clock.h"
#include "net/engine.h"
#include "net/send.h"

#define ANSWER_MAX    ((size_t)256 << 10)
#define ATTEMPTS      3   /* of a request that the service is too busy for */
#define PAUSE_MS      300 /* before the second attempt; twice that before the third */
#define PAUSE_STEP_MS 50

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    struct question *q = ctx;

    return buf_add(&q->answer, bytes, len, &q->request.err) < 0 ? SINK_REFUSED : SINK_TAKEN;
}

static void on_done(void *ctx, struct request *request)
{
    (void)request;
    ((struct question *)ctx)->done = true;
}

static void on_header(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    (void)line;
    (void)len;
}

/* Run the engine until the request is done, or its time is over. */
static int run(const struct question_opts *opts, struct engine *engine, struct question *q,
               struct err *err)
{
    uint64_t began = clock_mono();

    while (!q->done) {
        if (stop_check(&opts->stop, err) < 0)
            return -1;
        if (clock_mono() - began >= q->limit_ms)
            return err_set(err, ERR_NET, "no answer from %s", q->request.host);
        if (engine_poll(engine, 100, opts->stop.fd, err) < 0)
            return -1;
    }
    return request_check(&q->request, err);
}

/* Ask once. */
static int ask_once(const struct question_opts *opts, struct question *q, struct err *err)
{
    struct engine_opts how = { .agent = opts->agent, .ca_file = opts->ca_file, .jobs = 1 };
    struct engine *engine = engine_new(&how, err);
    struct send send = { .method = q->method,
                         .headers = q->headers,
                         .header_count = q->header_count,
                         .size = q->body ? q->body->len : 0,
                         .read = send_from_buf,
                         .read_ctx = q->body,
                         .header = on_header,
                         .direct = q->direct };
    int rc;

    buf_clear(&q->answer);
    q->done = false;
    q->request = (struct request){ .url = q->url,
                                   .send = &send,
                                   .max = ANSWER_MAX,
                                   .as_sent = true,
                                   .sink = on_bytes,
                                   .done = on_done,
                                   .ctx = q };
    rc = engine ? engine_start(engine, &q->request, err) : -1;
    if (rc == 0)
        rc = run(opts, engine, q, err);
    engine_free(engine);
    return rc;
}

/* Wait before an attempt. */
static int pause_for(const struct question_opts *opts, uint64_t ms, struct err *err)
{
    uint64_t began = clock_mono();

    while (clock_mono() - began < ms) {
        if (stop_check(&opts->stop, err) < 0)
            return -1;
        clock_sleep(PAUSE_STEP_MS);
    }
    return stop_check(&opts->stop, err);
}

int question_ask(const struct question_opts *opts, struct question *q, struct err *err)
{
    unsigned attempt;
    int rc;

    buf_init_secret(&q->answer, ANSWER_MAX);
    for (attempt = 1;; attempt++) {
        rc = ask_once(opts, q, err);
        if (rc == 0 || attempt == ATTEMPTS || !q->request.status ||
            !request_retryable(&q->request))
            return rc;
        if (pause_for(opts, attempt * PAUSE_MS, err) < 0)
            return -1;
        err_clear(err);
    }
}
