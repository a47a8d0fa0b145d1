/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include "api/reason.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/contents.h"
#include "catalog/run_state.h"
#include "catalog/search.h"
#include "catalog/sync_log.h"
#include "pull/pull.h"
#include "sync/catalog_import.h"
#include "sync/prune.h"
#include "sync/recheck.h"
#include "sync/stamping.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALL ((size_t)1 << 40)

struct sync {
    const struct sync_opts *opts;
    struct sync_result *result;
    struct db *catalog;
    const struct volume_store *store;
    int64_t now_ms;
    char stamp[CLOCK_TEXT_MAX];
    unsigned number;   /* of volumes started */
    char parent[256];  /* buffer for the answer of the parent hook */
    struct err failed; /* error of a hook */
    struct stop stop;  /* of the process */
    struct stamping stamping;
    struct assign assign;
    struct pagefile *pages;
    struct request_log *asked; /* the requests that chose the runs, on these pages */
    /* the volume being written */
    char **ids;
    size_t count;
    struct region *region;
};

/* Skip artifacts that are archived already. */
static bool on_skip(void *ctx, const char *run_id, const struct artifact *artifact)
{
    struct sync *s = ctx;

    return contents_settled(s->catalog, run_id, artifact->artifact_id, &s->failed) > 0;
}

static const char *on_parent(void *ctx, const char *run_id)
{
    struct sync *s = ctx;

    return contents_volume_of(s->catalog, run_id, s->parent, sizeof(s->parent)) ? s->parent
                                                                                : NULL;
}

static int on_met(void *ctx, const struct listed_run *run, struct err *err)
{
    return recheck_meet(((struct sync *)ctx)->catalog, run, err);
}

static bool on_changed(void *ctx, const struct listed_run *run)
{
    struct sync *s = ctx;

    return search_differs(s->catalog, run->id, run->run.status, db_us(run->run.finished_at),
                          &s->failed) > 0;
}

/* Record an artifact missing from an attempt that wrote no volume. */
static void on_lost(void *ctx, const char *run_id, const char *artifact_id, const char *type,
                    enum reason reason)
{
    struct sync *s = ctx;
    struct contents_missing missing = { run_id, artifact_id, type, reason_word(reason),
                                        reason_is_final(reason) };

    if (contents_missing(s->catalog, &missing, &s->failed) < 0)
        log_line(LOG_ERROR, "%s", s->failed.text);
}

static struct catalog_import_opts catalog_import_opts(struct sync *s, int64_t verified_ms)
{
    struct catalog_import_opts opts =
        catalog_import_defaults(s->store, s->now_ms, s->opts->ask.pull->stop);

    opts.verified_ms = verified_ms;
    opts.settle = s->opts->ask.settle;
    opts.watcher = s->opts->ask.pull->watcher;
    opts.texts = s->opts->index_text;
    return opts;
}

/* Defer a run that could not be archived. */
static int put_off_run(struct sync *s, const char *id, const struct err *why, struct err *err)
{
    bool here = contents_volume_of(s->catalog, id, s->parent, sizeof(s->parent));

    if (why->kind == ERR_NOT_FOUND && s->count == 1)
        return run_state_vanished(s->catalog, id, reason_word(REASON_RUN_NOT_FOUND), err) < 0
                   ? -1
                   : 0;
    return run_state_put_off(s->catalog, id, here ? RUN_STATE_OPEN : RUN_STATE_DUE, s->now_ms,
                             why->text, err);
}

/* Defer all runs of the volume being written. */
static int put_off(struct sync *s, const struct err *why, struct err *err)
{
    size_t i;
    int rc = db_begin(s->catalog, err);

    for (i = 0; rc == 0 && i < s->count; i++)
        rc = put_off_run(s, s->ids[i], why, err);
    if (rc == 0)
        return db_commit(s->catalog, err);
    db_rollback(s->catalog);
    return rc;
}

/* The runs' lists were read, but no artifact was archived: defer the runs with missing
 * artifacts; the others are done, even if a lost volume had more. */
