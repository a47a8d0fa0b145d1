/* SPDX-License-Identifier: MIT */
#include "fetch/url_refresh.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/answers.h"
#include "client/extras.h"

#include <string.h>

struct renewal {
    struct url_refresh *refresh;
    size_t run;
    bool open;
    struct call call;
    struct hashmap *by_id; /* being built: artifact_id -> URL */
    struct hashmap *rows;  /* being built: artifact_id -> row */
    unsigned name;         /* index of the run's name that is being listed, of at most two */
    struct artifact_list lists[2]; /* own the URLs that are in use */
    struct run record;
    struct artifact_list old_lists[2]; /* own the URLs that are being replaced */
    struct run old_record;
};

struct url_refresh {
    struct listing *listing;
    struct callers *callers;
    void (*renewed)(void *ctx, const struct url_refresh_list *list);
    void *ctx;
    struct renewal **runs; /* NULL until a run needs it */
    size_t count;
};

struct url_refresh *url_refresh_new(struct listing *listing, struct callers *callers,
                                    void (*renewed)(void *ctx,
                                                    const struct url_refresh_list *list),
                                    void *ctx, struct err *err)
{
    struct url_refresh *refresh = mem_new(sizeof(*refresh), err);

    if (!refresh)
        return NULL;
    *refresh = (struct url_refresh){ listing, callers, renewed, ctx, NULL, 0 };
    if (url_refresh_reach(refresh, err) == 0)
        return refresh;
    url_refresh_free(refresh);
    return NULL;
}

int url_refresh_reach(struct url_refresh *refresh, struct err *err)
{
    size_t count = refresh->listing->count;
    struct renewal **grown;

    if (count <= refresh->count)
        return 0;
    grown = mem_resize(refresh->runs, count, sizeof(struct renewal *), err);
    if (!grown)
        return -1;
    refresh->runs = grown;
    while (refresh->count < count)
        refresh->runs[refresh->count++] = NULL;
    return 0;
}

void url_refresh_free(struct url_refresh *refresh)
{
    size_t i;
    size_t k;

    if (!refresh)
        return;
    for (i = 0; i < refresh->count; i++) {
        if (!refresh->runs[i])
            continue;
        call_clear(&refresh->runs[i]->call);
        hashmap_free(refresh->runs[i]->by_id);
        hashmap_free(refresh->runs[i]->rows);
        for (k = 0; k < 2; k++) {
            artifact_list_clear(&refresh->runs[i]->lists[k]);
            artifact_list_clear(&refresh->runs[i]->old_lists[k]);
        }
        run_clear(&refresh->runs[i]->record);
        run_clear(&refresh->runs[i]->old_record);
        mem_free(refresh->runs[i]);
    }
    mem_free(refresh->runs);
    mem_free(refresh);
}

/* Enter a value, unless there is one. */
static int enter(struct hashmap *map, const char *id, const void *value, struct err *err)
{
    return hashmap_get(map, id, strlen(id))
               ? 0
               : hashmap_add(map, id, strlen(id), (void *)(uintptr_t)value, err);
}

/* Read the received list into tables by artifact_id, if it is a list of the run. */
static int read_list(const struct renewal *renewal, struct artifact_list *list,
                     const struct call *call, struct err *err)
{
    const struct listing *listing = renewal->refresh->listing;
    size_t i;

    if (artifact_list_parse_on(listing->pagefile, list, buf_text(&call->body), call->body.len,
                               err) < 0 ||
        answers_judge_list(list, &listing->runs[renewal->run], err) < 0)
        return -1;
    for (i = 0; i < list->count; i++) {
        const struct artifact *row = &list->rows[i];

        if (enter(renewal->rows, row->artifact_id, row, err) < 0 ||
            (row->signed_url &&
             enter(renewal->by_id, row->artifact_id, row->signed_url, err) < 0))
            return -1;
    }
    return 0;
}

/* Publish the fresh URLs, then free the owner of the former ones. */
static void hand_out(struct renewal *renewal, bool came)
{
    struct url_refresh *refresh = renewal->refresh;
    struct url_refresh_list fresh = { renewal->run, came, renewal->by_id, renewal->rows };

    renewal->open = false;
    renewal->by_id = NULL;
    renewal->rows = NULL;
    refresh->renewed(refresh->ctx, &fresh);
    hashmap_free(fresh.by_id);
    hashmap_free(fresh.rows);
    artifact_list_clear(&renewal->old_lists[0]);
    artifact_list_clear(&renewal->old_lists[1]);
    run_clear(&renewal->old_record);
}

