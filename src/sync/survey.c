/* SPDX-License-Identifier: MIT */
#include "sync/survey.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/call.h"
#include "net/loop.h"
#include "sync/fixity.h"
#include "sync/heal.h"
#include "sync/recheck.h"
#include "volumes/volume_store.h"

#include <stdint.h>
#include <sys/stat.h>

#define COLD_US ((int64_t)80 * 86400 * 1000000) /* when to warn */

/* Say how many of the runs given by the user are left to other shards. */
static void tell_given(const struct assign *assign)
{
    if (assign->given)
        log_line(LOG_WARNING,
                 "%zu of the given runs %s of other shards, and left to these (-v names them)",
                 assign->given, assign->given == 1 ? "is" : "are");
}

int survey_run(const struct survey_opts *how, struct assign *assign, struct db *catalog,
               int64_t now_ms, struct request_log *log, struct discover_result *result,
               struct err *err)
{
    const struct pull_opts *pull = how->pull;
    struct engine_opts engine = pull_opts_engine(pull);
    struct loop_hooks hooks = { pull->stop, loop_no_tick, NULL };
    struct callers callers;
    struct loop loop;
    struct discover_opts opts = { .catalog = catalog,
                                  .api = pull->api,
                                  .loop = &loop,
                                  .callers = &callers,
                                  .query = &how->query,
                                  .filter = how->filter,
                                  .types = &pull->filter->kinds,
                                  .assign = assign,
                                  .children = pull->children,
                                  .now_ms = now_ms,
                                  .horizon = run_state_horizon(how->settle) };
    int rc = loop_init(&loop, &engine, &hooks, err);

    if (rc < 0)
        return -1;
    callers_init(&callers, &loop, pull->api, pull->jobs, pull->retries);
    callers.log = log;
    if (pull->timeout)
        callers.deadline = clock_mono() + pull->timeout;
    rc = discover_list(&opts, result, err);
    if (rc == 0 && how->run_count)
        rc = discover_given(&opts, how->run_ids, how->run_count, err);
    if (rc == 0)
        rc = discover_undecided(&opts, result, err);
    tell_given(assign);
    if (rc == 0)
        rc = discover_poll(&opts, err);
    if (rc == 0)
        rc = recheck_runs(&opts, result, err);
    loop_clear(&loop);
    return rc;
}

bool survey_settled(const struct run_state_row *row, int64_t now_ms, int64_t settle)
{
    return row->finished_at == DB_UNKNOWN || now_ms - row->finished_at / 1000 >= settle;
}

/* The rows of a preview: those of runs that ended long enough ago. */
struct preview {
    int64_t settle;
    int64_t now_ms;
    int (*fn)(void *ctx, const struct run_state_row *row, struct err *err);
    void *ctx;
    size_t count;
};

static int on_due(void *ctx, const struct run_state_row *row, struct err *err)
{
    struct preview *p = ctx;

    if (!survey_settled(row, p->now_ms, p->settle))
        return 0;
    p->count++;
    return p->fn(p->ctx, row, err);
}

/* Fail if a directory has volumes or a log but no catalog: what is archived is not known. */
static int check_dir(const struct volume_store *store, struct err *err)
{
    const char *dir = store->dir;
    struct err why = { 0 };
    struct stat st;
    char *path = mem_format(err, "%s/" DB_NAME, dir);
    bool known = path && stat(path, &st) == 0;

    if (!path)
        return -1;
    mem_free(path);
    if (known || stat(dir, &st) < 0 || heal_is_sync_dir(store, &why) < 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "'%s' has no catalog, so that it is not known what is archived; "
                   "sync --rebuild makes a catalog",
                   dir);
}

int survey_preview(const struct survey_opts *opts, const struct volume_store *store,
                   int (*fn)(void *ctx, const struct run_state_row *row, struct err *err),
                   void *ctx, struct survey_preview *result, struct err *err)
{
    struct preview p = { .settle = opts->settle, .now_ms = clock_wall(), .fn = fn, .ctx = ctx };
    struct run_state_which due = { .state = RUN_STATE_DUE,
                                   .now_ms = p.now_ms,
                                   .horizon = run_state_horizon(opts->settle),
                                   .most = SIZE_MAX };
    struct db *catalog = NULL;
    struct assign assign = { 0 };
    int rc = check_dir(store, err);

    *result = (struct survey_preview){ 0 };
    if (rc == 0)
        catalog = db_copy(store->dir, err);
    rc = catalog ? assign_begin(&assign, &opts->assign, catalog, store, false, p.now_ms, err)
                 : -1;
    if (rc == 0)
        rc = survey_run(opts, &assign, catalog, p.now_ms, NULL, &result->found, err);
    result->shard = assign.shard;
    result->others = assign_others(&assign);
    if (rc == 0)
        rc = run_state_each(catalog, &due, on_due, &p, err);
    result->runs = p.count;
    if (rc == 0) {
        result->running = run_state_count(catalog, RUN_STATE_RUNNING, err);
        result->undecided = run_state_count(catalog, RUN_STATE_UNDECIDED, err);
        rc = result->running < 0 || result->undecided < 0 ? -1 : 0;
    }
    assign_clear(&assign);
    db_free(catalog);
    return rc;
}

static int on_lost_run(void *ctx, const char *run_id, const char *volume, int64_t parts,
                       struct err *err)
{
    struct survey_state *r = ctx;

    (void)err;
    r->newly_lost++;
    log_line(
        LOG_ERROR,
        "run '%s' is lost: %lld part%s of it, which volume '%s' had, cannot be fetched again",
        run_id, (long long)parts, text_plural((uint64_t)parts), volume);
    return 0;
}

struct survey_state survey_look(struct db *catalog, int64_t now_ms)
{
    struct survey_state state = { 0 };
    struct survey_state *r = &state;
    struct err err = { 0 };

    r->running = run_state_count(catalog, RUN_STATE_RUNNING, &err);
    r->waiting = run_state_count(catalog, RUN_STATE_DUE, &err);
    r->undecided = run_state_count(catalog, RUN_STATE_UNDECIDED, &err);
    r->oldest_us = run_state_oldest(catalog, &err);
    r->oldest_ms = fixity_oldest(catalog, &err);
    if (run_state_each_lost(catalog, true, on_lost_run, r, &err) < 0)
        log_line(LOG_WARNING, "%s", err.text);
    r->lost = run_state_count_lost(catalog, &err);
    if (r->oldest_us != DB_UNKNOWN && now_ms * 1000 - r->oldest_us > COLD_US)
        log_line(LOG_WARNING,
                 "the oldest run that is not archived is %lld days old; after 90 days "
                 "its artifacts move to cold storage and cannot be fetched",
                 (long long)((now_ms * 1000 - r->oldest_us) / ((int64_t)86400 * 1000000)));
    return state;
}
