/* SPDX-License-Identifier: MIT */
#include "client/run_requests.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/answers.h"
#include "client/identity.h"

#define WINDOW 64 /* runs listed at a time */

struct run_requests {
    struct run_requests *next;
    struct listing *listing;
    struct listed_run *run;
    unsigned open; /* running calls */
    struct answers answers;
};

/* Record an error that does not belong to a run and ends the listing. */
static void keep_error(struct run_requests *q, const struct err *why)
{
    if (!q->listing->err.kind)
        q->listing->err = *why;
}

/* Whether two rows are members of a ZIP, whose own row a list by type does not have. */
static bool has_members(const struct artifact_list *list)
{
    size_t members = 0;
    size_t i;

    for (i = 0; i < list->count && members < 2; i++)
        members += list->rows[i].bundle_key && list->rows[i].uri;
    return members == 2;
}

static const char *name_of(const struct run_requests *q, unsigned nth)
{
    return nth ? q->run->other : q->run->id;
}

/* Request a list, by types or (wide) without a filter. */
static int ask_list(struct run_requests *q, unsigned nth, bool wide, struct err *err)
{
    struct call *call = &q->answers.calls[nth ? ASK_OTHER_LIST : ASK_LIST];
    const struct listing *l = q->listing;
    struct listed_text *before = &q->answers.texts[nth];

    if (before->text) /* a list by types, which is not used */
        request_log_answer(l->callers->log, call->logged, before->text, before->len);
    listed_text_clear(before);
    call_renew(call);

    q->answers.wide[nth] = wide;
    artifact_list_clear(&q->answers.lists[nth]);
    if (api_url_list(l->api, &call->url, name_of(q, nth), l->filter, !wide, err) < 0)
        return -1;
    call_add(call);
    return 0;
}

/* Process a list; true if it is requested again without a filter. */
static bool take_list(struct run_requests *q, unsigned nth, struct call *call)
{
    struct listing *l = q->listing;
    struct artifact_list *list = &q->answers.lists[nth];
    bool again = call->request.status == 422 && !q->answers.wide[nth]; /* an unknown type */
    struct err err = call->err;

    if (call->request.date != CLOCK_NONE) {
        l->skew = call->request.date - clock_wall();
        q->run->listed_at = call->request.date;
    } else {
        q->run->listed_at = clock_wall();
    }
    if (!err.kind && answers_list(&q->answers, nth, l, call, &err) == 0) {
        request_log_rows(l->callers->log, call->logged, list->count, REQUEST_LINE_NONE);
        again = l->bundles && !q->answers.wide[nth] && has_members(list);
    }
    if (again && ask_list(q, nth, true, &err) == 0)
        return true;
    if (nth && err.kind == ERR_NOT_FOUND)
        return false; /* nothing under that name */
    if (err.kind)
        answers_fail(&q->answers, q->run, &err, "list the artifacts");
    return false;
}

/* Parse a record; a malformed one counts as lost. */
static void take_record(struct run_requests *q, enum question what, struct run *out,
                        struct call *call)
{
    struct listing *l = q->listing;

    if (!call->err.kind)
        q->answers.good[what] =
            run_parse(out, buf_text(&call->body), call->body.len, &call->err) == 0;
    if (what == ASK_RUN)
        q->run->attempts = call->attempts;
    else
        q->answers.verdicts[what] =
            endpoint_judge(&l->server, answers_endpoints[what], &call->request, &call->err);
}

static void take_timeline(struct run_requests *q, enum question what, struct call *call)
{
    q->answers.verdicts[what] = endpoint_judge(&q->listing->server, answers_endpoints[what],
                                               &call->request, &call->err);
    q->answers.good[what] = !call->err.kind;
}

static void take_task(struct run_requests *q, struct call *call)
{
    struct run task = { 0 };

    take_record(q, ASK_TASK_V2, &task, call);
    identity_take_name(q->run->other, q->run->id, task.run_id);
    run_clear(&task);
}

