/* SPDX-License-Identifier: MIT */
#include "client/records_fetch.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/identity.h"
#include "client/paging.h"

#include <stdio.h>
#include <string.h>

/* Retries after errors that the service answers, and time-outs: fewer than for artifacts, which
 * matter more. A short outage costs no record. */
#define RETRIES 2

/* A record to fetch; strings are borrowed from the run. */
struct job {
    enum endpoint endpoint;
    const char *about; /* the task; NULL: the run itself */
    const char *id;    /* ID in the URL */
};

/* An iterator over the jobs of one run. */
struct jobs {
    const struct listing *listing;
    const struct listed_run *run;
    struct hashmap *tasks; /* tasks already returned */
    int kind;              /* next endpoint of the run; after these come the tasks */
    bool actions;          /* next: actions of the task, else steps of the next task */
    const char *task;
    size_t next;
};

struct record_slot {
    struct records_fetch *fetch;
    struct listed_run *run;
    struct job job;
    bool busy;
    bool versions; /* the list of the script's versions comes first */
    struct paging paging;
    struct call call;
};

struct records_fetch {
    struct listing *listing;
    size_t run; /* index of the run whose jobs are taken */
    struct jobs jobs;
    bool version_asked;
    struct buf version;      /* the server's version record */
    uint64_t version_logged; /* the number of its request in the log */
    enum endpoint_verdict version_verdict;
    struct err version_err;
    unsigned busy;
    bool over; /* all jobs were taken */
    struct err err;
    struct record_slot slots[RECORDS_FETCH_JOBS];
};

static const char *first(const char *a, const char *b)
{
    return a ? a : b;
}

/* The ID in the URL of a record's call; NULL: the run has no such record. */
static const char *id_for(const struct listed_run *run, enum endpoint endpoint)
{
    switch (endpoint) {
    case ENDPOINT_SESSION_ACTIONS:
        return first(run->run.browser_session_id, run->workflow.browser_session_id);
    case ENDPOINT_HEAL_EPISODES:
    case ENDPOINT_TAGS:
    case ENDPOINT_TAG_HISTORY:
        return listing_workflow(run);
    case ENDPOINT_FALLBACK_EPISODES:
        return listing_workflow(run)
                   ? first(run->workflow.workflow_permanent_id, run->run.workflow_permanent_id)
                   : NULL;
    case ENDPOINT_SCRIPT:
        return first(run->run.script_id, run->workflow.script_id);
    case ENDPOINT_WORKFLOW_RUN: /* fetched with the listing, or per task */
    case ENDPOINT_TIMELINE:
    case ENDPOINT_SESSION:
    case ENDPOINT_STEPS:
    case ENDPOINT_ACTIONS:
    case ENDPOINT_VERSION:
    case ENDPOINT_RECORDS:
    case ENDPOINT_SCRIPT_VERSIONS:
    case ENDPOINT_WORKFLOW_TIMELINE:
    case ENDPOINT_ARTIFACT:
    case ENDPOINT_WORKFLOW_RUNS:
    case ENDPOINT_WORKFLOWS:
    case ENDPOINT_WORKFLOW_RUNS_OF:
    case ENDPOINT_TASKS:
    case ENDPOINTS:
        break;
    }
    return NULL;
}

static int jobs_begin(struct jobs *j, const struct listing *listing,
                      const struct listed_run *run, struct err *err)
{
    *j = (struct jobs){ .listing = listing, .run = run, .tasks = hashmap_new(err) };
    return j->tasks ? 0 : -1;
}

static void jobs_end(struct jobs *j)
{
    hashmap_free(j->tasks);
    *j = (struct jobs){ 0 };
}

/* The nth task that the run itself, its timeline or its list names; *end: there are no more. */
static const char *nth_task(const struct listed_run *run, size_t n, bool *end)
{
    *end = false;
    if (n == 0)
        return identity_is_workflow(run->id) || identity_is_task(run->id) ? NULL : run->id;
    n--;
    if (n < run->timeline.task_count)
        return run->timeline.tasks[n];
    n -= run->timeline.task_count;
    if (n < run->list.count)
        return run->list.rows[n].task_id;
    *end = true;
    return NULL;
}

/* The next task, without duplicates; NULL: no more tasks, or out of memory. */
static const char *next_task(struct jobs *j)
{
    bool end = false;

    while (!end) {
        const char *task = nth_task(j->run, j->next++, &end);

        if (task && run_id_valid(task) && !hashmap_get(j->tasks, task, strlen(task)) &&
            hashmap_add(j->tasks, task, strlen(task), j, NULL) == 0)
            return task;
    }
    return NULL;
}