static int had_nothing(struct sync *s, struct err *err)
{
    struct err why;
    size_t i;
    int rc = db_begin(s->catalog, err);

    (void)err_set(&why, ERR_NET, "none of the missing artifacts could be fetched");
    for (i = 0; rc == 0 && i < s->count; i++) {
        rc = run_state_is(s->catalog, s->ids[i], RUN_STATE_DUE, err);
        if (rc == 0) /* the run is not over: see recheck_meet */
            continue;
        if (rc > 0)
            rc = run_state_nothing_new(s->catalog, s->ids[i], (s->now_ms - SYNC_GIVE_UP) * 1000,
                                       s->now_ms + s->opts->ask.settle, err);
        rc = rc < 0 ? -1 : rc ? 0 : put_off_run(s, s->ids[i], &why, err);
    }
    if (rc == 0)
        return db_commit(s->catalog, err);
    db_rollback(s->catalog);
    return rc;
}

/* Whether an error concerns the runs, not the whole process. */
static bool concerns_runs(const struct err *err)
{
    return err->kind == ERR_NOT_FOUND || err->kind == ERR_NET || err->kind == ERR_HTTP ||
           err->kind == ERR_FORMAT || err->kind == ERR_LIMIT;
}

static void count(struct sync *s, const struct pull_result *r)
{
    struct sync_result *all = s->result;

    all->runs += r->runs - r->runs_failed;
    all->failed += r->runs_failed;
    all->artifacts += r->totals.artifacts;
    all->downloaded += r->totals.downloaded_bytes;
    all->stored += r->size;
    all->missing += r->totals.missing;
    all->mismatches += r->mismatches;
    all->records_lost += r->records_lost;
    all->partial = all->partial || r->incomplete;
    all->suspects += r->suspects;
    all->volumes += !r->nothing;
}

/* Pull the runs into a volume. */
static int pull(struct sync *s, const char *name, const char *path, struct pull_result *result,
                struct err *err)
{
    struct pull_opts opts = *s->opts->ask.pull;
    struct volume_name parts;
    char previous[256] = "";
    char previous_sha256[SHA256_TEXT];

    if (!volume_name_parse(&parts, name))
        return err_set(err, ERR_FORMAT, "'%s' is not the name of a volume", name);
    opts.run_ids = s->ids;
    opts.run_count = s->count;
    opts.output = path;
    opts.top = parts.top;
    opts.skip = on_skip;
    opts.parent = on_parent;
    opts.met = on_met;
    opts.changed = on_changed;
    opts.lost = on_lost;
    opts.calm = true;
    opts.asked = s->asked;
    opts.only_new = true;
    opts.most_bytes = s->opts->volume_size;
    opts.ctx = s;
    if (s->opts->chain &&
        contents_newest(s->catalog, previous, sizeof(previous), previous_sha256)) {
        opts.previous = strrchr(previous, '/') ? strrchr(previous, '/') + 1 : previous;
        opts.previous_sha256 = previous_sha256;
    }
    return pull_run(&opts, result, err);
}

/* The new volume does not verify: set it aside, and defer its runs. */
static int give_up_volume(struct sync *s, const char *name, enum fixity_fault fault,
                          const struct err *why, struct err *err)
{
    if (fixity_lose(s->catalog, s->store, &(struct fixity_loss){ name, fault, why->text },
                    s->now_ms, &s->result->found.fixity, err) < 0)
        return -1;
    s->result->failed += s->count;
    return put_off(s, why, err);
}

/* Verify and import the volume that was just written. */
static int enter(struct sync *s, const char *name, struct err *err)
{
    struct catalog_import_opts how = catalog_import_opts(s, DB_UNKNOWN);
    enum fixity_fault fault;
    struct err why;
    int verdict = s->opts->verify ? catalog_import_check(name, &how, &fault, &why) : HEAL_GOOD;

    if (verdict == HEAL_BAD)
        return give_up_volume(s, name, fault, &why, err);
    if (verdict != HEAL_GOOD) {
        *err = why;
        return -1;
    }
    if (s->opts->verify)
        how.verified_ms = clock_wall();
    return volume_store_publish(s->store, name, err) < 0
               ? -1
               : catalog_import_volume(s->catalog, name, &how, err);
}

/* Pull the runs into a volume, and import the volume. */
static int write_volume(struct sync *s, const char *name, const char *path, struct err *err)
{
    struct pull_result result;
    struct err why = { 0 };

    if (pull(s, name, path, &result, &why) == 0) {
        count(s, &result);
        if (!result.nothing)
            return enter(s, name, err);
        if (!result.runs_failed)
            return had_nothing(s, err);
        (void)err_set(&why, ERR_NET, "none of the missing artifacts could be fetched");
    } else if (concerns_runs(&why)) {
        log_line(LOG_ERROR, "%s", why.text);
        s->result->failed += s->count;
    } else {
        *err = why;
        return -1;
    }
    return put_off(s, &why, err);
}

