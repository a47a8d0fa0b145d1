/* SPDX-License-Identifier: MIT */
#include "flow/survey.h"

#include "ask/listing.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "flow/draft.h"
#include "skyvern/redact.h"
#include "skyvern/run.h"
#include "vault/entry.h"
#include "vault/state.h"

#include <string.h>

#define OVERLAP_US ((int64_t)3600 * 1000000) /* runs may enter the list late */
#define BATCH      100
#define CHANGES_MAX                                                                            \
    8 /* copies of an artifact that changes; then it is let be, and never safe */

static int64_t known(int64_t us)
{
    return us == CLOCK_NONE ? CATALOG_UNKNOWN : us;
}

/* Whether a run that has ended is one of those that are wanted. */
static bool is_wanted(const struct survey_opts *opts, const char *status)
{
    const struct api_runs *what = &opts->query->what;
    size_t i;

    for (i = 0; status && i < what->status_count; i++) {
        if (strcmp(what->statuses[i], status) == 0)
            return true;
    }
    return !what->status_count;
}

/* What the service says of a run; 1: it was not known. */
static int note_run(const struct survey_opts *opts, const struct state_row *row,
                    struct err *err)
{
    bool over = run_is_terminal(row->status);

    if (over && !is_wanted(opts, row->status))
        return state_drop(opts->catalog, row->run_id, err);
    return state_seen(opts->catalog, row, over, opts->now_ms, err);
}

struct lister {
    const struct survey_opts *opts;
    struct survey_result *result;
    int64_t stop;   /* what was made before is known already; CATALOG_UNKNOWN: nothing is */
    int64_t newest; /* of those listed; CATALOG_UNKNOWN: none */
};

static int on_row(void *ctx, const struct runs_row *row, struct err *err)
{
    struct lister *l = ctx;
    struct state_row seen = { .run_id = row->run_id,
                              .status = row->status,
                              .created_at = known(row->created_us),
                              .finished_at = catalog_us(row->finished_at) };
    int rc;

    if (l->stop != CATALOG_UNKNOWN && seen.created_at != CATALOG_UNKNOWN &&
        seen.created_at < l->stop)
        return 1;
    if (seen.created_at != CATALOG_UNKNOWN && seen.created_at > l->newest)
        l->newest = seen.created_at;
    rc = note_run(l->opts, &seen, err);
    l->result->fresh += rc > 0;
    return rc < 0 ? -1 : 0;
}

/* The stretch that is known after a list from wanted on. */
static void widen(struct frontier *f, int64_t wanted, int64_t newest)
{
    if (f->from == CATALOG_UNKNOWN || wanted < f->from)
        f->from = wanted;
    if (newest > f->until)
        f->until = newest;
}

int survey_list(const struct survey_opts *opts, struct survey_result *result, struct err *err)
{
    struct lister lister = { opts, result, CATALOG_UNKNOWN, CATALOG_UNKNOWN };
    struct runs_query query = *opts->query;
    struct frontier frontier;
    int64_t wanted = opts->query->since_us == CLOCK_NONE ? 0 : opts->query->since_us;
    int rc = catalog_begin(opts->catalog, err);

    query.what.statuses = NULL;
    query.what.status_count = 0;
    if (rc < 0)
        return -1;
    rc = state_frontier(opts->catalog, opts->filter, &frontier, err);
    if (rc == 0 && frontier.from != CATALOG_UNKNOWN && frontier.from <= wanted)
        lister.stop = frontier.until - OVERLAP_US;
    if (rc == 0)
        rc = runs_list(opts->loop, opts->callers, &query, on_row, &lister, &result->cut, err);
    if (rc == 0 && lister.newest != CATALOG_UNKNOWN) {
        widen(&frontier, wanted, lister.newest);
        rc = state_set_frontier(opts->catalog, opts->filter, &frontier, err);
    }
    if (rc == 0)
        return catalog_commit(opts->catalog, err);
    catalog_rollback(opts->catalog);
    return -1;
}

/* Run IDs of a state, as copies. */
struct ids {
    struct region *region;
    char **at;
    size_t count;
};

static int add_id(void *ctx, const struct state_row *row, struct err *err)
{
    struct ids *ids = ctx;

    ids->at[ids->count] = region_copy(ids->region, row->run_id, strlen(row->run_id), err);
    return ids->at[ids->count] ? (ids->count++, 0) : -1;
}

static int take_ids(struct ids *ids, const struct survey_opts *opts,
                    const struct state_which *which, struct err *err)
{
    *ids =
        (struct ids){ .region = region_new(err), .at = mem_array(BATCH, sizeof(char *), err) };
    if (!ids->region || !ids->at)
        return -1;
    return state_each(opts->catalog, which, add_id, ids, err);
}

static void drop_ids(struct ids *ids)
{
    region_free(ids->region);
    mem_free(ids->at);
    *ids = (struct ids){ 0 };
}

