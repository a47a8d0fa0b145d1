/* SPDX-License-Identifier: MIT */
#include "client/unlisted.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define NAMED_MAX  50
#define BODIES_MAX ((size_t)TIMELINE_MAX + NAMED_MAX)

/* Add the IDs of a list's rows to known. */
static int note_known(struct unlisted *e, const struct artifact_list *list, struct err *err)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *id = list->rows[i].artifact_id;

        if (!hashmap_get(e->known, id, strlen(id)) &&
            hashmap_add(e->known, id, strlen(id), e, err) < 0)
            return -1;
    }
    return 0;
}

/* Add an artifact that a record's URL names and no list has. */
static int note_named(struct unlisted *e, const char *url, struct err *err)
{
    char id[RUN_ID_MAX + 1];

    if (!url || e->named_count == NAMED_MAX || !api_content_id(url, id, sizeof(id)) ||
        !run_id_valid(id) || hashmap_get(e->known, id, strlen(id)))
        return 0;
    e->named[e->named_count] = region_text(e->region, id, err);
    if (!e->named[e->named_count])
        return -1;
    e->named_count++;
    return hashmap_add(e->known, id, strlen(id), e, err);
}

static int find_named(struct unlisted *e, struct err *err)
{
    const struct run *run = &e->run->run;
    const struct run *workflow = &e->run->workflow;
    size_t i;

    if (note_named(e, run->recording_url, err) < 0)
        return -1;
    for (i = 0; i < run->screenshot_count; i++) {
        if (note_named(e, run->screenshot_urls[i], err) < 0)
            return -1;
    }
    for (i = 0; i < workflow->recording_count; i++) {
        if (note_named(e, workflow->recording_urls[i], err) < 0)
            return -1;
    }
    return 0;
}

static void note_cut(struct unlisted *e, const char *warning)
{
    listing_note(e->run, RUN_NOTE_ARTIFACTS_CUT, warning);
    e->run->cut = true;
}

/* Start the next request of the kind in a free call; *begun: whether one was started. */
static int start_next(struct unlisted *e, struct call *call, bool *begun, struct err *err)
{
    const struct listing *l = e->run->listing;
    const struct timeline *t = &e->run->timeline;
    size_t i = e->next++;
    int rc;

    *begun = i < (e->kind == UNLISTED_TASK ? t->task_count : e->named_count);
    if (*begun && e->run->records.requests >= RECORD_REQUESTS_MAX) {
        note_cut(e, "has too many tasks to list them all; artifacts may be missing");
        *begun = false;
    }
    if (!*begun)
        return 0;
    e->run->records.requests++;
    call_renew(call);
    rc = e->kind == UNLISTED_TASK
             ? api_url_list(l->api, &call->url, t->tasks[i], l->filter, !e->wide, err)
             : endpoint_url(l->api, &call->url, ENDPOINT_ARTIFACT, e->named[i], NULL, err);
    if (rc == 0)
        call_add(call);
    return rc;
}

/* Start the requests of the next kind that has any. */
static int start_kind(struct unlisted *e, struct err *err)
{
    while (!e->open && e->kind != UNLISTED_END) {
        bool begun;
        unsigned i = 0;

        e->kind++;
        e->next = 0;
        if (e->kind == UNLISTED_NAMED && find_named(e, err) < 0)
            return -1;
        for (begun = e->kind != UNLISTED_END; begun && i < UNLISTED_JOBS; i++) {
            if (start_next(e, &e->calls[i], &begun, err) < 0)
                return -1;
            e->open += begun;
        }
    }
    return 0;
}

/* Store a response for unlisted_join. */
static int keep(struct unlisted *e, struct call *call, struct err *err)
{
    struct artifact_list list = { 0 };
    int rc = 0;

    if (e->kind == UNLISTED_TASK) {
        rc = artifact_list_parse(&list, buf_text(&call->body), call->body.len, err);
        if (rc == 0)
            rc = note_known(e, &list, err);
        if (rc == 0)
            request_log_rows(call->callers->log, call->logged, list.count, REQUEST_LINE_NONE);
        artifact_list_clear(&list);
    }
    if (rc == 0)
        rc = mem_room(&e->bodies, &e->body_cap, e->body_count, sizeof(*e->bodies), BODIES_MAX,
                      err);
    if (rc < 0)
        return -1;
    e->bodies[e->body_count++] = call->body;
    request_refs_add(&e->from, call->logged);
    buf_init(&call->body, ARTIFACT_LIST_MAX);
    return 0;
}

static void on_done(void *ctx, struct call *call)
{
    struct unlisted *e = ctx;
    struct err err = call->err;
    bool absent = err.kind == ERR_NOT_FOUND || err.kind == ERR_DENIED ||
                  (err.kind == ERR_HTTP && err.http < 500 && err.http != 429);
    bool begun = false;

    if (!err.kind && keep(e, call, &err) < 0 && err.kind == ERR_MEMORY) {
        e->done(e->ctx, &err);
        return;
    }
    if (err.kind && !absent) {
        log_line(LOG_WARNING, "run '%s' may have artifacts that could not be listed: %s",
                 e->run->id, err.text);
        note_cut(e, NULL);
    }
    err_clear(&err);
    if (start_next(e, call, &begun, &err) < 0) {
        e->done(e->ctx, &err);
        return;
    }
    e->open -= !begun;
    if (!e->open && start_kind(e, &err) < 0)
        e->done(e->ctx, &err);
    else if (!e->open)
        e->done(e->ctx, NULL);
}

int unlisted_begin(struct unlisted *e, const struct artifact_list *lists, size_t count,
                   struct err *err)
{
    size_t i;

    e->known = hashmap_new(err);
    e->region = region_new(err);
    e->named = mem_array(NAMED_MAX, sizeof(*e->named), err);
    if (!e->known || !e->region || !e->named)
        return -1;
    for (i = 0; i < count; i++) {
        if (note_known(e, &lists[i], err) < 0)
            return -1;
    }
    for (i = 0; i < UNLISTED_JOBS; i++) {
        call_init(&e->calls[i], e->run->listing->callers, ARTIFACT_LIST_MAX, on_done, e);
        e->calls[i].run = e->run->id;
    }
    return start_kind(e, err);
}

int unlisted_join(const struct unlisted *e, struct buf *out, const struct buf *const *lists,
                  size_t count, struct err *err)
{
    struct buf *all = mem_array(count + e->body_count, sizeof(*all), err);
    size_t n = 0;
    size_t i;
    int rc;

    if (!all)
        return -1;
    for (i = 0; i < count; i++) {
        if (lists[i]->len)
            all[n++] = *lists[i]; /* borrowed: neither changed nor freed here */
    }
    for (i = 0; i < e->body_count; i++)
        all[n++] = e->bodies[i];
    rc = artifact_list_join(out, all, n, err);
    mem_free(all);
    return rc;
}

void unlisted_clear(struct unlisted *e)
{
    size_t i;

    for (i = 0; i < UNLISTED_JOBS; i++)
        call_clear(&e->calls[i]);
    while (e->body_count)
        buf_clear(&e->bodies[--e->body_count]);
    mem_free(e->bodies);
    mem_free(e->named);
    region_free(e->region);
    hashmap_free(e->known);
    request_refs_clear(&e->from);
    *e = (struct unlisted){ 0 };
}