/* Make one volume of s->ids. The volume may exist already, if skyarc was killed before
 * importing it. */
static int make_volume(struct sync *s, const char *name, struct err *err)
{
    char *path = volume_store_write(s->store, name, err);
    int rc = -1;

    if (path && access(path, F_OK) == 0)
        rc = enter(s, name, err);
    else if (path && volume_store_remove(s->store, name, err) == 0) /* of a killed sync */
        rc = write_volume(s, name, path, err);
    mem_free(path);
    if (rc == 0)
        rc = run_state_intended(s->catalog, name, err);
    if (rc == 0 && s->failed.kind) {
        *err = s->failed;
        rc = -1;
    }
    return rc;
}

static int add_id(struct sync *s, const char *id, size_t len, struct err *err)
{
    s->ids[s->count] = region_copy(s->region, id, len, err);
    return s->ids[s->count] ? (s->count++, 0) : -1;
}

static int begin_ids(struct sync *s, size_t most, struct err *err)
{
    region_free(s->region);
    mem_free(s->ids);
    s->count = 0;
    s->region = region_new(err);
    s->ids = mem_array(most, sizeof(char *), err);
    return s->region && s->ids ? 0 : -1;
}

/* Load the runs of a volume that was started, as far as they are still due: if the catalog is
 * an older copy, others were archived or removed since. */
static int take_intended(struct sync *s, const char *runs, struct err *err)
{
    size_t lines = 1;
    const char *at;
    int rc;

    for (at = runs; *at; at++)
        lines += *at == '\n';
    rc = begin_ids(s, lines, err);
    for (at = runs; rc == 0 && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t len = strcspn(at, "\n");
        int due;

        if (!len)
            continue;
        rc = add_id(s, at, len, err);
        due = rc == 0 ? run_state_is(s->catalog, s->ids[s->count - 1], RUN_STATE_DUE, err) : -1;
        s->count -= due == 0;
        rc = due < 0 ? -1 : 0;
    }
    return rc;
}

/*
 * Finish the volumes that were started. One that is in the catalog is done, and is not imported
 * again: its runs may be due, since another volume of them was lost in the meantime.
 */
static int finish_intents(struct sync *s, struct err *err)
{
    const char *name;
    const char *runs;
    int rc;

    while ((rc = run_state_intent(s->catalog, &name, &runs, err)) > 0) {
        char *copy = mem_copy(name, err);
        char *list = mem_copy(runs, err);
        int there = copy ? contents_has(s->catalog, copy, err) : -1;

        run_state_intent_done(s->catalog);
        rc = list && there >= 0 ? take_intended(s, list, err) : -1;
        if (rc == 0)
            rc = !there && s->count ? make_volume(s, copy, err)
                                    : run_state_intended(s->catalog, copy, err);
        mem_free(list);
        mem_free(copy);
        if (rc < 0)
            break;
        s->result->healed++;
    }
    return rc < 0 ? -1 : 0;
}

/* Add a due run to the volume, unless the run ended just now. */
static int on_due(void *ctx, const struct run_state_row *row, struct err *err)
{
    struct sync *s = ctx;

    if (s->count >= s->opts->volume_runs ||
        !survey_settled(row, s->now_ms, s->opts->ask.settle))
        return 0;
    return add_id(s, row->run_id, strlen(row->run_id), err);
}

static int intend(struct sync *s, const char *name, struct err *err)
{
    struct buf runs;
    size_t i;
    int rc = 0;

    buf_init(&runs, (size_t)64 << 20);
    for (i = 0; rc == 0 && i < s->count; i++)
        rc = buf_addf(&runs, err, "%s\n", s->ids[i]);
    if (rc == 0)
        rc = volume_store_intend(s->store, name, err);
    if (rc == 0)
        rc = run_state_intend(s->catalog, name, buf_text(&runs), err);
    if (rc == 0)
        rc = stamping_want(&s->stamping, name, err);
    buf_clear(&runs);
    return rc;
}

