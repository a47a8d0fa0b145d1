/* SPDX-License-Identifier: MIT */
#include "cmdutil/outcome.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/colour.h"
#include "cli/exit.h"
#include "cli/progress.h"
#include "client/wait.h"
#include "cmdutil/summary.h"

#include <stdio.h>

struct outcome_hooks {
    bool print;
    const struct loop *loop;
    size_t ended;
    size_t count;
};

static void on_ended(void *ctx, const struct waited *w)
{
    const struct outcome_hooks *hooks = ctx;
    char status[64];

    if (w->failed) {
        log_line(LOG_ERROR, "%s", w->err.text);
        return;
    }
    (void)text_shown(status, sizeof(status), w->run.status);
    if (hooks->print) {
        progress_hide();
        (void)printf("%s ", w->id);
        colour_print_status(status);
        (void)putchar('\n');
        (void)fflush(stdout);
    }
    if (!run_is_completed(w->run.status))
        log_line(LOG_ERROR, "run '%s' %s%s%s", w->id, status, w->run.failure_reason ? ": " : "",
                 w->run.failure_reason ? w->run.failure_reason : "");
}

/* Show how many runs have ended. */
static void show(const struct outcome_hooks *hooks, uint64_t now)
{
    const struct pull_status status = { .runs = hooks->count,
                                        .runs_ended = hooks->ended,
                                        .waiting = true,
                                        .asked = engine_asked(hooks->loop->engine, now) };
    char line[SUMMARY_STATUS_MAX];

    progress_show(now, summary_status(line, &status, PACE_UNKNOWN, progress_room()));
}

static void on_news(void *ctx, size_t ended, size_t count)
{
    struct outcome_hooks *hooks = ctx;

    hooks->ended = ended;
    hooks->count = count;
    show(hooks, clock_mono());
}

static void on_tick(void *ctx)
{
    const struct outcome_hooks *hooks = ctx;
    uint64_t now = clock_mono();

    if (progress_due(now))
        show(hooks, now);
}

static int print_json(const struct waited *runs, size_t count, struct err *err)
{
    struct jsonw *w = jsonw_new(api_client_put, NULL, err);
    size_t i;

    if (!w)
        return -1;
    jsonw_array(w, NULL, JSONW_LINES);
    for (i = 0; i < count; i++) {
        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "run_id", runs[i].id);
        jsonw_text(w, "status", runs[i].run.status);
        jsonw_bool(w, "ended", runs[i].ended);
        jsonw_bool(w, "retry_pending", runs[i].pending);
        jsonw_text(w, "next_attempt_at", runs[i].run.next_attempt_at);
        jsonw_text(w, "failure_reason", runs[i].run.failure_reason);
        jsonw_text(w, "finished_at", runs[i].run.finished_at);
        jsonw_text(w, "error", runs[i].failed ? runs[i].err.text : NULL);
        jsonw_close(w);
    }
    jsonw_close(w);
    return jsonw_finish(w, err);
}

/* The exit status for all runs together; logs the runs that did not end in time. */
static int status_of(const struct waited *runs, size_t count)
{
    bool late = false;
    bool bad = false;
    size_t i;

    for (i = 0; i < count; i++) {
        bool completed = runs[i].ended && run_is_completed(runs[i].run.status);

        if (!runs[i].ended && !runs[i].failed) {
            late = true;
            log_line(LOG_ERROR, "timeout: run '%s' has not ended; its status is %s%s",
                     runs[i].id, runs[i].status[0] ? runs[i].status : "unknown",
                     runs[i].pending ? ", and a retry is pending" : "");
        }
        bad = bad || (!completed && (runs[i].ended || runs[i].failed));
    }
    return late ? EXIT_LATER : bad ? EXIT_FAILED : EXIT_DONE;
}

int outcome_wait(struct api_client *client, char *const *ids, size_t count,
                 const struct outcome_opts *how, struct err *err)
{
    const struct command_args *common = how->common;
    struct outcome_hooks hooks = { .print = how->print && !common->json,
                                   .loop = &client->loop,
                                   .count = count };
    const struct loop_hooks before = client->loop.hooks;
    struct wait_opts opts = { .api = &client->api,
                              .loop = &client->loop,
                              .callers = &client->callers,
                              .interval = how->interval ? how->interval : 1,
                              .raw = how->raw,
                              .deadline =
                                  how->timeout ? clock_mono() + how->timeout : UINT64_MAX,
                              .ended = on_ended,
                              .news = on_news,
                              .ctx = &hooks };
    struct waited *runs = wait_new(ids, count, err);
    int rc;

    if (!runs)
        return -1;
    client->loop.hooks.tick = on_tick;
    client->loop.hooks.ctx = &hooks;
    progress_begin(common);
    rc = wait_for(&opts, runs, count, err);
    progress_end();
    client->loop.hooks = before;
    if (rc == 0 && how->print && common->json)
        rc = print_json(runs, count, err);
    if (rc == 0)
        rc = status_of(runs, count);
    wait_free(runs, count);
    return rc;
}
