/* SPDX-License-Identifier: MIT */
#include "ask/inquiry.h"

#include "ask/identity.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "skyvern/scrub.h"

#include <string.h>

enum question {
    ASK_RUN,
    ASK_LIST,       /* under the run's name */
    ASK_OTHER_LIST, /* and under its other one */
    ASK_WORKFLOW,
    ASK_TIMELINE,
    ASK_TASK_V2,
    ASK_SESSION,
    QUESTIONS
};

static const enum endpoint endpoints[QUESTIONS] = {
    [ASK_WORKFLOW] = ENDPOINT_WORKFLOW_RUN,
    [ASK_TIMELINE] = ENDPOINT_TIMELINE,
    [ASK_TASK_V2] = ENDPOINT_TASK_V2,
    [ASK_SESSION] = ENDPOINT_SESSION,
};

struct inquiry {
    struct inquiry *next;
    struct listing *listing;
    struct listed_run *run;
    unsigned open; /* calls that have not ended */
    bool asked[QUESTIONS];
    bool good[QUESTIONS]; /* answered, and read */
    enum endpoint_verdict verdicts[QUESTIONS];
    bool wide[2]; /* the lists were asked for without types */
    struct artifact_list lists[2];
    struct call calls[QUESTIONS];
};

/* One word for why a run is not there. */
static const char *reason_of(const struct err *err)
{
    switch (err->kind) {
    case ERR_NOT_FOUND:
        return "run-not-found";
    case ERR_DENIED:
        return "denied";
    case ERR_FORMAT:
        return "bad-answer";
    case ERR_LIMIT:
        return "too-large";
    case ERR_HTTP:
        return err->http >= 500 ? "server-error" : "http-error";
    case ERR_NONE:
    case ERR_USAGE:
    case ERR_SYSTEM:
    case ERR_MEMORY:
    case ERR_NET:
    case ERR_MISMATCH:
    case ERR_EXISTS:
    case ERR_BUSY:
    case ERR_CANCELLED:
        break;
    }
    return "network-error";
}

static void fail(struct inquiry *q, const struct err *why, const char *what)
{
    struct listed_run *run = q->run;

    if (run->failed)
        return;
    run->failed = true;
    run->err = *why;
    run->reason = reason_of(why);
    if (why->kind == ERR_NOT_FOUND)
        (void)err_set(&run->err, ERR_NOT_FOUND, "run '%s' is unknown to %s", run->id,
                      q->calls[ASK_RUN].request.host);
    else
        (void)err_wrap(&run->err, "cannot %s of run '%s'", what, run->id);
    run->err.http = why->http;
}

/* A failure that is nobody's: it ends the listing. */
static void break_off(struct inquiry *q, const struct err *why)
{
    if (!q->listing->err.kind)
        q->listing->err = *why;
}

/* Whether two rows are members of ZIPs, which a list by type does not name. */
static bool has_members(const struct artifact_list *list)
{
    size_t members = 0;
    size_t i;

    for (i = 0; i < list->count && members < 2; i++)
        members += list->rows[i].bundle_key && list->rows[i].uri;
    return members == 2;
}

static const char *name_of(const struct inquiry *q, unsigned nth)
{
    return nth ? q->run->other : q->run->id;
}

/* Ask for a list, by types or without. */
static int ask_list(struct inquiry *q, unsigned nth, bool wide, struct err *err)
{
    struct call *call = &q->calls[nth ? ASK_OTHER_LIST : ASK_LIST];
    const struct listing *l = q->listing;

    q->wide[nth] = wide;
    artifact_list_clear(&q->lists[nth]);
    if (api_url_list(l->api, &call->url, name_of(q, nth), l->filter, !wide, err) < 0)
        return -1;
    call_add(call);
    return 0;
}

/* A list has come; true when it is asked for once more. */
static bool take_list(struct inquiry *q, unsigned nth, struct call *call)
{
    struct listing *l = q->listing;
    struct artifact_list *list = &q->lists[nth];
    bool again = call->request.status == 422 && !q->wide[nth]; /* a type that is not known */
    struct err err = call->err;

    if (call->request.date != CLOCK_NONE) {
        l->skew = call->request.date - clock_wall();
        q->run->listed_at = call->request.date;
    } else {
        q->run->listed_at = clock_wall();
    }
    if (!err.kind &&
        artifact_list_parse(list, buf_text(&call->body), call->body.len, &err) == 0)
        again = l->bundles && !q->wide[nth] && has_members(list);
    if (again && ask_list(q, nth, true, &err) == 0)
        return true;
    if (nth && err.kind == ERR_NOT_FOUND)
        return false; /* there is nothing under that name */
    if (err.kind)
        fail(q, &err, "list the artifacts");
    else if (list->broken)
        log_line(LOG_WARNING, "run '%s': %zu rows of its list have no artifact_id", q->run->id,
                 list->broken);
    return false;
}