/* Find an unused volume name: YYYY/MM/skyarc-TIME[-N].tar.zst. */
static int next_name(struct sync *s, char *out, size_t size, struct err *err)
{
    bool taken = true;

    while (taken) {
        char number[16] = "";
        int there;

        if (++s->number > 1)
            (void)snprintf(number, sizeof(number), "-%u", s->number);
        (void)snprintf(out, size, "%.4s/%.2s/skyarc-%s%s.%s", s->stamp, s->stamp + 4, s->stamp,
                       number, container_name(s->opts->ask.pull->format));
        there = contents_has(s->catalog, out, err);
        if (there == 0)
            there = volume_store_is_taken(s->store, out, err);
        if (there < 0)
            return -1;
        taken = there;
    }
    return 0;
}

/* Write volumes until no run is due. */
static int write_volumes(struct sync *s, const struct heal_reader *reader, struct err *err)
{
    struct run_state_which due = { .state = RUN_STATE_DUE,
                                   .now_ms = s->now_ms,
                                   .horizon = run_state_horizon(s->opts->ask.settle),
                                   .most = ALL };
    char name[128];
    bool again;

    for (;;) {
        if (stop_check(&s->opts->ask.pull->stop, err) < 0 ||
            begin_ids(s, s->opts->volume_runs, err) < 0 ||
            run_state_each(s->catalog, &due, on_due, s, err) < 0)
            return -1;
        if (!s->count) {
            if (heal_settle(s->catalog, s->store, reader, s->now_ms, &s->result->found, &again,
                            err) < 0)
                return -1;
            if (!again)
                return 0;
            continue;
        }
        if (next_name(s, name, sizeof(name), err) < 0 || intend(s, name, err) < 0 ||
            make_volume(s, name, err) < 0 || stamping_ask(&s->stamping, err) < 0)
            return -1;
    }
}

/* Ask the service for runs. */
static int discover(struct sync *s, struct err *err)
{
    const struct pull_opts *pull = s->opts->ask.pull;
    struct request_log_opts log = { .key = secret_peek(pull->api->key),
                                    .service = pull->api->base,
                                    .tool = pull->tool };
    struct discover_result result = { 0 };
    struct err ignored;
    int rc;

    s->pages = pagefile_new(file_temp(pull->spool_dir, &ignored), err);
    if (!s->pages)
        return -1;
    log.pagefile = s->pages;
    s->asked = request_log_new(&log, err);
    rc = s->asked ? survey_run(&s->opts->ask, &s->assign, s->catalog, s->now_ms, s->asked,
                               &result, err)
                  : -1;
    s->result->fresh = result.fresh;
    s->result->sealed = result.sealed;
    s->result->supplements = result.grown;
    s->result->failed += result.failed;
    s->result->cut = result.end.cut;
    s->result->unread = result.end.unread;
    s->result->others = assign_others(&s->assign);
    return rc;
}

/* Determine the final state. */
static void look(struct sync *s)
{
    const struct survey_state state = survey_look(s->catalog, s->now_ms);
    struct sync_result *r = s->result;

    r->running = state.running;
    r->waiting = state.waiting;
    r->undecided = state.undecided;
    r->oldest_us = state.oldest_us;
    r->oldest_ms = state.oldest_ms;
    r->lost = state.lost;
    r->newly_lost = state.newly_lost;
    r->stamps = s->stamping.kept;
    r->stamps_waiting = stamping_waiting(&s->stamping);
}

/* Make catalog, disk and service consistent, then write volumes. */
static int steps(struct sync *s, struct err *err)
{
    struct catalog_import_opts how = catalog_import_opts(s, DB_UNKNOWN);
    struct heal_reader reader = catalog_import_reader(&how);
    struct heal_found *found = &s->result->found;
    int rc = assign_begin(&s->assign, &s->opts->ask.assign, s->catalog, s->store, true,
                          s->now_ms, err);

    s->result->shard = s->assign.shard;
    if (rc == 0 && !s->opts->rebuild)
        rc = assign_lease(&s->assign, s->store, err);
    s->number = assign_first(&s->assign);
    if (rc == 0)
        rc = heal_run(s->catalog, s->store, &reader, s->now_ms, found, err);
    if (rc == 0)
        (void)prune_purge(s->catalog); /* after a prune that was killed */
    if (rc == 0 && s->opts->index_text)
        rc = catalog_import_texts(s->catalog, &how, err);
    if (rc == 0 && !s->opts->rebuild)
        rc = heal_read_back(s->catalog, s->store, s->opts->share, &reader, s->now_ms, found,
                            err);
    s->result->healed = found->entered;
    if (rc < 0 || s->opts->rebuild)
        return rc;
    if (finish_intents(s, err) < 0 || volume_store_sweep(s->store, err) < 0 ||
        stamping_ask(&s->stamping, err) < 0 || discover(s, err) < 0 ||
        write_volumes(s, &reader, err) < 0)
        return -1;
    return holding_agree(s->catalog, s->store, &s->result->locks, err) < 0
               ? -1
               : holding_extend(s->store, s->now_ms, &s->result->locks, err);
}