/* One run asked for. */
struct poll {
    struct call call;
    const char *id;
    size_t *open;
};

static void on_record(void *ctx, struct call *call)
{
    struct poll *poll = ctx;

    (void)call;
    --*poll->open;
}

static int note_record(const struct survey_opts *opts, const struct poll *poll,
                       const char *state, struct err *err)
{
    const struct call *call = &poll->call;
    struct run run = { 0 };
    struct err why = call->err;
    struct state_row seen = { .run_id = poll->id };
    const struct redact clean = { secret_peek(call->callers->api->key), false, NULL };
    int rc;

    if (why.kind == ERR_DENIED) {
        *err = why;
        return -1;
    }
    if (why.kind == ERR_NONE &&
        run_parse(&run, buf_text(&call->body), call->body.len, &why) < 0)
        log_line(LOG_WARNING, "run '%s': %s", poll->id, why.text);
    if (why.kind == ERR_NOT_FOUND) {
        log_line(LOG_WARNING, "the service does not have run '%s' any more", poll->id);
        rc = state_vanished(opts->catalog, poll->id, "run-not-found", err);
    } else if (why.kind) {
        rc = state_put_off(opts->catalog, poll->id, state, opts->now_ms, why.text, err);
    } else {
        seen.status = redact_copy(run.status, &clean, run.region);
        seen.created_at = catalog_us(run.created_at);
        seen.finished_at = catalog_us(run.finished_at);
        rc = note_run(opts, &seen, err);
    }
    run_clear(&run);
    return rc < 0 ? -1 : 0;
}

/* Ask for a batch, all at a time, and note what came. */
static int poll_batch(const struct survey_opts *opts, const struct ids *ids, const char *state,
                      struct err *err)
{
    struct poll *polls = mem_array(ids->count, sizeof(*polls), err);
    size_t open = 0;
    size_t i;
    int rc = polls ? 0 : -1;

    for (i = 0; rc == 0 && i < ids->count; i++) {
        polls[i].id = ids->at[i];
        polls[i].open = &open;
        call_init(&polls[i].call, opts->callers, RUN_JSON_MAX, on_record, &polls[i]);
        rc = api_url_run(opts->api, &polls[i].call.url, ids->at[i], err);
        if (rc == 0) {
            call_add(&polls[i].call);
            open++;
        }
    }
    while (rc == 0 && open) {
        uint64_t due = callers_pump(opts->callers);

        rc = open ? loop_turn(opts->loop, due, err) : 0;
    }
    for (i = 0; rc == 0 && i < ids->count; i++)
        rc = note_record(opts, &polls[i], state, err);
    for (i = 0; polls && i < ids->count; i++) {
        engine_drop(opts->loop->engine, &polls[i].call.request);
        call_clear(&polls[i].call);
    }
    mem_free(polls);
    return rc;
}

/* Ask for all runs of a kind, a batch at a time. */
static int poll_all(const struct survey_opts *opts, const struct state_which *which,
                    struct err *err)
{
    struct ids ids = { 0 };
    size_t count = BATCH;
    int rc = 0;

    while (rc == 0 && count == BATCH) {
        rc = take_ids(&ids, opts, which, err);
        count = ids.count;
        if (rc == 0 && count)
            rc = catalog_begin(opts->catalog, err);
        if (rc == 0 && count) {
            rc = poll_batch(opts, &ids, which->state, err);
            if (rc == 0)
                rc = catalog_commit(opts->catalog, err);
            else
                catalog_rollback(opts->catalog);
        }
        drop_ids(&ids);
    }
    return rc;
}

int survey_poll(const struct survey_opts *opts, struct err *err)
{
    struct state_which which = { .state = STATE_RUNNING,
                                 .now_ms = opts->now_ms,
                                 .horizon = opts->horizon,
                                 .seen_ms = opts->now_ms,
                                 .most = BATCH };

    if (poll_all(opts, &which, err) < 0)
        return -1;
    which.state = STATE_DUE;
    which.doubtful = true;
    return poll_all(opts, &which, err);
}

/* The objects of which a list has members: ZIPs that are taken apart. */
static struct table *zips_of(const struct artifact_list *list, struct err *err)
{
    struct table *zips = table_new(err);
    size_t i;

    for (i = 0; zips && i < list->count; i++) {
        const char *uri = list->rows[i].bundle_key ? list->rows[i].uri : NULL;

        if (uri && !table_get(zips, uri, strlen(uri)) &&
            table_add(zips, uri, strlen(uri), zips, err) < 0) {
            table_free(zips);
            return NULL;
        }
    }
    return zips;
}

