/* SPDX-License-Identifier: MIT */
#include "client/older_runs.h"

#include "api/endpoint.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/url.h"
#include "redact/redact.h"

#include <string.h>

#define PAGES_MAX     100000
#define WORKFLOWS_MAX 100000
#define MORE_MAX      4096

struct older {
    struct loop *loop;
    struct callers *callers;
    const struct runs_query *query;
    int64_t until_us;
    int (*row)(void *ctx, const struct runs_row *row, struct err *err);
    void *ctx;
    struct endpoints server;
    struct text_list workflows; /* the workflows whose runs are listed */
};

/* A list being read. */
struct list {
    struct older *o;
    enum endpoint endpoint;
    const char *id;     /* ID of the workflow, or NULL */
    const char *window; /* time range as a query; or "" */
    /* processes a row; 1 ends the list */
    int (*take)(struct list *list, struct json_value row, struct region *region,
                struct err *err);
};

bool older_can(const struct runs_query *query)
{
    return !query->what.search && !query->what.tag_count && !query->what.type_count;
}

/* Whether the query accepts a status: these lists are not filtered by the server. */
static bool is_wanted(const struct runs_query *q, const char *status)
{
    size_t i;

    for (i = 0; i < q->what.status_count; i++) {
        if (status && strcmp(q->what.statuses[i], status) == 0)
            return true;
    }
    return !q->what.status_count;
}

/* Process a run whose ID is in the field name. */
static int take_run(const struct list *list, const char *name, struct json_value v,
                    struct region *region, struct err *err)
{
    const struct older *o = list->o;
    const struct runs_query *q = o->query;
    struct runs_row row;

    if (runs_read_row(&row, v, name, region, err) < 0)
        return -1;
    if (!row.run_id || !run_id_valid(row.run_id) || row.created_us == CLOCK_NONE)
        return 0;
    if (q->since_us != CLOCK_NONE && row.created_us < q->since_us)
        return 1;
    if (row.created_us > o->until_us || !is_wanted(q, row.status) ||
        (q->until_us != CLOCK_NONE && row.created_us >= q->until_us))
        return 0;
    return o->row(o->ctx, &row, err) < 0 ? -1 : 0;
}

static int take_workflow_run(struct list *list, struct json_value v, struct region *region,
                             struct err *err)
{
    return take_run(list, "workflow_run_id", v, region, err);
}

/* Skip the tasks of workflow blocks, which are not runs. */
static int take_task(struct list *list, struct json_value v, struct region *region,
                     struct err *err)
{
    enum json_type of = json_type(json_get(v, "workflow_run_id"));

    return of == JSON_ABSENT || of == JSON_NULL ? take_run(list, "task_id", v, region, err) : 0;
}

static int take_workflow(struct list *list, struct json_value v, struct region *region,
                         struct err *err)
{
    char *id;

    if (json_string(json_get(v, "workflow_permanent_id"), region, &id, err) < 0)
        return -1;
    if (!id || !run_id_valid(id))
        return 0;
    return text_list_add(&list->o->workflows, id, WORKFLOWS_MAX, err);
}

/* Process a page; 1: it is the last page. */
static int take_page(struct list *list, const struct buf *body, struct err *err)
{
    struct redact what = { secret_peek(list->o->callers->api->key), list->o->query->raw, NULL };
    struct json *doc = NULL;
    struct region *region = NULL;
    struct json_value v = { 0 };
    struct buf clean;
    int rc = -1;

    buf_init(&clean, redact_room(body->len));
    if (redact_json(&clean, buf_text(body), body->len, &what, err) == 0)
        doc = json_parse(buf_text(&clean), clean.len, err);
    region = doc ? region_new(err) : NULL;
    if (!region)
        goto out;
    if (json_type(json_root(doc)) != JSON_ARRAY) {
        (void)err_set(err, ERR_FORMAT, "the list of %s is not a JSON array",
                      endpoint_name(list->endpoint));
        goto out;
    }
    rc = 0;
    while (rc == 0 && (v = json_next(json_root(doc), v)).doc)
        rc = json_type(v) == JSON_OBJECT ? list->take(list, v, region, err) : 0;
    if (rc == 0)
        rc = json_count(json_root(doc)) < RUNS_PAGE;
out:
    region_free(region);
    json_free(doc);
    buf_clear(&clean);
    return rc;
}

/*
 * Fetch and process a page: 1 if it is the last page, 2 if the server lacks the list or
 * the page.
 */
