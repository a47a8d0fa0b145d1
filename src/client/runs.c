/* SPDX-License-Identifier: MIT */
#include "client/runs.h"

#include "api/run.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "net/url.h"
#include "redact/redact.h"

#include <string.h>

#define PAGE_MAX ((size_t)64 << 20)

struct pager {
    const struct runs_query *query;
    int (*row)(void *ctx, const struct runs_row *row, struct err *err);
    void *ctx;
    struct hashmap *seen;
    uint64_t told;
    struct runs_end *end;
    bool paged; /* a page was received */
};

static void on_page(void *ctx, struct call *call)
{
    (void)call;
    *(bool *)ctx = true;
}

void runs_call(struct call *call, struct callers *callers, bool *came)
{
    *came = false;
    call_init(call, callers, PAGE_MAX, on_page, came);
    call->sums_later = true; /* by runs_parse */
}

int runs_fetch(struct loop *loop, struct call *call, const bool *came, struct err *err)
{
    call_add(call);
    while (!*came) {
        uint64_t due = callers_pump(call->callers);

        if (!*came && loop_turn(loop, due, err) < 0) {
            engine_drop(loop->engine, &call->request);
            return -1;
        }
    }
    return 0;
}

static int text(const char **out, struct json_value row, const char *name,
                struct region *region, struct err *err)
{
    char *value;

    if (json_string(json_get(row, name), region, &value, err) < 0)
        return -1;
    *out = value && *value ? value : NULL;
    return 0;
}

int runs_read_row(struct runs_row *row, struct json_value v, const char *name,
                  struct region *region, struct err *err)
{
    const char *other;

    *row = (struct runs_row){ .created_us = CLOCK_NONE };
    if (text(&row->run_id, v, "run_id", region, err) < 0 ||
        text(&other, v, name, region, err) < 0 ||
        text(&row->status, v, "status", region, err) < 0 ||
        text(&row->run_type, v, "task_run_type", region, err) < 0 ||
        text(&row->title, v, "title", region, err) < 0 ||
        text(&row->created_at, v, "created_at", region, err) < 0 ||
        text(&row->started_at, v, "started_at", region, err) < 0 ||
        text(&row->finished_at, v, "finished_at", region, err) < 0 ||
        text(&row->workflow_permanent_id, v, "workflow_permanent_id", region, err) < 0 ||
        (!row->run_type && text(&row->run_type, v, "run_type", region, err) < 0))
        return -1;
    if (!row->run_id && !json_wrong_text(json_get(v, "run_id")))
        row->run_id = other;
    if (row->created_at)
        row->created_us = clock_us(row->created_at);
    (void)json_bool(json_get(v, "retry_pending"), &row->retry_pending);
    row->retry_pending = run_is_retried(row->status, row->retry_pending);
    row->json = json_raw(v, &row->json_len);
    return 0;
}

/* Report a row, unless it is a duplicate, out of range or invalid; 1: the list ends here. */
static int take_row(struct pager *p, struct json_value v, struct region *region,
                    struct err *err)
{
    const struct runs_query *q = p->query;
    struct runs_end *end = p->end;
    struct runs_row row;
    int rc;

    if (json_type(v) == JSON_OBJECT && runs_read_row(&row, v, "task_run_id", region, err) < 0)
        return -1;
    if (json_type(v) != JSON_OBJECT || !row.run_id || !run_id_valid(row.run_id)) {
        end->unread++;
        return 0;
    }
    if (row.created_us != CLOCK_NONE &&
        (end->oldest_us == CLOCK_NONE || row.created_us < end->oldest_us))
        end->oldest_us = row.created_us;
    if (hashmap_get(p->seen, row.run_id, strlen(row.run_id)))
        return 0;
    if (q->since_us != CLOCK_NONE && row.created_us != CLOCK_NONE &&
        row.created_us < q->since_us)
        return 1;
    if (q->until_us != CLOCK_NONE && row.created_us != CLOCK_NONE &&
        row.created_us >= q->until_us)
        return 0;
    if (hashmap_add(p->seen, row.run_id, strlen(row.run_id), p, err) < 0)
        return -1;
    rc = p->row(p->ctx, &row, err);
    p->told++;
    return rc == 0 && q->limit && p->told >= q->limit ? 1 : rc;
}