/* Read a record into its place; what is none was lost on its way. */
static void take_record(struct inquiry *q, enum question what, struct run *out,
                        struct call *call)
{
    struct listing *l = q->listing;

    if (!call->err.kind)
        q->good[what] = run_parse(out, buf_text(&call->body), call->body.len, &call->err) == 0;
    if (what == ASK_RUN)
        q->run->attempts = call->attempts;
    else
        q->verdicts[what] =
            endpoint_judge(&l->server, endpoints[what], &call->request, &call->err);
}

static void take_timeline(struct inquiry *q, struct call *call)
{
    q->verdicts[ASK_TIMELINE] =
        endpoint_judge(&q->listing->server, ENDPOINT_TIMELINE, &call->request, &call->err);
    q->good[ASK_TIMELINE] = !call->err.kind;
}

static void take_task(struct inquiry *q, struct call *call)
{
    struct run task = { 0 };

    take_record(q, ASK_TASK_V2, &task, call);
    identity_take_name(q->run->other, q->run->id, task.run_id);
    run_clear(&task);
}

/* What the timeline tells of the run's other name. */
static void take_name(struct inquiry *q)
{
    const struct call *call = &q->calls[ASK_TIMELINE];
    struct region *region;
    const char *other;
    struct err err;

    if (!q->good[ASK_TIMELINE] || *q->run->other)
        return;
    region = region_new(&err);
    if (!region || timeline_other(&other, buf_text(&call->body), call->body.len, q->run->id,
                                  region, &err) < 0)
        log_line(LOG_INFO, "run '%s': its timeline cannot be read: %s", q->run->id, err.text);
    else
        identity_take_name(q->run->other, q->run->id, other);
    region_free(region);
}

/* Whether the filter wants ZIPs, which a list by type does not hold. */
static bool wants_zips(const struct kind_filter *filter)
{
    const struct kind *kind;

    for (kind = kinds; kind->type; kind++) {
        if (strcmp(kind->group, "bundles") == 0 && kind_filter_match(filter, kind->type))
            return true;
    }
    return false;
}

static const char *workflow_name(const struct listed_run *run)
{
    return identity_is_workflow(run->id)      ? run->id
           : identity_is_workflow(run->other) ? run->other
                                              : NULL;
}

static const char *session_name(const struct listed_run *run)
{
    return run->run.browser_session_id        ? run->run.browser_session_id
           : run->workflow.browser_session_id ? run->workflow.browser_session_id
                                              : NULL;
}

/* Whether the other name is still looked for by means of the timeline. */
static bool names_by_timeline(const struct inquiry *q)
{
    const struct endpoints *server = &q->listing->server;
    enum question first = identity_is_task(q->run->id) ? ASK_TASK_V2 : ASK_WORKFLOW;

    return q->good[ASK_RUN] && !*q->run->other && !q->good[first] &&
           (q->asked[first] || server->absent[endpoints[first]]);
}

/* Whether an optional question is to be asked now. */
static bool wants(const struct inquiry *q, enum question what)
{
    const struct listing *l = q->listing;
    const struct records *r = l->records;
    const char *id = q->run->id;

    if (l->server.absent[endpoints[what]])
        return false;
    switch (what) {
    case ASK_WORKFLOW:
        return workflow_name(q->run) &&
               (identity_is_workflow(id) || l->session || !q->good[ASK_RUN] ||
                records_want(r, ENDPOINT_WORKFLOW_RUN));
    case ASK_TIMELINE:
        return (identity_is_workflow(id) || identity_is_task(id)) &&
               (l->children || records_want(r, ENDPOINT_TIMELINE) ||
                records_want(r, ENDPOINT_STEPS) || records_want(r, ENDPOINT_ACTIONS) ||
                names_by_timeline(q));
    case ASK_TASK_V2:
        return identity_is_task(id) && q->asked[ASK_RUN] && !*q->run->other;
    case ASK_SESSION:
        return l->session && session_name(q->run);
    case ASK_RUN:
    case ASK_LIST:
    case ASK_OTHER_LIST:
    case QUESTIONS:
        break;
    }
    return false;
}

