/* SPDX-License-Identifier: MIT */
#include "client/wait.h"

#include "api/endpoint.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/identity.h"
#include "redact/redact.h"

#include <string.h>

#define INTERVAL_MAX 60000 /* maximum interval after errors */

/*
 * The record of a task v2 does not tell whether the run will be retried, but the record of
 * its workflow run does. Therefore the workflow run is requested as well, when a task v2 has
 * ended unsuccessfully.
 */

struct waiting {
    const struct wait_opts *opts;
    size_t count;
    size_t done; /* ended or failed */
};

static void report(struct waited *w)
{
    struct waiting *all = w->all;

    all->done++;
    all->opts->ended(all->opts->ctx, w);
    all->opts->news(all->opts->ctx, all->done, all->count);
}

/*
 * Schedule the next poll, after an interval with jitter, longer after errors. why: the error,
 * or NULL.
 */
static void schedule_poll(struct waited *w, const struct err *why)
{
    const struct wait_opts *opts = w->all->opts;
    uint64_t interval = opts->interval << (w->failures < 6 ? w->failures : 6);

    if (opts->once) {
        w->failed = why != NULL;
        if (why)
            w->err = *why;
        report(w);
        return;
    }
    if (w->failures && interval > INTERVAL_MAX)
        interval = opts->interval > INTERVAL_MAX ? opts->interval : INTERVAL_MAX;
    buf_reset(&w->call.body);
    w->call.backoff.failures = 0;
    call_delay(&w->call, clock_mono() + interval * 3 / 4 +
                             interval / 2 * loop_dice(opts->loop) / UINT32_MAX);
}

static bool is_known_status(const char *status)
{
    return !run_status_near(status);
}

static void note_status(struct waited *w)
{
    const char *status = w->run.status ? w->run.status : "";

    if (strcmp(status, w->status) == 0 && w->run.retry_pending == w->pending)
        return;
    w->pending = w->run.retry_pending;
    (void)text_shown(w->status, sizeof(w->status), status);
    log_line(is_known_status(status) ? LOG_INFO : LOG_WARNING, "run '%s' is %s%s", w->id,
             *w->status ? w->status : "without a status",
             !is_known_status(status) ? ", an unknown status; still waiting"
             : w->pending             ? " and will be retried"
                                      : "");
}

/* Whether a response is final, so that retries are useless. */
static bool is_hopeless(const struct call *call)
{
    const struct err *err = &call->err;

    return err->kind == ERR_NOT_FOUND || err->kind == ERR_DENIED ||
           (err->kind == ERR_HTTP && err->http >= 400 && err->http < 500 && err->http != 408 &&
            err->http != 429) ||
           call->request.hopeless;
}

static void end(struct waited *w)
{
    w->ended = true;
    report(w);
}

/* Request the workflow run to learn whether an ended run will be retried; false: not needed. */
static bool check_retry(struct waited *w)
{
    char other[RUN_ID_MAX + 1] = "";
    const char *workflow;
    struct err err;

    identity_take(other, w->id, &w->run);
    workflow = identity_is_workflow(w->id) ? w->id : other;
    if (w->run.retry_told || !identity_is_workflow(workflow) ||
        run_is_completed(w->run.status) ||
        endpoint_url(w->all->opts->api, &w->call.url, ENDPOINT_WORKFLOW_RUN, workflow, NULL,
                     &err) < 0)
        return false;
    w->checking = true;
    call_add(&w->call);
    return true;
}

static int poll_again(struct waited *w, struct err *err)
{
    const struct api *api = w->all->opts->api;

    w->checking = false;
    return w->by_workflow
               ? endpoint_url(api, &w->call.url, ENDPOINT_WORKFLOW_RUN, w->id, NULL, err)
               : api_url_run(api, &w->call.url, w->id, err);
}

/* Poll the workflow run instead, for a run started by another run, which has no record. */
static bool poll_workflow(struct waited *w)
{
    struct err err;

    if (w->by_workflow || !identity_is_workflow(w->id))
        return false;
    w->by_workflow = true;
    if (poll_again(w, &err) < 0)
        return false;
    call_add(&w->call);
    return true;
}

