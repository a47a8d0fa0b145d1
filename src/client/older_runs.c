/* SPDX-License-Identifier: MIT */
#include "client/older_runs.h"

#include "api/endpoint.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/url.h"

#include <string.h>

#define PAGES_MAX     100000
#define WORKFLOWS_MAX 100000
#define MORE_MAX      4096
#define FAILED_MAX    5 /* workflows whose lists fail before the others are left out */

/* How a page, or a list, ended. */
enum outcome {
    LIST_MORE,   /* further pages follow */
    LIST_WHOLE,  /* this was the last page */
    LIST_LACKED, /* the server lacks the list, or the page */
    LIST_FAILED, /* a warning was logged */
};

struct older {
    struct callers *callers;
    const struct runs_query *query;
    int64_t until_us;
    int (*row)(void *ctx, const struct runs_row *row, struct err *err);
    void *ctx;
    struct runs_end *end;
    struct endpoints server;
    struct text_list workflows; /* the workflows whose runs are listed */
    bool enough;                /* the callback ended the lists */
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

/* Whether these lists support a query. */
static bool supports(const struct runs_query *query)
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

/* Process a run whose ID is in the field name; 1 ends the list. */
static int take_run(const struct list *list, const char *name, struct json_value v,
                    struct region *region, struct err *err)
{
    struct older *o = list->o;
    const struct runs_query *q = o->query;
    struct runs_row row;
    int rc;