/* Look for the run's other name in its timeline. */
static void take_name(struct run_requests *q)
{
    const struct call *call = &q->answers.calls[ASK_TIMELINE];
    struct region *region;
    const char *other;
    struct err err;

    if (!q->answers.good[ASK_TIMELINE] || *q->run->other)
        return;
    region = region_new(&err);
    if (!region || timeline_other(&other, buf_text(&call->body), call->body.len, q->run->id,
                                  region, &err) < 0)
        log_line(LOG_INFO, "run '%s': cannot read the timeline: %s", q->run->id, err.text);
    else
        identity_take_name(q->run->other, q->run->id, other);
    region_free(region);
}

/*
 * Whether the filter accepts rows that a list by type does not have: ZIPs, and types that the
 * server does not know.
 */
static bool wants_whole(const struct kind_filter *filter)
{
    const struct kind *kind;

    for (kind = kinds; kind->type; kind++) {
        if (kind_is_bundle(kind) && kind_filter_match(filter, kind->type))
            return true;
    }
    return kind_filter_match(filter, "unknown");
}

static const char *session_name(const struct listed_run *run)
{
    return run->run.browser_session_id        ? run->run.browser_session_id
           : run->workflow.browser_session_id ? run->workflow.browser_session_id
                                              : NULL;
}

/* The record, other than the run's own, that names its other name. */
static enum question naming(const struct run_requests *q)
{
    return identity_is_task(q->run->id) ? ASK_TASK_V2 : ASK_WORKFLOW;
}

/* Whether the records were asked for, and do not have the run's other name. */
static bool lacks_name(const struct run_requests *q)
{
    enum question first = naming(q);

    return q->answers.good[ASK_RUN] && !*q->run->other &&
           (q->answers.asked[first] || q->listing->server.absent[answers_endpoints[first]]);
}

/* Whether the timeline is needed to find the run's other name. */
static bool names_by_timeline(const struct run_requests *q)
{
    return lacks_name(q) && (q->listing->names || !q->answers.good[naming(q)]);
}

static bool wants_timeline(const struct listing *l)
{
    return l->deep || l->children || records_want(l->records, ENDPOINT_TIMELINE) ||
           records_want(l->records, ENDPOINT_STEPS) ||
           records_want(l->records, ENDPOINT_ACTIONS);
}

/* Whether the browser session's files or its record would be archived. */
static bool wants_session(const struct listing *l)
{
    return records_want(l->records, ENDPOINT_SESSION) ||
           (l->deep && (kind_filter_match(l->filter, "recording") ||
                        kind_filter_match(l->filter, "download")));
}

/* Whether an optional request is to be made now. */
static bool wants(const struct run_requests *q, enum question what)
{
    const struct listing *l = q->listing;
    const struct records *r = l->records;
    const char *id = q->run->id;

    if (l->server.absent[answers_endpoints[what]])
        return false;
    switch (what) {
    case ASK_WORKFLOW:
        return listing_workflow(q->run) &&
               (identity_is_workflow(id) || l->deep || l->children ||
                !q->answers.good[ASK_RUN] || records_want(r, ENDPOINT_WORKFLOW_RUN));
    case ASK_TIMELINE:
        return (identity_is_workflow(id) || identity_is_task(id)) &&
               (wants_timeline(l) || names_by_timeline(q));
    case ASK_WORKFLOW_TIMELINE: /* for a run started by another run */
        return q->answers.asked[ASK_TIMELINE] &&
               q->answers.verdicts[ASK_TIMELINE] == ENDPOINT_LACKED &&
               q->answers.good[ASK_WORKFLOW] && q->run->workflow.workflow_permanent_id &&
               wants_timeline(l);
    case ASK_TASK_V2:
        return identity_is_task(id) && q->answers.asked[ASK_RUN] && !*q->run->other;
    case ASK_SESSION:
        return wants_session(l) && session_name(q->run);
    case ASK_RUN:
    case ASK_LIST:
    case ASK_OTHER_LIST:
    case QUESTIONS:
        break;
    }
    return false;
}