/* Process the workflow run's record. */
static void take_retry(struct waited *w, struct call *call)
{
    struct run workflow = { 0 };
    struct err err = call->err;
    bool lost = err.kind && !is_hopeless(call);

    if (!err.kind && run_parse(&workflow, buf_text(&call->body), call->body.len, &err) == 0)
        w->run.retry_pending = workflow.retry_pending;
    run_clear(&workflow);
    if (poll_again(w, &err) < 0) {
        w->failed = true;
        w->err = err;
        report(w);
        return;
    }
    w->failures = lost ? w->failures + 1 : 0;
    note_status(w);
    if (lost || w->run.retry_pending)
        schedule_poll(w, lost ? &err : NULL);
    else
        end(w);
}

/* Store a response, redacted, as the run's record. */
static int take_record(struct waited *w, const struct call *call, struct err *err)
{
    struct redact what = { secret_peek(w->all->opts->api->key), w->all->opts->raw, NULL };
    struct buf clean;
    int rc;

    run_clear(&w->run);
    buf_init(&clean, redact_room(call->body.len));
    rc = redact_json(&clean, buf_text(&call->body), call->body.len, &what, err);
    if (rc == 0)
        rc = run_parse(&w->run, buf_text(&clean), clean.len, err);
    buf_clear(&clean);
    return rc;
}

static void on_answer(void *ctx, struct call *call)
{
    struct waited *w = ctx;
    struct err err = call->err;

    call_renew(call);
    if (w->checking) {
        take_retry(w, call);
        return;
    }
    if (err.kind == ERR_NOT_FOUND && poll_workflow(w))
        return;
    if (is_hopeless(call)) {
        w->failed = true;
        w->err = err;
        if (err.kind == ERR_NOT_FOUND)
            (void)err_set(&w->err, ERR_NOT_FOUND, "run '%s' is unknown to %s", w->id,
                          call->request.host);
        else
            (void)err_wrap(&w->err, "cannot poll run '%s'", w->id);
        report(w);
        return;
    }
    if (!err.kind) {
        if (take_record(w, call, &err) == 0) {
            w->failures = 0;
            if (run_is_over(&w->run) && check_retry(w))
                return;
            note_status(w);
            if (run_is_over(&w->run)) {
                end(w);
                return;
            }
        }
    }
    if (err.kind) {
        w->failures++;
        if (!w->all->opts->once)
            log_line(w->failures == 1 ? LOG_WARNING : LOG_INFO,
                     "cannot poll run '%s': %s; retrying", w->id, err.text);
    }
    schedule_poll(w, err.kind ? &err : NULL);
}

static int wait_all(struct waiting *all, struct waited *runs, struct err *err)
{
    const struct wait_opts *opts = all->opts;
    size_t i;

    for (i = 0; i < all->count; i++) {
        runs[i].all = all;
        call_init(&runs[i].call, opts->callers, RUN_JSON_MAX, on_answer, &runs[i]);
        runs[i].call.run = runs[i].id;
        if (api_url_run(opts->api, &runs[i].call.url, runs[i].id, err) < 0)
            return -1;
        call_add(&runs[i].call);
    }
    opts->news(opts->ctx, 0, all->count);
    while (all->done < all->count && clock_mono() < opts->deadline) {
        uint64_t due = callers_pump(opts->callers);

        due = opts->deadline < due ? opts->deadline : due;
        if (all->done < all->count && loop_turn(opts->loop, due, err) < 0)
            return -1;
    }
    return 0;
}

int wait_for(const struct wait_opts *opts, struct waited *runs, size_t count, struct err *err)
{
    struct waiting all = { .opts = opts, .count = count };
    int rc = wait_all(&all, runs, err);
    size_t i;

    if (all.done < count) { /* drop all running and waiting calls */
        for (i = 0; i < count; i++)
            engine_drop(opts->loop->engine, &runs[i].call.request);
        callers_forget(opts->callers);
    }
    return rc;
}

struct waited *wait_new(char *const *ids, size_t count, struct err *err)
{
    struct waited *runs = mem_array(count, sizeof(*runs), err);
    size_t i;

    for (i = 0; runs && i < count; i++)
        runs[i].id = ids[i];
    return runs;
}

void wait_free(struct waited *runs, size_t count)
{
    size_t i;

    for (i = 0; runs && i < count; i++) {
        call_clear(&runs[i].call);
        run_clear(&runs[i].run);
    }
    mem_free(runs);
}

void wait_ignore_ended(void *ctx, const struct waited *run)
{
    (void)ctx;
    (void)run;
}

void wait_ignore_news(void *ctx, size_t ended, size_t count)
{
    (void)ctx;
    (void)ended;
    (void)count;
}