static int one_page(struct list *list, unsigned page, struct err *err)
{
    struct older *o = list->o;
    struct buf more;
    struct call call;
    bool came;
    int rc;

    buf_init(&more, MORE_MAX);
    runs_call(&call, o->callers, &came);
    rc = buf_addf(&more, err, "&page=%u%s", page, list->window);
    if (rc == 0)
        rc = endpoint_url(o->callers->api, &call.url, list->endpoint, list->id, buf_text(&more),
                          err);
    if (rc == 0)
        rc = runs_fetch(o->loop, &call, &came, err);
    if (rc == 0 && call.err.kind) {
        rc = endpoint_judge(&o->server, list->endpoint, &call.request, &call.err) ==
                     ENDPOINT_LACKED
                 ? 2
                 : -1;
        if (rc < 0) {
            *err = call.err;
            (void)err_wrap(err, "cannot list older runs");
        }
    } else if (rc == 0) {
        rc = take_page(list, &call.body, err);
    }
    call_clear(&call);
    buf_clear(&more);
    return rc;
}

/* Read a list to its end: 1; 0: the server lacks the list, or further pages; -1. */
static int read_list(struct list *list, struct err *err)
{
    unsigned page;
    int rc = 0;

    for (page = 1; rc == 0 && page <= PAGES_MAX; page++)
        rc = one_page(list, page, err);
    return rc < 0 ? -1 : rc == 1;
}

/* Append a time in the service's format: UTC, without a zone. */
static int write_time(struct buf *out, const char *name, int64_t ms, struct err *err)
{
    char when[CLOCK_TEXT_MAX];

    (void)clock_format(when, ms, CLOCK_RFC3339);
    return buf_addf(out, err, "&%s=%.19s", name, when);
}

/* Write the time range as a query. The end is exclusive, so one second is added. */
static int write_window(const struct older *o, struct buf *out, struct err *err)
{
    const struct runs_query *q = o->query;

    if (q->since_us != CLOCK_NONE &&
        write_time(out, "created_at_start", q->since_us / 1000, err) < 0)
        return -1;
    return write_time(out, "created_at_end", o->until_us / 1000 + 1000, err);
}

/* List the runs of each workflow: 1; 0: not all of them. */
static int read_windows(struct older *o, struct err *err)
{
    struct list workflows = { o, ENDPOINT_WORKFLOWS, NULL, "", take_workflow };
    struct buf window;
    size_t i;
    int rc = 1;

    buf_init(&window, MORE_MAX);
    if (write_window(o, &window, err) < 0) {
        buf_clear(&window);
        return -1;
    }
    if (!o->query->what.workflow)
        rc = read_list(&workflows, err);
    for (i = 0; rc > 0 && i < (o->query->what.workflow ? 1 : o->workflows.count); i++) {
        struct list runs = { o, ENDPOINT_WORKFLOW_RUNS_OF,
                             o->query->what.workflow ? o->query->what.workflow
                                                     : o->workflows.at[i],
                             buf_text(&window), take_workflow_run };

        rc = read_list(&runs, err);
    }
    buf_clear(&window);
    return rc;
}

static void warn_unlisted(const struct older *o, const char *what)
{
    char when[CLOCK_TEXT_MAX];

    log_line(LOG_WARNING, "cannot list %s created before %s: the server offers no such list",
             what, clock_format(when, o->until_us / 1000, CLOCK_RFC3339));
}

static int read_all(struct older *o, bool *whole, struct err *err)
{
    struct list runs = { o, ENDPOINT_WORKFLOW_RUNS, NULL, "", take_workflow_run };
    struct list tasks = { o, ENDPOINT_TASKS, NULL, "", take_task };
    int there = o->query->what.workflow ? 0 : read_list(&runs, err);
    int plain = 1;

    if (there == 0)
        there = read_windows(o, err);
    if (there < 0)
        return -1;
    if (!there)
        warn_unlisted(o, "runs of workflows and of tasks v2");
    if (!o->query->what.workflow)
        plain = read_list(&tasks, err);
    if (plain == 0)
        warn_unlisted(o, "plain tasks");
    *whole = there > 0 && plain > 0;
    return plain < 0 ? -1 : 0;
}

int older_runs_list(struct callers *callers, const struct runs_query *query, int64_t until_us,
                    int (*row)(void *ctx, const struct runs_row *row, struct err *err),
                    void *ctx, bool *whole, struct err *err)
{
    struct older o = { .loop = callers->loop,
                       .callers = callers,
                       .query = query,
                       .until_us = until_us,
                       .row = row,
                       .ctx = ctx };
    int rc;

    *whole = false;
    rc = read_all(&o, whole, err);
    text_list_clear(&o.workflows);
    return rc;
}