    if (runs_read_row(&row, v, name, region, err) < 0)
        return -1;
    if (!row.run_id || !run_id_valid(row.run_id)) {
        o->end->unread++;
        return 0;
    }
    if (row.created_us != CLOCK_NONE) {
        if (q->since_us != CLOCK_NONE && row.created_us < q->since_us)
            return 1;
        if (row.created_us > o->until_us ||
            (q->until_us != CLOCK_NONE && row.created_us >= q->until_us))
            return 0;
    }
    if (!is_wanted(q, row.status))
        return 0;
    rc = o->row(o->ctx, &row, err);
    o->enough = rc > 0;
    return rc;
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

/* Process a page: an outcome, or -1. */
static int take_page(struct list *list, const struct call *call, struct err *err)
{
    struct buf clean;
    struct json *doc = runs_parse(&clean, call, list->o->query->raw, err);
    struct region *region = doc ? region_new(err) : NULL;
    struct json_value v = { 0 };
    int rc = region ? 0 : -1;

    if (!doc && (err->kind == ERR_FORMAT || err->kind == ERR_LIMIT)) {
        log_line(LOG_WARNING, "cannot list all older runs: %s", err->text);
        buf_clear(&clean);
        return LIST_FAILED;
    }
    while (rc == 0 && (v = json_next(json_root(doc), v)).doc) {
        if (json_type(v) == JSON_OBJECT)
            rc = list->take(list, v, region, err);
        else if (list->endpoint != ENDPOINT_WORKFLOWS)
            list->o->end->unread++;
    }
    if (rc == 0)
        rc = json_count(json_root(doc)) < RUNS_PAGE;
    region_free(region);
    json_free(doc);
    buf_clear(&clean);
    return rc < 0 ? -1 : rc ? LIST_WHOLE : LIST_MORE;
}

/* Judge a call that failed: an outcome, or -1. */
static int take_failure(struct list *list, const struct call *call, struct err *err)
{
    char shown[URL_SHOWN_MAX];

    if (call->err.kind == ERR_MEMORY || call->err.kind == ERR_CANCELLED) {
        *err = call->err;
        return -1;
    }
    if (call->err.kind != ERR_DENIED && /* endpoint_judge logs a refusal, without the URL */
        endpoint_judge(&list->o->server, list->endpoint, &call->request, &call->err) ==
            ENDPOINT_LACKED)
        return LIST_LACKED;
    (void)url_shown(shown, buf_text(&call->url));
    if (strstr(call->err.text, shown)) /* the error names the call */
        log_line(LOG_WARNING, "cannot list all older runs: %s", call->err.text);
    else
        log_line(LOG_WARNING, "cannot list all older runs: %s: %s", shown, call->err.text);
    return LIST_FAILED;
}

/* Fetch and process a page: an outcome, or -1. */
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
        rc = runs_fetch(o->callers->loop, &call, &came, err);
    if (rc == 0)
        rc = call.err.kind ? take_failure(list, &call, err) : take_page(list, &call, err);
    call_clear(&call);
    buf_clear(&more);
    return rc;
}

/* Read a list to its end: an outcome other than LIST_MORE, or -1. */
static int read_list(struct list *list, struct err *err)
{
    unsigned page;
    int rc = LIST_MORE;

    for (page = 1; rc == LIST_MORE && page <= PAGES_MAX; page++)
        rc = one_page(list, page, err);
    return rc == LIST_MORE ? LIST_LACKED : rc;
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

/* List the runs of one workflow, in the time range. */
static int read_workflow(struct older *o, const char *id, const char *window, struct err *err)
{
    struct list runs = { o, ENDPOINT_WORKFLOW_RUNS_OF, id, window, take_workflow_run };

    return read_list(&runs, err);
}

/* List the runs of each listed workflow: an outcome, or -1. */
static int read_workflows(struct older *o, const char *window, struct err *err)
{
    struct list workflows = { o, ENDPOINT_WORKFLOWS, NULL, "", take_workflow };
    int all = read_list(&workflows, err);
    unsigned failed = 0;
    size_t i;

    for (i = 0; all >= 0 && i < o->workflows.count && !o->enough; i++) {
        int rc = read_workflow(o, o->workflows.at[i], window, err);

        if (rc < 0 || rc == LIST_LACKED) /* it may be that workflow alone */
            all = rc;
        failed += rc == LIST_FAILED || rc == LIST_LACKED;
        if (o->server.absent[ENDPOINT_WORKFLOW_RUNS_OF])
            break;
        if (failed == FAILED_MAX) {
            log_line(LOG_WARNING,
                     "the lists of %u workflows failed; %zu further workflows are left out",
                     failed, o->workflows.count - i - 1);
            break;
        }
    }
    return all == LIST_WHOLE && failed ? LIST_FAILED : all;
}

/* List the runs of the query's workflow, or of each workflow: an outcome, or -1. */
static int read_windows(struct older *o, struct err *err)
{
    struct buf window;
    int rc;

    buf_init(&window, MORE_MAX);
    rc = write_window(o, &window, err);
    if (rc == 0)
        rc = o->query->what.workflow
                 ? read_workflow(o, o->query->what.workflow, buf_text(&window), err)
                 : read_workflows(o, buf_text(&window), err);
    buf_clear(&window);
    return rc;
}

static void warn_unlisted(const struct older *o, const char *what)
{
    char when[CLOCK_TEXT_MAX];

    log_line(LOG_WARNING, "cannot list %s created before %s: the server offers no such list",
             what, clock_format(when, o->until_us / 1000, CLOCK_RFC3339));
}

/* Log that the list of workflows does not lead to all runs. */
static void warn_unnamed(const struct older *o)
{
    char when[CLOCK_TEXT_MAX];

    log_line(LOG_WARNING,
             "runs of tasks v2 and of deleted workflows created before %s may be missing: the "
             "server's list of workflows leaves these workflows out",
             clock_format(when, o->until_us / 1000, CLOCK_RFC3339));
}

/* List workflow runs, and so tasks v2; 1: all of them. */
static int read_workflow_runs(struct older *o, struct err *err)
{
    struct list runs = { o, ENDPOINT_WORKFLOW_RUNS, NULL, "", take_workflow_run };
    bool one = o->query->what.workflow != NULL;
    int rc = one ? LIST_LACKED : read_list(&runs, err);

    if (rc < 0 || rc == LIST_WHOLE || o->enough)
        return rc < 0 ? -1 : 1;
    rc = read_windows(o, err);
    if (rc == LIST_LACKED)
        warn_unlisted(o, "runs of workflows and of tasks v2");
    else if (rc >= 0 && !one && !o->enough)
        warn_unnamed(o);
    return rc < 0 ? -1 : rc == LIST_WHOLE && one;
}

static int read_all(struct older *o, struct err *err)
{
    struct list tasks = { o, ENDPOINT_TASKS, NULL, "", take_task };
    int flows = read_workflow_runs(o, err);
    int plain = LIST_WHOLE;

    if (flows < 0)
        return -1;
    if (!o->query->what.workflow && !o->enough)
        plain = read_list(&tasks, err);
    if (plain == LIST_LACKED)
        warn_unlisted(o, "plain tasks");
    o->end->cut = !o->enough && !(flows && plain == LIST_WHOLE);
    return plain < 0 ? -1 : 0;
}

int older_runs_list(struct callers *callers, const struct runs_query *query,
                    int (*row)(void *ctx, const struct runs_row *row, struct err *err),
                    void *ctx, struct runs_end *end, struct err *err)
{
    struct older o = { .callers = callers,
                       .query = query,
                       .until_us = end->oldest_us,
                       .row = row,
                       .ctx = ctx,
                       .end = end };
    int rc;

    if (!end->cut || !supports(query) || end->oldest_us == CLOCK_NONE)
        return 0;
    rc = read_all(&o, err);
    text_list_clear(&o.workflows);
    return rc;
}