/* Ask one of the optional questions. */
static int ask(struct inquiry *q, enum question what, struct err *err)
{
    const char *id = what == ASK_WORKFLOW  ? workflow_name(q->run)
                     : what == ASK_SESSION ? session_name(q->run)
                                           : q->run->id;
    struct err why;

    q->asked[what] = true;
    if (endpoint_url(q->listing->api, &q->calls[what].url, endpoints[what], id, NULL, &why) <
        0) {
        if (why.kind == ERR_FORMAT) { /* an ID of the service that is none */
            q->calls[what].err = why;
            q->verdicts[what] = ENDPOINT_FAILED;
            return 0;
        }
        *err = why;
        return -1;
    }
    q->run->records.requests++;
    q->open++;
    call_add(&q->calls[what]);
    return 0;
}

/* A completed run whose lists by type are empty is listed whole: is there nothing at all? */
static bool is_suspicious(const struct inquiry *q)
{
    const struct run *run = q->good[ASK_RUN] ? &q->run->run : &q->run->workflow;

    return !q->wide[0] && !q->run->failed && run->status &&
           strcmp(run->status, "completed") == 0 && !q->lists[0].count && !q->lists[1].count;
}

/* Begin the next round, if there is something to ask. */
static int ask_more(struct inquiry *q, struct err *err)
{
    struct listing *l = q->listing;
    bool wide = l->filter->wanted_count == 0 || wants_zips(l->filter);
    int what;

    if (q->good[ASK_RUN])
        identity_take(q->run->other, q->run->id, &q->run->run);
    if (q->good[ASK_WORKFLOW])
        identity_take(q->run->other, q->run->id, &q->run->workflow);
    take_name(q);
    for (what = ASK_WORKFLOW; what < QUESTIONS; what++) {
        if (!q->asked[what] && wants(q, (enum question)what) &&
            ask(q, (enum question)what, err) < 0)
            return -1;
    }
    if (*q->run->other && !q->asked[ASK_OTHER_LIST]) {
        q->asked[ASK_OTHER_LIST] = true;
        q->open++;
        if (ask_list(q, 1, q->wide[0] || wide, err) < 0)
            return -1;
    }
    if (q->asked[ASK_RUN]) {
        if (q->open || !is_suspicious(q))
            return 0;
        q->open += q->asked[ASK_OTHER_LIST] ? 2 : 1;
        return ask_list(q, 0, true, err) < 0 ||
                       (q->asked[ASK_OTHER_LIST] && ask_list(q, 1, true, err) < 0)
                   ? -1
                   : 0;
    }
    q->asked[ASK_RUN] = q->asked[ASK_LIST] = true;
    q->open += 2;
    if (api_url_run(l->api, &q->calls[ASK_RUN].url, q->run->id, err) < 0)
        return -1;
    call_add(&q->calls[ASK_RUN]);
    return ask_list(q, 0, wide, err);
}

/* Keep what the API served, clean. */
static int keep(const struct listing *l, struct buf *out, const struct buf *text,
                struct err *err)
{
    buf_init(out, 2 * text->len + 64);
    if (l->raw)
        return buf_add(out, buf_text(text), text->len, err);
    return scrub_json(out, buf_text(text), text->len, secret_peek(l->api->key), err);
}

/* The record: the run's own, or, of a run that only its workflow knows, that of the workflow
 * run. */
static int settle_record(struct inquiry *q, struct err *err)
{
    enum question from = ASK_RUN;

    if (!q->good[ASK_RUN]) {
        if (q->calls[ASK_RUN].err.kind != ERR_NOT_FOUND || !q->good[ASK_WORKFLOW]) {
            fail(q, &q->calls[ASK_RUN].err, "read the record");
            return 0;
        }
        from = ASK_WORKFLOW;
        if (run_parse(&q->run->run, buf_text(&q->calls[from].body), q->calls[from].body.len,
                      err) < 0)
            return -1;
    }
    return keep(q->listing, &q->run->run_json, &q->calls[from].body, err);
}

/* One list out of two. */
static int settle_lists(struct inquiry *q, struct err *err)
{
    struct listed_run *run = q->run;
    unsigned one = q->lists[0].count || !q->lists[1].count ? 0 : 1;
    const struct buf *bodies[2] = { &q->calls[ASK_LIST].body, &q->calls[ASK_OTHER_LIST].body };
    struct buf joined;
    int rc;

    run->under[0] = q->lists[0].count > 0;
    run->under[1] = q->lists[1].count > 0;
    run->wide = q->wide[0] && (!q->asked[ASK_OTHER_LIST] || q->wide[1]);
    if (!run->under[0] || !run->under[1]) {
        run->list = q->lists[one];
        q->lists[one] = (struct artifact_list){ 0 };
        return keep(q->listing, &run->list_json, bodies[one], err);
    }
    buf_init(&joined, 2 * ARTIFACT_LIST_MAX);
    rc = artifact_list_join(&joined, bodies[0], bodies[1], err);
    if (rc == 0)
        rc = artifact_list_parse(&run->list, buf_text(&joined), joined.len, err);
    if (rc == 0)
        rc = keep(q->listing, &run->list_json, &joined, err);
    buf_clear(&joined);
    return rc;
}

