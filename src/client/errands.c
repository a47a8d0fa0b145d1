/* SPDX-License-Identifier: MIT */
#include "client/errands.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define STRAYS_MAX 50
#define BODIES_MAX ((size_t)TIMELINE_MAX + STRAYS_MAX)

/* Add the IDs of a list's rows to known. */
static int note_known(struct errands *e, const struct artifact_list *list, struct err *err)
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

/* Add a stray: an artifact that a record's URL names and no list has. */
static int note_stray(struct errands *e, const char *url, struct err *err)
{
    char id[RUN_ID_MAX + 1];

    if (!url || e->stray_count == STRAYS_MAX || !api_content_id(url, id, sizeof(id)) ||
        !run_id_valid(id) || hashmap_get(e->known, id, strlen(id)))
        return 0;
    e->strays[e->stray_count] = region_copy(e->region, id, strlen(id), err);
    if (!e->strays[e->stray_count])
        return -1;
    e->stray_count++;
    return hashmap_add(e->known, id, strlen(id), e, err);
}

static int find_strays(struct errands *e, struct err *err)
{
    const struct run *run = &e->run->run;
    const struct run *workflow = &e->run->workflow;
    size_t i;

    if (note_stray(e, run->recording_url, err) < 0)
        return -1;
    for (i = 0; i < run->screenshot_count; i++) {
        if (note_stray(e, run->screenshot_urls[i], err) < 0)
            return -1;
    }
    for (i = 0; i < workflow->recording_count; i++) {
        if (note_stray(e, workflow->recording_urls[i], err) < 0)
            return -1;
    }
    return 0;
}

static void note_cut(struct errands *e, const char *warning)
{
    listing_note(e->run, "artifacts-cut", warning);
    e->run->cut = true;
}

/* Start the next errand of the kind in a free call; *begun: there was one. */
static int start_next(struct errands *e, struct call *call, bool *begun, struct err *err)
{
    const struct listing *l = e->run->listing;
    const struct timeline *t = &e->run->timeline;
    size_t i = e->next++;
    int rc;

    *begun = i < (e->kind == ERRAND_TASK ? t->task_count : e->stray_count);
    if (*begun && e->run->records.requests >= RECORD_REQUESTS_MAX) {
        note_cut(e, "has too many tasks to list them all; artifacts may be missing");
        *begun = false;
    }
    if (!*begun)
        return 0;
    e->run->records.requests++;
    rc = e->kind == ERRAND_TASK
             ? api_url_list(l->api, &call->url, t->tasks[i], l->filter, !e->wide, err)
             : endpoint_url(l->api, &call->url, ENDPOINT_ARTIFACT, e->strays[i], NULL, err);
    if (rc == 0)
        call_add(call);
    return rc;
}

/* Start the errands of the next kind that has any. */
static int start_kind(struct errands *e, struct err *err)
{
    while (!e->open && e->kind != ERRAND_END) {
        bool begun;
        unsigned i = 0;

        e->kind++;
        e->next = 0;
        if (e->kind == ERRAND_STRAY && find_strays(e, err) < 0)
            return -1;
        for (begun = e->kind != ERRAND_END; begun && i < ERRANDS; i++) {
            if (start_next(e, &e->calls[i], &begun, err) < 0)
                return -1;
            e->open += begun;
        }
    }
    return 0;
}

/* Store a response for errands_join. */
static int keep(struct errands *e, struct call *call, struct err *err)
{
    struct artifact_list list = { 0 };
    int rc = 0;

    if (e->kind == ERRAND_TASK) {
        rc = artifact_list_parse(&list, buf_text(&call->body), call->body.len, err);
        if (rc == 0)
            rc = note_known(e, &list, err);
        artifact_list_clear(&list);
    }
    if (rc == 0)
        rc = mem_room(&e->bodies, &e->body_cap, e->body_count, sizeof(*e->bodies), BODIES_MAX,
                      err);
    if (rc < 0)
        return -1;
    e->bodies[e->body_count++] = call->body;
    buf_init(&call->body, ARTIFACT_LIST_MAX);
    return 0;
}

static void on_done(void *ctx, struct call *call)
{
    struct errands *e = ctx;
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

int errands_begin(struct errands *e, const struct artifact_list *lists, size_t count,
                  struct err *err)
{
    size_t i;

    e->known = hashmap_new(err);
    e->region = region_new(err);
    e->strays = mem_array(STRAYS_MAX, sizeof(*e->strays), err);
    if (!e->known || !e->region || !e->strays)
        return -1;
    for (i = 0; i < count; i++) {
        if (note_known(e, &lists[i], err) < 0)
            return -1;
    }
    for (i = 0; i < ERRANDS; i++)
        call_init(&e->calls[i], e->run->listing->callers, ARTIFACT_LIST_MAX, on_done, e);
    return start_kind(e, err);
}

int errands_join(const struct errands *e, struct buf *out, const struct buf *const *lists,
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

void errands_clear(struct errands *e)
{
    size_t i;

    for (i = 0; i < ERRANDS; i++)
        call_clear(&e->calls[i]);
    while (e->body_count)
        buf_clear(&e->bodies[--e->body_count]);
    mem_free(e->bodies);
    mem_free(e->strays);
    region_free(e->region);
    hashmap_free(e->known);
    *e = (struct errands){ 0 };
}