/* The next job of the run; false: no more jobs. */
static bool next_job(struct jobs *j, struct job *out)
{
    const struct records *r = j->listing->records;

    while (j->kind < ENDPOINT_RECORDS) {
        enum endpoint endpoint = (enum endpoint)j->kind++;
        const char *id = records_want(r, endpoint) ? id_for(j->run, endpoint) : NULL;

        if (id && run_id_valid(id)) {
            *out = (struct job){ endpoint, NULL, id };
            return true;
        }
    }
    for (;;) {
        enum endpoint endpoint = j->actions ? ENDPOINT_ACTIONS : ENDPOINT_STEPS;

        if (!j->actions)
            j->task = next_task(j);
        j->actions = !j->actions;
        if (!j->task)
            return false;
        if (records_want(r, endpoint)) {
            *out = (struct job){ endpoint, j->task, j->task };
            return true;
        }
    }
}

size_t records_fetch_tell(const struct listing *listing, const struct listed_run *run,
                          void (*tell)(void *ctx, const char *name), void *ctx)
{
    char name[2 * RUN_ID_MAX];
    struct jobs jobs;
    struct job job;
    size_t count = 0;
    struct err err;

    if (!listing->records || run->failed || jobs_begin(&jobs, listing, run, &err) < 0)
        return 0;
    while (next_job(&jobs, &job) && run->records.requests + count < RECORD_REQUESTS_MAX) {
        (void)snprintf(name, sizeof(name), "%s%s%s", endpoint_name(job.endpoint),
                       job.about ? "-" : "", job.about ? job.about : "");
        tell(ctx, name);
        count++;
    }
    if (records_want(listing->records, ENDPOINT_VERSION)) {
        tell(ctx, endpoint_name(ENDPOINT_VERSION));
        count++;
    }
    jobs_end(&jobs);
    return count;
}

/* Set the digest of an answer that was not stored as a record. */
static void sum_answer(const struct call *call)
{
    if (call->sums_later && !call->err.kind)
        request_log_answer(call->callers->log, call->logged, buf_text(&call->body),
                           call->body.len);
}

static void keep_error(struct records_fetch *g, const struct err *err)
{
    if (!g->err.kind)
        g->err = *err;
}

/* Request a slot's record, or the next page of it. */
static int ask(struct record_slot *s, enum endpoint endpoint, const char *more, struct err *err)
{
    const struct listing *l = s->fetch->listing;

    if (endpoint_url(l->api, &s->call.url, endpoint, s->job.id, more, err) < 0)
        return -1;
    if (s->run)
        s->run->records.requests++;
    s->call.backoff.failures = 0;
    call_renew(&s->call);
    s->call.run = s->run ? s->run->id : NULL;
    s->call.sums_later = s->run && !s->versions && !paging_is(endpoint);
    call_add(&s->call);
    return 0;
}

/* Store a record. */
static int keep(struct record_slot *s, const char *json, size_t len, struct err *err)
{
    struct records_fetch *g = s->fetch;
    const struct record_answer answer = { json, len, &s->paging.from };

    if (s->run)
        return records_keep(g->listing->records, &s->run->records, s->job.endpoint,
                            s->job.about, &answer, err);
    request_log_version(s->call.callers->log, json, len);
    g->version_logged = s->call.logged;
    buf_reset(&g->version); /* records_fetch_finish stores it for each run */
    return buf_add(&g->version, json, len, err);
}

/* Request the version of the script that ran; false: the version is not in the list. */
static bool ask_version(struct record_slot *s, struct err *err)
{
    const char *revision =
        first(s->run->run.script_revision_id, s->run->workflow.script_revision_id);
    struct json *doc = json_parse(buf_text(&s->call.body), s->call.body.len, err);
    struct json_value list = { 0 };
    struct json_value v = { 0 };
    char number[32] = "";

    if (doc)
        list = json_get(json_root(doc), "versions");
    while (!*number && revision && (v = json_next(list, v)).doc) {
        uint64_t version;

        if (json_is(json_get(v, "script_revision_id"), revision) &&
            json_u64(json_get(v, "version"), &version))
            (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)version);
    }
    json_free(doc);
    s->versions = false;
    return *number && ask(s, ENDPOINT_SCRIPT, number, err) == 0;
}