static int settle_timeline(struct inquiry *q, struct err *err)
{
    const struct buf *text = &q->calls[ASK_TIMELINE].body;
    struct listed_run *run = q->run;
    struct err why;

    if (!q->good[ASK_TIMELINE] ||
        timeline_parse(&run->timeline, buf_text(text), text->len, run->id,
                       *run->other ? run->other : NULL, &why) == 0)
        return 0;
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    q->good[ASK_TIMELINE] = false;
    q->calls[ASK_TIMELINE].err = why;
    q->verdicts[ASK_TIMELINE] = ENDPOINT_FAILED;
    log_line(LOG_WARNING, "the timeline of run '%s' cannot be read: %s", run->id, why.text);
    return 0;
}

/* What else came is kept, and what did not is noted. */
static int settle_records(struct inquiry *q, struct err *err)
{
    struct records *r = q->listing->records;
    struct record_set *set = &q->run->records;
    int what;

    for (what = ASK_WORKFLOW; what < QUESTIONS; what++) {
        const struct call *call = &q->calls[what];
        int rc = 0;

        if (!q->asked[what] || !records_want(r, endpoints[what]))
            continue;
        if (q->verdicts[what] == ENDPOINT_GOOD)
            rc = records_keep(r, set, endpoints[what], NULL, buf_text(&call->body),
                              call->body.len, err);
        else
            rc = records_lack(set, endpoints[what], NULL, q->verdicts[what], &call->err, err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static void release(struct inquiry *q)
{
    size_t i;

    for (i = 0; i < QUESTIONS; i++)
        call_clear(&q->calls[i]);
    artifact_list_clear(&q->lists[0]);
    artifact_list_clear(&q->lists[1]);
    mem_free(q);
}

/* All is answered. */
static void finish(struct inquiry *q)
{
    struct listing *l = q->listing;
    struct inquiry **at = &l->inquiries;
    struct err err;

    err_clear(&err);
    if (settle_record(q, &err) < 0)
        fail(q, &err, "read the record");
    else if (!q->run->failed && settle_lists(q, &err) < 0)
        fail(q, &err, "list the artifacts");
    err_clear(&err);
    if (!q->run->failed && (settle_timeline(q, &err) < 0 || settle_records(q, &err) < 0))
        break_off(q, &err);
    log_line(LOG_INFO, "run '%s'%s%s: %zu artifacts", q->run->id,
             *q->run->other ? ", also " : "", q->run->other, q->run->list.count);
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    l->open--;
    l->done++;
    release(q);
}

static void on_done(void *ctx, struct call *call)
{
    struct inquiry *q = ctx;
    struct err err;

    err_clear(&err);
    switch ((enum question)(call - q->calls)) {
    case ASK_RUN:
        take_record(q, ASK_RUN, &q->run->run, call);
        break;
    case ASK_LIST:
        if (take_list(q, 0, call))
            return;
        break;
    case ASK_OTHER_LIST:
        if (take_list(q, 1, call))
            return;
        break;
    case ASK_WORKFLOW:
        take_record(q, ASK_WORKFLOW, &q->run->workflow, call);
        break;
    case ASK_TIMELINE:
        take_timeline(q, call);
        break;
    case ASK_TASK_V2:
        take_task(q, call);
        break;
    case ASK_SESSION:
        take_record(q, ASK_SESSION, &q->run->session, call);
        break;
    case QUESTIONS:
        break;
    }
    if (--q->open)
        return;
    if (ask_more(q, &err) < 0)
        break_off(q, &err);
    else if (!q->open)
        finish(q);
}

int inquiry_begin(struct listing *listing, struct listed_run *run, struct err *err)
{
    struct inquiry *q = mem_new(sizeof(*q), err);
    int i;

    if (!q)
        return -1;
    q->listing = listing;
    q->run = run;
    q->next = listing->inquiries;
    listing->inquiries = q;
    listing->open++;
    run->listing = listing;
    for (i = 0; i < QUESTIONS; i++)
        call_init(&q->calls[i], listing->callers,
                  i == ASK_LIST || i == ASK_OTHER_LIST ? ARTIFACT_LIST_MAX
                  : i == ASK_RUN                       ? RUN_JSON_MAX
                                                       : RECORD_MAX,
                  on_done, q);
    return ask_more(q, err);
}

void inquiry_clear(struct listing *listing)
{
    struct inquiry *q;

    while ((q = listing->inquiries)) {
        listing->inquiries = q->next;
        release(q);
    }
    listing->open = 0;
}