/* What one row is: 1: as the volumes have it; 0: *match says; or -1. */
static int compare_row(struct catalog *catalog, const char *run_id, const struct artifact *a,
                       enum survey_match *match, struct err *err)
{
    const struct entry_listing says = { a->checksum, a->modified_at,
                                        a->sized ? a->file_size : UINT64_MAX };
    int settled = entry_settled(catalog, run_id, a->artifact_id, err);
    bool none = false;
    int same;

    *match = SURVEY_NEW;
    if (settled <= 0)
        return settled;
    same = entry_is_listed(catalog, run_id, a->artifact_id, &says, &none, err);
    if (same < 0)
        return none ? 1 : -1;
    *match = SURVEY_CHANGED;
    return same;
}

int survey_compare(struct catalog *catalog, const struct kind_filter *types,
                   const struct listed_run *run,
                   int (*fn)(void *ctx, const struct artifact *artifact,
                             enum survey_match match, struct err *err),
                   void *ctx, struct err *err)
{
    struct table *zips = zips_of(&run->list, err);
    size_t i;
    int rc = zips ? 0 : -1;

    for (i = 0; rc == 0 && i < run->list.count; i++) {
        const struct artifact *a = &run->list.rows[i];
        enum survey_match match;
        int same;

        if (a->unnamed || !kind_filter_match(types, a->artifact_type))
            continue;
        same = compare_row(catalog, run->id, a, &match, err);
        if (same == 0 && match == SURVEY_NEW && draft_is_zip(a) && !types->wanted_count &&
            a->uri && table_get(zips, a->uri, strlen(a->uri)))
            same = 1; /* its members are looked at, each by itself */
        rc = same < 0 ? -1 : same ? 0 : fn(ctx, a, match, err);
    }
    table_free(zips);
    return rc;
}

struct growing {
    struct catalog *catalog;
    const char *run_id;
    bool more;
};

/* What changed is wanted once more, unless there are many copies already. */
static int on_grown(void *ctx, const struct artifact *a, enum survey_match match,
                    struct err *err)
{
    struct growing *g = ctx;
    const struct entry_missing again = { g->run_id, a->artifact_id, a->artifact_type, "changed",
                                         false };
    int settled = 0;

    if (match == SURVEY_CHANGED) {
        if (entry_again(g->catalog, &again, CHANGES_MAX, err) < 0)
            return -1;
        settled = entry_settled(g->catalog, g->run_id, a->artifact_id, err);
    }
    g->more = g->more || !settled;
    return settled < 0 ? -1 : 0;
}

static int recheck_run(const struct survey_opts *opts, const struct listed_run *run,
                       struct survey_result *result, struct err *err)
{
    struct growing growing = { opts->catalog, run->id, false };

    if (run->failed && run->err.kind == ERR_DENIED) {
        *err = run->err;
        return -1;
    }
    if (run->failed && run->err.kind == ERR_NOT_FOUND) {
        result->sealed++;
        return state_vanished(opts->catalog, run->id, "gone at the service", err) < 0 ? -1 : 0;
    }
    if (run->failed)
        return state_put_off(opts->catalog, run->id, STATE_OPEN, opts->now_ms, run->err.text,
                             err);
    if (survey_compare(opts->catalog, opts->types, run, on_grown, &growing, err) < 0)
        return -1;
    if (growing.more) {
        result->grown++;
        return state_grown(opts->catalog, run->id, err);
    }
    result->sealed++;
    return state_set(opts->catalog, run->id, STATE_SEALED, 0, "two lists agree", err);
}

static int recheck_batch(const struct survey_opts *opts, const struct ids *ids,
                         struct survey_result *result, struct err *err)
{
    struct listing listing = { .bundles = true };
    size_t i;
    int rc = listing_fetch(&listing, opts->loop, opts->callers, opts->api, ids->at, ids->count,
                           opts->types, err);

    if (rc == 0)
        rc = catalog_begin(opts->catalog, err);
    if (rc == 0) {
        for (i = 0; rc == 0 && i < listing.count; i++)
            rc = recheck_run(opts, &listing.runs[i], result, err);
        if (rc == 0)
            rc = catalog_commit(opts->catalog, err);
        else
            catalog_rollback(opts->catalog);
    }
    if (rc < 0)
        loop_clear(opts->loop); /* it may still run the listing's calls */
    listing_clear(&listing);
    return rc;
}

int survey_recheck(const struct survey_opts *opts, struct survey_result *result,
                   struct err *err)
{
    struct state_which which = {
        .state = STATE_OPEN, .now_ms = opts->now_ms, .horizon = opts->horizon, .most = BATCH
    };
    struct ids ids = { 0 };
    size_t count = BATCH;
    int rc = 0;

    while (rc == 0 && count == BATCH) {
        rc = take_ids(&ids, opts, &which, err);
        count = ids.count;
        if (rc == 0 && count)
            rc = recheck_batch(opts, &ids, result, err);
        drop_ids(&ids);
    }
    return rc;
}