/* Process a response; *more: the slot continues with another request. */
static int take(struct record_slot *s, bool *more, struct err *err)
{
    struct records_fetch *g = s->fetch;
    enum endpoint endpoint = s->versions ? ENDPOINT_SCRIPT_VERSIONS : s->job.endpoint;
    struct call *call = &s->call;
    enum endpoint_verdict verdict =
        endpoint_judge(&g->listing->server, endpoint, &call->request, &call->err);

    *more = false;
    if (verdict == ENDPOINT_GOOD && s->versions) {
        *more = ask_version(s, err);
        if (*more)
            return 0;
        verdict = ENDPOINT_LACKED; /* the revision is not in the list */
    }
    if (verdict == ENDPOINT_GOOD && paging_is(endpoint)) {
        int rc = paging_take(&s->paging, buf_text(&call->body), call->body.len, &call->err);

        request_refs_add(&s->paging.from, call->logged);
        if (rc >= 0)
            request_log_rows(call->callers->log, call->logged, s->paging.rows, s->paging.total);
        if (rc > 0 && ask(s, endpoint, buf_text(&s->paging.more), err) == 0) {
            *more = true;
            return 0;
        }
        if (rc < 0)
            verdict = ENDPOINT_FAILED;
        if (s->paging.cut)
            listing_note(s->run, RUN_NOTE_RECORDS_CUT, NULL);
    }
    if (!s->run) {
        g->version_verdict = verdict;
        g->version_err = call->err;
    }
    if (verdict != ENDPOINT_GOOD)
        return s->run ? records_lack(&s->run->records, s->job.endpoint, s->job.about, verdict,
                                     &call->err, err)
                      : 0;
    if (!paging_is(endpoint)) {
        request_refs_add(&s->paging.from, call->logged);
        return keep(s, buf_text(&call->body), call->body.len, err);
    }
    if (paging_end(&s->paging, err) < 0)
        return -1;
    return keep(s, buf_text(&s->paging.all), s->paging.all.len, err);
}

static int start_next(struct record_slot *s, struct err *err);

static void on_done(void *ctx, struct call *call)
{
    struct record_slot *s = ctx;
    struct records_fetch *g = s->fetch;
    struct err err;
    bool more = false;

    err_clear(&err);
    if (take(s, &more, &err) < 0)
        keep_error(g, &err);
    sum_answer(call);
    if (more)
        return;
    s->busy = false;
    g->busy--;
    if (!g->err.kind && start_next(s, &err) < 0)
        keep_error(g, &err);
}

/* Whether a job can be skipped, because the server lacks its call. */
static bool is_absent(const struct records_fetch *g, const struct job *job)
{
    const bool *absent = g->listing->server.absent;

    return absent[job->endpoint] ||
           (job->endpoint == ENDPOINT_SCRIPT && absent[ENDPOINT_SCRIPT_VERSIONS]);
}

/* Take the next job of all runs; 0: no more jobs. */
static int take_job(struct records_fetch *g, struct listed_run **run, struct job *job,
                    struct err *err)
{
    struct listing *l = g->listing;

    if (!g->version_asked && records_want(l->records, ENDPOINT_VERSION)) {
        g->version_asked = true;
        *run = NULL;
        *job = (struct job){ ENDPOINT_VERSION, NULL, NULL };
        return 1;
    }
    while (g->run < l->count) {
        struct listed_run *at = &l->runs[g->run];

        if (!g->jobs.run && !at->failed && jobs_begin(&g->jobs, l, at, err) < 0)
            return -1;
        if (!at->failed && next_job(&g->jobs, job)) {
            *run = at;
            return 1;
        }
        jobs_end(&g->jobs);
        g->run++;
    }
    g->over = true;
    return 0;
}

/* Whether a run may have another request; if not, note that once. */
static bool has_room(struct listed_run *run)
{
    if (run->records.requests < RECORD_REQUESTS_MAX)
        return true;
    if (!run->cut)
        listing_note(run, RUN_NOTE_RECORDS_CUT,
                     "has more records than the limit; not all of them are archived");
    run->cut = true;
    return false;
}