struct json *runs_parse(struct buf *clean, const struct call *call, bool raw, struct err *err)
{
    struct redact what = { secret_peek(call->callers->api->key), raw, NULL };
    char shown[URL_SHOWN_MAX];
    struct json *doc = NULL;

    buf_init(clean, redact_room(call->body.len));
    if (redact_json(clean, buf_text(&call->body), call->body.len, &what, err) == 0) {
        if (!raw)
            request_log_clean(call->callers->log, call->logged, buf_text(clean), clean->len);
        doc = json_parse(buf_text(clean), clean->len, err);
    }
    request_log_answer(call->callers->log, call->logged, buf_text(&call->body), call->body.len);
    if (doc && json_type(json_root(doc)) != JSON_ARRAY) {
        (void)err_set(err, ERR_FORMAT, "JSON, but not an array");
        json_free(doc);
        doc = NULL;
    }
    if (!doc)
        (void)err_wrap(err, "%s: the response is not a list",
                       url_shown(shown, buf_text(&call->url)));
    else
        request_log_rows(call->callers->log, call->logged, json_count(json_root(doc)),
                         REQUEST_LINE_NONE);
    return doc;
}

/* Report a page's rows; 1 if it is the last page. */
static int take_page(struct pager *p, const struct call *call, unsigned size, struct err *err)
{
    struct buf clean;
    struct json *doc = runs_parse(&clean, call, p->query->raw, err);
    struct region *region = doc ? region_new(err) : NULL;
    struct json_value v = { 0 };
    int rc = region ? 0 : -1;

    while (rc == 0 && (v = json_next(json_root(doc), v)).doc)
        rc = take_row(p, v, region, err);
    if (rc == 0 && json_count(json_root(doc)) < size)
        rc = 1;
    region_free(region);
    json_free(doc);
    buf_clear(&clean);
    return rc;
}

/* Check a page's response; 1: the service lists no more pages. */
static int check_page(const struct pager *p, const struct call *call, struct err *err)
{
    if (call->err.http == 400 && p->paged && (p->query->what.search || p->query->what.workflow))
        return 1; /* the service's limit of a search */
    if (!call->err.kind)
        return 0;
    *err = call->err;
    return err_wrap(err, "cannot list runs");
}

int runs_list(struct loop *loop, struct callers *callers, const struct runs_query *query,
              int (*row)(void *ctx, const struct runs_row *row, struct err *err), void *ctx,
              struct runs_end *end, struct err *err)
{
    struct pager pager = {
        .query = query, .row = row, .ctx = ctx, .seen = hashmap_new(err), .end = end
    };
    unsigned size = query->limit && query->limit < RUNS_PAGE && query->until_us == CLOCK_NONE
                        ? (unsigned)query->limit
                        : RUNS_PAGE;
    unsigned page;
    bool over = false; /* the service lists no more pages */
    int rc = pager.seen ? 0 : -1;

    *end = (struct runs_end){ .oldest_us = CLOCK_NONE };
    for (page = 1; rc == 0 && page <= RUNS_PAGES; page++) {
        struct call call;
        bool came;

        runs_call(&call, callers, &came);
        rc = api_url_runs(callers->api, &call.url, &query->what, page, size, err);
        if (rc == 0)
            rc = runs_fetch(loop, &call, &came, err);
        if (rc == 0)
            rc = check_page(&pager, &call, err);
        over = rc > 0;
        if (rc == 0)
            rc = take_page(&pager, &call, size, err);
        pager.paged = true;
        call_clear(&call);
    }
    end->cut = rc == 0 || over; /* the last page was full or refused */
    hashmap_free(pager.seen);
    return rc < 0 ? -1 : 0;
}