/* Make an optional request. */
static int ask(struct run_requests *q, enum question what, struct err *err)
{
    const char *id = what == ASK_WORKFLOW            ? listing_workflow(q->run)
                     : what == ASK_SESSION           ? session_name(q->run)
                     : what == ASK_WORKFLOW_TIMELINE ? q->run->workflow.workflow_permanent_id
                                                     : q->run->id;
    struct err why;

    q->answers.asked[what] = true;
    if (endpoint_url(q->listing->api, &q->answers.calls[what].url, answers_endpoints[what], id,
                     listing_workflow(q->run), &why) < 0) {
        if (why.kind == ERR_FORMAT) { /* the service gave a malformed ID */
            q->answers.calls[what].err = why;
            q->answers.verdicts[what] = ENDPOINT_FAILED;
            return 0;
        }
        *err = why;
        return -1;
    }
    q->run->records.requests++;
    q->open++;
    call_add(&q->answers.calls[what]);
    return 0;
}

/*
 * Whether the lists by type of a completed run are empty: then check for any artifacts at all.
 * With `tell`, of any run: then its other types are reported.
 */
static bool needs_full_list(const struct run_requests *q)
{
    const struct run *run = q->answers.good[ASK_RUN] ? &q->run->run : &q->run->workflow;

    return !q->answers.wide[0] && !q->run->failed &&
           (q->listing->tell || run_is_completed(run->status)) && !q->answers.lists[0].count &&
           !q->answers.lists[1].count;
}

static void next_round(struct run_requests *q);

static void on_unlisted(void *ctx, const struct err *err)
{
    struct run_requests *q = ctx;

    if (err) {
        keep_error(q, err);
    } else {
        q->open--;
        next_round(q);
    }
}

/* Start the search for unlisted artifacts, once. */
static int find_unlisted(struct run_requests *q, struct err *err)
{
    if (answers_timeline(&q->answers, q->run, err) < 0)
        return -1;
    q->answers.unlisted = (struct unlisted){
        .run = q->run, .wide = q->answers.wide[0], .done = on_unlisted, .ctx = q
    };
    if (unlisted_begin(&q->answers.unlisted, q->answers.lists, 2, err) < 0)
        return -1;
    q->open += q->answers.unlisted.open > 0;
    return 0;
}

/* The first round: the record and, unless only names are wanted, the list. */
static int ask_first(struct run_requests *q, bool wide, struct err *err)
{
    bool lists = !q->listing->names;

    q->answers.asked[ASK_RUN] = true;
    q->answers.asked[ASK_LIST] = lists;
    q->open += lists ? 2 : 1;
    if (api_url_run(q->listing->api, &q->answers.calls[ASK_RUN].url, q->run->id, err) < 0)
        return -1;
    call_add(&q->answers.calls[ASK_RUN]);
    return lists ? ask_list(q, 0, wide, err) : 0;
}

static int ask_wide(struct run_requests *q, struct err *err)
{
    q->open += q->answers.asked[ASK_OTHER_LIST] ? 2 : 1;
    if (ask_list(q, 0, true, err) < 0)
        return -1;
    return q->answers.asked[ASK_OTHER_LIST] ? ask_list(q, 1, true, err) : 0;
}