static int start_next(struct record_slot *s, struct err *err)
{
    struct records_fetch *g = s->fetch;
    static const struct err no_call = { .kind = ERR_HTTP, .http = 404 };
    int rc;

    while ((rc = take_job(g, &s->run, &s->job, err)) > 0) {
        if (s->run && is_absent(g, &s->job)) {
            if (records_lack(&s->run->records, s->job.endpoint, s->job.about, ENDPOINT_LACKED,
                             &no_call, err) < 0)
                return -1;
            continue;
        }
        if (s->run && !has_room(s->run))
            continue;
        s->versions = s->job.endpoint == ENDPOINT_SCRIPT;
        paging_begin(&s->paging, s->job.endpoint, s->run ? listing_workflow(s->run) : NULL);
        rc = ask(s, s->versions ? ENDPOINT_SCRIPT_VERSIONS : s->job.endpoint,
                 buf_text(&s->paging.more), err);
        if (rc < 0)
            return -1;
        s->busy = true;
        g->busy++;
        return 0;
    }
    return rc;
}

struct records_fetch *records_fetch_new(struct listing *listing, struct err *err)
{
    struct records_fetch *g = mem_new(sizeof(*g), err);
    size_t i;

    if (!g)
        return NULL;
    g->listing = listing;
    g->version_verdict = ENDPOINT_FAILED; /* until it is received */
    buf_init(&g->version, RECORD_MAX);
    for (i = 0; i < RECORDS_FETCH_JOBS; i++) {
        struct record_slot *s = &g->slots[i];

        s->fetch = g;
        call_init(&s->call, listing->callers, RECORD_MAX, on_done, s);
        if (s->call.error_retries > RETRIES)
            s->call.error_retries = RETRIES;
    }
    for (i = 0; i < RECORDS_FETCH_JOBS && !g->over; i++) {
        if (start_next(&g->slots[i], err) < 0) {
            records_fetch_free(g);
            return NULL;
        }
    }
    return g;
}

/* Drop all running and remaining jobs, and note their records as lost. */
static int give_up(struct records_fetch *g, struct loop *loop, struct err *err)
{
    struct callers *callers = g->listing->callers;
    struct listed_run *run;
    struct job job;
    size_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < RECORDS_FETCH_JOBS; i++) {
        struct record_slot *s = &g->slots[i];

        if (!s->busy)
            continue;
        engine_drop(loop->engine, &s->call.request);
        s->busy = false;
        if (s->run)
            rc = records_lose(&s->run->records, s->job.endpoint, s->job.about, REASON_TIMEOUT,
                              err);
    }
    g->busy = 0;
    callers_forget(callers);
    while (rc == 0 && (rc = take_job(g, &run, &job, err)) > 0)
        rc =
            run ? records_lose(&run->records, job.endpoint, job.about, REASON_TIMEOUT, err) : 0;
    return rc;
}

/* Store the server's version as a record of each run. */
static int spread_version(struct records_fetch *g, struct err *err)
{
    size_t i;

    for (i = 0; g->version_asked && i < g->listing->count; i++) {
        struct listed_run *run = &g->listing->runs[i];
        struct request_refs from = { 0 };
        const struct record_answer answer = { buf_text(&g->version), g->version.len, &from };
        int rc = 0;

        if (run->failed)
            continue;
        request_refs_add(&from, g->version_logged);
        if (g->version_verdict == ENDPOINT_GOOD)
            rc = records_keep(g->listing->records, &run->records, ENDPOINT_VERSION, NULL,
                              &answer, err);
        else
            rc = records_lack(&run->records, ENDPOINT_VERSION, NULL, g->version_verdict,
                              &g->version_err, err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

int records_fetch_finish(struct records_fetch *g, struct loop *loop, uint64_t deadline,
                         struct err *err)
{
    while (g->busy && !g->err.kind) {
        uint64_t due = callers_pump(g->listing->callers);

        if (clock_mono() >= deadline) {
            if (give_up(g, loop, err) < 0)
                return -1;
            break;
        }
        due = deadline < due ? deadline : due;
        if (g->busy && !g->err.kind && loop_turn(loop, due, err) < 0)
            return -1;
    }
    if (g->err.kind) {
        *err = g->err;
        return -1;
    }
    return spread_version(g, err);
}

void records_fetch_free(struct records_fetch *g)
{
    size_t i;

    if (!g)
        return;
    for (i = 0; i < RECORDS_FETCH_JOBS; i++) {
        call_clear(&g->slots[i].call);
        paging_clear(&g->slots[i].paging);
    }
    jobs_end(&g->jobs);
    buf_clear(&g->version);
    mem_free(g);
}