/* The run's record was received; it names artifacts that the list does not have. */
static void on_record(void *ctx, struct call *call)
{
    struct renewal *renewal = ctx;
    const struct listed_run *run = &renewal->refresh->listing->runs[renewal->run];
    struct err err = call->err;

    renewal->old_record = renewal->record;
    renewal->record = (struct run){ 0 };
    if (err.kind ||
        run_parse(&renewal->record, buf_text(&call->body), call->body.len, &err) < 0 ||
        extras_urls(run, &renewal->record, renewal->by_id, &err) < 0)
        log_line(LOG_WARNING, "cannot refresh the URLs in the record of run '%s': %s", run->id,
                 err.text);
    buf_clear(&call->body);
    hand_out(renewal, true);
}

/* Request the record, too; if that is not possible, publish the list's URLs only. */
static void ask_record(struct renewal *renewal)
{
    struct url_refresh *refresh = renewal->refresh;
    struct err err;

    call_clear(&renewal->call);
    call_init(&renewal->call, refresh->callers, RUN_JSON_MAX, on_record, renewal);
    renewal->call.run = refresh->listing->runs[renewal->run].id;
    if (api_url_run(refresh->listing->api, &renewal->call.url,
                    refresh->listing->runs[renewal->run].id, &err) < 0)
        hand_out(renewal, true);
    else
        call_add(&renewal->call);
}

static int ask_list(struct renewal *renewal, struct err *err);

/* List the run under its other name, too. */
static bool ask_next(struct renewal *renewal)
{
    const struct listed_run *run = &renewal->refresh->listing->runs[renewal->run];
    struct err err;

    renewal->name++;
    return listing_name(run, renewal->name) && ask_list(renewal, &err) == 0;
}

static void on_list(void *ctx, struct call *call)
{
    struct renewal *renewal = ctx;
    struct url_refresh *refresh = renewal->refresh;
    struct listed_run *run = &refresh->listing->runs[renewal->run];
    struct artifact_list list = { 0 };
    struct err err = call->err;
    bool came;

    if (!err.kind && !renewal->by_id)
        renewal->by_id = hashmap_new(&err);
    if (!err.kind && !renewal->rows)
        renewal->rows = hashmap_new(&err);
    came = !err.kind && renewal->by_id && renewal->rows &&
           read_list(renewal, &list, call, &err) == 0;
    if (!came)
        log_line(LOG_WARNING, "cannot refresh the URLs of run '%s': %s", run->id, err.text);
    if (call->request.date != CLOCK_NONE) {
        refresh->listing->skew = call->request.date - clock_wall();
        run->listed_at = call->request.date;
    } else {
        run->listed_at = clock_wall() + refresh->listing->skew;
    }
    buf_clear(&call->body);
    if (came) {
        renewal->old_lists[renewal->name] = renewal->lists[renewal->name];
        renewal->lists[renewal->name] = list;
        if (ask_next(renewal))
            return;
    } else {
        artifact_list_clear(&list);
    }
    if (came && run->extras)
        ask_record(renewal);
    else
        hand_out(renewal, came);
}

static int ask_list(struct renewal *renewal, struct err *err)
{
    struct url_refresh *refresh = renewal->refresh;
    const struct listed_run *run = &refresh->listing->runs[renewal->run];

    call_clear(&renewal->call);
    call_init(&renewal->call, refresh->callers, ARTIFACT_LIST_MAX, on_list, renewal);
    renewal->call.run = run->id;
    if (api_url_list(refresh->listing->api, &renewal->call.url,
                     listing_name(run, renewal->name), refresh->listing->filter, !run->wide,
                     err) < 0)
        return -1;
    call_add(&renewal->call);
    return 0;
}

bool url_refresh_busy(const struct url_refresh *refresh, size_t run)
{
    return refresh->runs[run] && refresh->runs[run]->open;
}

int url_refresh_ask(struct url_refresh *refresh, size_t run, struct err *err)
{
    struct renewal *renewal = refresh->runs[run];
    const struct listed_run *listed = &refresh->listing->runs[run];

    if (!renewal) {
        renewal = mem_new(sizeof(*renewal), err);
        if (!renewal)
            return -1;
        renewal->refresh = refresh;
        renewal->run = run;
        refresh->runs[run] = renewal;
    }
    if (renewal->open)
        return 0;
    renewal->name = 0;
    if (ask_list(renewal, err) < 0)
        return -1;
    log_line(LOG_INFO, "run '%s': listing again for fresh URLs", listed->id);
    renewal->open = true;
    return 0;
}