/* Store the outcome in the catalog; an error here is only logged. */
static void remember(struct sync *s, int64_t id, int rc, const struct err *err)
{
    const struct sync_result *r = s->result;
    struct sync_log sync = { .id = id,
                             .outcome = rc == 0 ? sync_whole(r) ? "done" : "incomplete"
                                        : err->kind == ERR_CANCELLED ? "stopped"
                                                                     : "failed",
                             .error = rc == 0 ? NULL : err->text,
                             .runs = r->runs,
                             .artifacts = r->artifacts,
                             .bytes = r->downloaded,
                             .missing = r->missing,
                             .damaged =
                                 fixity_faults(&r->found.fixity) + r->found.fixity.unreadable };
    struct err why;

    if (sync_log_end(s->catalog, clock_wall(), &sync, &why) < 0)
        log_line(LOG_WARNING, "%s", why.text);
}

bool sync_whole(const struct sync_result *r)
{
    return !r->missing && !r->mismatches && !r->suspects && !r->records_lost && !r->failed &&
           !r->partial && !r->newly_lost && !r->cut && !r->unread && !r->locks.refused &&
           !r->locks.locks_refused && !heal_troubled(&r->found);
}

/* The process is asked to stop, or another one has taken the lease. */
static bool is_stopped(void *ctx)
{
    const struct sync *s = ctx;

    return stop_asked(&s->stop) || lease_is_lost(s->assign.lease);
}

int sync_run(const struct sync_opts *given, struct sync_result *result, struct err *err)
{
    struct sync_opts own = *given;
    const struct sync_opts *opts = &own;
    struct pull_opts pull = *given->ask.pull;
    struct sync s = { .opts = opts, .result = result, .store = opts->store, .stop = pull.stop };
    struct catalog_import_opts how;
    struct heal_reader reader;
    struct err told;
    int64_t id;
    int rc;

    *result = (struct sync_result){ .oldest_us = DB_UNKNOWN, .oldest_ms = DB_UNKNOWN };
    own.ask.pull = &pull;
    pull.stop.asked = is_stopped;
    pull.stop.ctx = &s;
    s.now_ms = clock_wall();
    (void)clock_format(s.stamp, s.now_ms, CLOCK_COMPACT);
    how = catalog_import_opts(&s, DB_UNKNOWN);
    reader = catalog_import_reader(&how);
    s.catalog = opts->rebuild
                    ? heal_remake(s.store, &reader, s.now_ms, &result->found, err)
                    : heal_open(s.store, true, &reader, s.now_ms, &result->found, err);
    s.stamping = (struct stamping){ .catalog = s.catalog,
                                    .store = s.store,
                                    .authorities = opts->authorities };
    rc = s.catalog ? sync_log_begin(s.catalog, s.now_ms, &id, err) : -1;
    if (rc == 0) {
        rc = steps(&s, err);
        if (rc < 0 && err->kind == ERR_CANCELLED && lease_is_lost(s.assign.lease))
            rc = lease_lost(s.assign.lease, err);
        look(&s);
        remember(&s, id, rc, err);
    }
    opts->ended(opts->ctx, result, rc);
    if (s.catalog &&
        (fixity_told(s.catalog, &told) < 0 || run_state_told_lost(s.catalog, &told) < 0))
        log_line(LOG_WARNING, "%s", told.text);
    request_log_free(s.asked);
    pagefile_free(s.pages);
    assign_clear(&s.assign);
    region_free(s.region);
    mem_free(s.ids);
    db_free(s.catalog);
    if (rc == 0 && volume_store_keep_catalog(s.store, &told) < 0)
        log_line(LOG_WARNING, "no copy of the catalog was written into the bucket: %s",
                 told.text);
    return rc;
}