/* Start the next round, if there is something to request. */
static int ask_more(struct run_requests *q, struct err *err)
{
    const struct listing *l = q->listing;
    bool wide = l->filter->wanted_count == 0 || wants_whole(l->filter);
    int what;

    if (q->answers.good[ASK_RUN])
        identity_take(q->run->other, q->run->id, &q->run->run);
    if (q->answers.good[ASK_WORKFLOW])
        identity_take(q->run->other, q->run->id, &q->run->workflow);
    take_name(q);
    for (what = ASK_WORKFLOW; what < QUESTIONS; what++) {
        if (!q->answers.asked[what] && wants(q, (enum question)what) &&
            ask(q, (enum question)what, err) < 0)
            return -1;
    }
    if (*q->run->other && !l->names && !q->answers.asked[ASK_OTHER_LIST]) {
        q->answers.asked[ASK_OTHER_LIST] = true;
        q->open++;
        if (ask_list(q, 1, q->answers.wide[0] || wide, err) < 0)
            return -1;
    }
    if (!q->answers.asked[ASK_RUN])
        return ask_first(q, wide, err);
    if (q->open || q->run->failed || l->names)
        return 0;
    if (needs_full_list(q))
        return ask_wide(q, err);
    return l->deep && !q->answers.unlisted.run ? find_unlisted(q, err) : 0;
}

static void release(struct run_requests *q)
{
    answers_clear(&q->answers);
    mem_free(q);
}

/* All requests are done: build the listed run. */
static void finish(struct run_requests *q)
{
    struct listing *l = q->listing;
    struct run_requests **at = &l->requests;
    struct err err;

    err_clear(&err);
    if (answers_settle(&q->answers, q->run, &err) < 0)
        keep_error(q, &err);
    answers_log(&q->answers, l);
    if (l->names)
        log_line(LOG_INFO, "run '%s' has %s%s", q->run->id,
                 *q->run->other ? "the other ID " : "no other ID", q->run->other);
    else
        log_line(LOG_INFO, "run '%s'%s%s: %zu artifact%s", q->run->id,
                 *q->run->other ? ", also " : "", q->run->other, q->run->list.count,
                 text_plural(q->run->list.count));
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    q->run->listed = true;
    l->open--;
    l->done++;
    release(q);
}

/* After a round: start the next one, or finish. */
static void next_round(struct run_requests *q)
{
    struct err err;

    err_clear(&err);
    if (ask_more(q, &err) < 0)
        keep_error(q, &err);
    else if (!q->open)
        finish(q);
}

static void on_done(void *ctx, struct call *call)
{
    struct run_requests *q = ctx;

    switch ((enum question)(call - q->answers.calls)) {
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
    case ASK_WORKFLOW_TIMELINE:
        take_timeline(q, (enum question)(call - q->answers.calls), call);
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
    if (--q->open == 0)
        next_round(q);
}

/* Start the requests for a run; the listing counts the run in done when all have ended. */
static int begin(struct listing *listing, struct listed_run *run, struct err *err)
{
    struct run_requests *q = mem_new(sizeof(*q), err);
    int i;

    if (!q)
        return -1;
    q->listing = listing;
    q->run = run;
    q->next = listing->requests;
    listing->requests = q;
    listing->open++;
    run->listing = listing;
    for (i = 0; i < QUESTIONS; i++) {
        call_init(&q->answers.calls[i], listing->callers,
                  i == ASK_LIST || i == ASK_OTHER_LIST ? ARTIFACT_LIST_MAX
                  : i == ASK_RUN                       ? RUN_JSON_MAX
                                                       : RECORD_MAX,
                  on_done, q);
        q->answers.calls[i].run = run->id;
        q->answers.calls[i].sums_later = true; /* when the run is listed */
    }
    return ask_more(q, err);
}

void run_requests_clear(struct listing *listing)
{
    struct run_requests *q;

    while ((q = listing->requests)) {
        listing->requests = q->next;
        release(q);
    }
    listing->open = 0;
}

int run_requests_more(struct listing *listing, struct err *err)
{
    while (!listing->err.kind && listing->next < listing->count && listing->open < WINDOW) {
        if (begin(listing, &listing->runs[listing->next++], err) < 0)
            return -1;
    }
    if (!listing->err.kind)
        return 0;
    *err = listing->err;
    return -1;
}
