/* SPDX-License-Identifier: MIT */
#include "sync/prune.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/audit_log.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/text_index.h"
#include "catalog/timestamp.h"
#include "sync/catalog_import.h"
#include "sync/rewrite.h"
#include "volumes/tombstone.h"

#include <errno.h>
#include <string.h>

#define RUNS_MAX ((size_t)1 << 26)
#define CLAIM_MS (TOMBSTONE_OLD / 2) /* for which a tombstone is relied on */

/* A volume and its runs. */
struct volume_runs {
    struct volume_runs *next;
    const char *name;
    const char **runs;
    size_t count;
    size_t cap;
    size_t kept;
    uint64_t bytes;   /* of the artifacts of all runs, before compression */
    uint64_t leaving; /* of those of runs that are not kept */
};

struct prune {
    const struct prune_opts *opts;
    struct prune_result *result;
    struct db *catalog;
    const struct volume_store *store;
    struct region *region;
    struct retention_run *runs;
    size_t count;
    size_t cap;
    struct hashmap *by_id; /* kept runs, by each of their IDs */
    struct hashmap *all;   /* all runs, by canonical ID */
    struct volume_runs *volumes;
    struct volume_locks locks;
    int64_t now_ms;
    bool passed;        /* a run was kept because of its parent */
    int64_t last_hold;  /* the last hold of the log when it was decided what is kept */
    int64_t claimed_ms; /* when the last tombstone was written; see claim */
};

static int on_run(void *ctx, const struct contents_kept *row, struct err *err)
{
    struct prune *p = ctx;
    struct retention_run *run;

    if (mem_room(&p->runs, &p->cap, p->count, sizeof(*p->runs), RUNS_MAX, err) < 0)
        return -1;
    run = &p->runs[p->count];
    *run =
        (struct retention_run){ .run_id = region_text(p->region, row->run_id, err),
                                .status = row->status ? region_text(p->region, row->status, err)
                                                      : NULL,
                                .ended = row->ended == DB_UNKNOWN ? 0 : row->ended };
    if (!run->run_id || (row->status && !run->status))
        return -1;
    p->count++;
    return 0;
}

/* Keep a run, kept by no rule, whose parent is kept. */
static int on_parent(void *ctx, const char *run_id, const char *parent, struct err *err)
{
    struct prune *p = ctx;
    struct retention_run *child = hashmap_get(p->all, run_id, strlen(run_id));
    const struct retention_run *by = hashmap_get(p->all, parent, strlen(parent));

    (void)err;
    if (child && by && by->kept && !child->kept) {
        child->kept = true;
        child->why = 1U << RETENTION_PARENT;
        p->passed = true;
    }
    return 0;
}

/* Keep the child runs of kept runs, level by level. */
static int keep_children(struct prune *p, struct err *err)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        struct retention_run *run = &p->runs[i];

        if (hashmap_add(p->all, run->run_id, strlen(run->run_id), run, err) < 0)
            return -1;
    }
    do {
        p->passed = false;
        if (relation_parents(p->catalog, on_parent, p, err) < 0)
            return -1;
    } while (p->passed);
    return 0;
}

/* Add the alias of a kept run: old volumes may have the run under its alias. */
static int keep_alias(void *ctx, const char *alias, struct err *err)
{
    struct prune *p = ctx;

    return hashmap_add(p->by_id, alias, strlen(alias), p, err);
}

/* Decide which runs are kept, by rules and holds. */
static int decide(struct prune *p, struct err *err)
{
    size_t i;
    int rc;

    p->last_hold = log_replay_last_hold(p->catalog, err);
    rc = p->last_hold < 0 ? -1 : contents_runs(p->catalog, on_run, p, err);

    for (i = 0; rc == 0 && i < p->count; i++)
        p->runs[i].held = log_replay_held(p->catalog, p->runs[i].run_id, NULL, 0);
    if (rc < 0)
        return -1;
    retention_decide(p->opts->rules, p->runs, p->count, p->now_ms * 1000);
    if (keep_children(p, err) < 0)
        return -1;
    for (i = 0; i < p->count; i++) {
        struct retention_run *run = &p->runs[i];
        struct prune_step step = { .what = run->kept ? PRUNE_KEEP : PRUNE_RUN,
                                   .run_id = run->run_id,
                                   .why = run->why,
                                   .status = run->status };

        p->result->kept += run->kept;
        p->result->dropped += !run->kept;
        p->opts->step(p->opts->ctx, &step);
        if (run->kept &&
            (hashmap_add(p->by_id, run->run_id, strlen(run->run_id), run, err) < 0 ||
             relation_aliases(p->catalog, run->run_id, keep_alias, p, err) < 0))
            return -1;
    }
    return 0;
}

static bool is_kept(void *ctx, const char *run_id)
{
    const struct prune *p = ctx;

    return hashmap_get(p->by_id, run_id, strlen(run_id)) != NULL;
}

static int on_content(void *ctx, const char *volume, const char *run_id, uint64_t bytes,
                      struct err *err)
{
    struct prune *p = ctx;
    struct volume_runs *v = p->volumes;

    if (!v || strcmp(v->name, volume) != 0) { /* rows are sorted by volume */
        v = region_take(p->region, sizeof(*v), err);
        if (!v)
            return -1;
        v->name = region_text(p->region, volume, err);
        v->next = p->volumes;
        p->volumes = v;
        if (!v->name)
            return -1;
    }
    if (mem_room(&v->runs, &v->cap, v->count, sizeof(char *), RUNS_MAX, err) < 0)
        return -1;
    v->runs[v->count] = region_text(p->region, run_id, err);
    if (!v->runs[v->count])
        return -1;
    v->kept += is_kept(p, run_id);
    v->bytes += bytes;
    v->leaving += is_kept(p, run_id) ? 0 : bytes;
    v->count++;
    return 0;
}

/* A run to be removed. It may be in no other volume, so its aliases are logged as well. */
struct going {
    struct audit_log *log;
    struct audit_log_entry *entry;
};

static int note_alias(void *ctx, const char *alias, struct err *err)
{
    const struct going *going = ctx;
    struct audit_log_entry entry = { .at_ms = going->entry->at_ms,
                                     .what = AUDIT_LOG_ALIAS,
                                     .run_id = going->entry->run_id,
                                     .part = alias };

    return audit_log_put(going->log, &entry, err);
}

/* Record in the log what is removed with this volume. */
static int note(struct prune *p, const struct volume_runs *v, struct err *err)
{
    struct audit_log_entry entry = { .at_ms = p->now_ms,
                                     .what = AUDIT_LOG_PRUNE,
                                     .volume = v->name,
                                     .reason = "no rule keeps it" };
    struct audit_log log;
    struct going going = { &log, &entry };
    size_t i;
    int rc = audit_log_open(&log, p->store->dir, volume_store_log(p->store), err);

    for (i = 0; rc == 0 && i < v->count; i++) {
        entry.run_id = v->runs[i];
        if (!is_kept(p, v->runs[i]))
            rc = relation_aliases(p->catalog, entry.run_id, note_alias, &going, err) < 0
                     ? -1
                     : audit_log_put(&log, &entry, err);
    }
    entry.what = AUDIT_LOG_REMOVE;
    entry.run_id = NULL;
    entry.reason = v->kept ? "written anew" : NULL;
    if (rc == 0)
        rc = audit_log_put(&log, &entry, err);
    if (rc == 0)
        rc = audit_log_commit(&log, err);
    audit_log_close(&log);
    return rc < 0 ? -1 : log_replay_update(p->catalog, p->store->dir, err);
}

/* Fail if this process was paused since it wrote the tombstone: a hold may not have seen it. */
static int check_claim(const struct prune *p, const struct volume_runs *v, struct err *err)
{
    if (!volume_store_is_remote(p->store) || clock_wall() - p->claimed_ms < CLAIM_MS)
        return 0;
    return err_set(err, ERR_BUSY,
                   "this process was paused before it removed volume '%s', and a run may have "
                   "been held meanwhile: it and the remaining ones stay; prune again",
                   v->name);
}

/* Remove the old volume from disk and catalog. */
static int remove_volume(struct prune *p, const struct volume_runs *v, struct err *err)
{
    size_t i;
    int rc = check_claim(p, v, err);

    if (rc == 0)
        rc = volume_store_remove(p->store, v->name, err);
    if (rc == 0)
        rc = db_begin(p->catalog, err);
    if (rc < 0)
        return -1;
    rc = timestamp_forget(p->catalog, v->name, err);
    if (rc == 0)
        rc = text_index_note_purge(p->catalog, err);
    if (rc == 0)
        rc = contents_remove(p->catalog, v->name, err);
    for (i = 0; rc == 0 && i < v->count; i++) {
        if (!is_kept(p, v->runs[i]))
            rc = run_state_pruned(p->catalog, v->runs[i], err);
    }
    if (rc == 0)
        return db_commit(p->catalog, err);
    db_rollback(p->catalog);
    return rc;
}

/* Whether a volume is the one that was imported; one that differs is recorded as lost
 * instead of deleted. */
static int check_head(struct prune *p, const struct volume_runs *v, struct err *err)
{
    char sha256[SHA256_TEXT];
    char head[SHA256_TEXT];
    struct err why = { 0 };
    int rc = contents_manifest(p->catalog, v->name, sha256, err);

    if (rc <= 0)
        return rc;
    rc = catalog_import_head(p->store, v->name, head, &why);
    if (rc == 0 && strcmp(head, sha256) == 0)
        return 1;
    if (rc < 0 && why.kind != ERR_FORMAT && why.kind != ERR_MISMATCH) {
        *err = why;
        return -1;
    }
    return fixity_lose(
        p->catalog, p->store,
        &(struct fixity_loss){ v->name, FIXITY_DIFFERS, why.kind ? why.text : NULL }, p->now_ms,
        &p->result->found.fixity, err);
}

/* A volume that cannot be rewritten stays, and is the first that the next sync verifies. */
static int keep_damaged(struct prune *p, const struct volume_runs *v, const struct err *why,
                        struct err *err)
{
    if (why->kind != ERR_MISMATCH && why->kind != ERR_FORMAT && why->os != EIO) {
        *err = *why;
        return -1;
    }
    log_line(LOG_ERROR, "%s", why->text);
    p->result->damaged++;
    return contents_verified(p->catalog, v->name, DB_UNKNOWN, NULL, err);
}

/* Verify the new volume; a bad one is set aside, and the old one stays. */
static int check_new(struct prune *p, const char *name, struct err *err)
{
    struct catalog_import_opts how =
        catalog_import_defaults(p->store, p->now_ms, p->opts->stop);
    enum fixity_fault fault;
    struct err why;
    int verdict = catalog_import_check(name, &how, &fault, &why);

    if (verdict == HEAL_GOOD)
        return volume_store_publish(p->store, name, err) < 0 ||
                       volume_store_settle(p->store, err) < 0
                   ? -1
                   : 1;
    if (verdict != HEAL_BAD) {
        *err = why;
        return -1;
    }
    return fixity_lose(p->catalog, p->store, &(struct fixity_loss){ name, fault, why.text },
                       p->now_ms, &p->result->found.fixity, err);
}

/* Rewrite a volume with its kept runs. Returns 1 with the new volume's name, or 0 if the
 * volume stays as it is, which was logged. */
static int rewrite_volume(struct prune *p, const struct volume_runs *v, char name[VOLUME_NAME],
                          struct err *err)
{
    struct rewrite_opts opts = {
        .tool = p->opts->tool, .spool_dir = p->opts->spool_dir, .keep = is_kept, .ctx = p
    };
    struct volume_name old;
    struct volume_name new;
    struct err why = { 0 };
    char *from = volume_store_read(p->store, v->name, err);
    char *to = NULL;
    int rc = from && volume_name_parse(&old, v->name) ? 0 : -1;

    if (rc == 0) {
        volume_name_revision(name, &old, old.revision + 1);
        to = volume_name_parse(&new, name) ? volume_store_write(p->store, name, err) : NULL;
        rc = to ? 0 : -1;
    }
    if (rc == 0) {
        opts.from = from;
        opts.to = to;
        opts.top = new.top;
        rc = rewrite_run(&opts, &why) < 0 ? keep_damaged(p, v, &why, err)
                                          : check_new(p, name, err);
    }
    mem_free(from);
    mem_free(to);
    return rc;
}

static uint64_t size_of(const struct prune *p, const char *name)
{
    struct volume_seen seen;

    return volume_store_stat(p->store, name, &seen, NULL) > 0 ? seen.size : 0;
}

/*
 * The bytes that a step will free: the volume's size, or the share of the runs that leave it.
 */
static uint64_t frees(const struct prune *p, const struct volume_runs *v)
{
    uint64_t size = size_of(p, v->name);

    if (!v->kept)
        return size;
    return v->bytes ? (uint64_t)((double)size * ((double)v->leaving / (double)v->bytes)) : 0;
}

/* Fail if the log has an unreadable line, which may be a hold. */
static int check_log(struct prune *p, struct err *err)
{
    int64_t lines = log_replay_unreadable(p->catalog, err);

    if (lines <= 0)
        return lines < 0 ? -1 : 0;
    return err_set(err, ERR_FORMAT,
                   "'%s/" AUDIT_LOG_NAME "': %lld line%s unreadable and may be %s; nothing is "
                   "removed until %s repaired or deleted",
                   p->store->dir, (long long)lines, lines == 1 ? " is" : "s are",
                   lines == 1 ? "a hold" : "holds", lines == 1 ? "it is" : "they are");
}

/*
 * In a bucket, another machine may hold a run meanwhile: say what is about to be removed, and
 * look for holds again. Each sees the other, whoever comes first (volumes/tombstone).
 */
static int claim(struct prune *p, const struct volume_runs *v, struct err *err)
{
    const char **leaving = mem_array(v->count, sizeof(*leaving), err);
    int64_t last = -1;
    size_t count = 0;
    size_t i;
    int rc = leaving ? 0 : -1;

    p->claimed_ms = clock_wall();
    for (i = 0; rc == 0 && i < v->count; i++) {
        if (!is_kept(p, v->runs[i]))
            leaving[count++] = v->runs[i];
    }
    if (rc == 0)
        rc = volume_store_begin_removal(p->store, v->name, leaving, count, err);
    mem_free(leaving);
    if (rc == 0)
        rc = log_replay_update(p->catalog, p->store->dir, err);
    if (rc == 0)
        rc = check_log(p, err);
    if (rc == 0)
        last = log_replay_last_hold(p->catalog, err);
    if (last < 0 || last == p->last_hold)
        return last < 0 ? -1 : 0;
    return err_set(err, ERR_BUSY,
                   "a run was held meanwhile: volume '%s' and the remaining ones stay; prune "
                   "again",
                   v->name);
}

/* After a failed claim: the volume stays, and the one that was to replace it (or "") goes. */
static void retreat(struct prune *p, const struct volume_runs *v, const char *name)
{
    struct err why;

    if ((*name && volume_store_remove(p->store, name, &why) < 0) ||
        volume_store_end_removal(p->store, v->name, &why) < 0)
        log_line(LOG_WARNING, "%s", why.text);
}

/* Returns 1; 0: the volume stays as it is, which was logged; -1. */
static int apply(struct prune *p, const struct volume_runs *v, struct err *err)
{
    struct catalog_import_opts how =
        catalog_import_defaults(p->store, p->now_ms, p->opts->stop);
    char name[VOLUME_NAME] = "";
    uint64_t before = size_of(p, v->name);
    int texts = text_index_has(p->catalog, v->name, err);
    int rc = texts < 0 ? -1 : check_head(p, v, err);
    bool remote = volume_store_is_remote(p->store);

    if (rc > 0 && v->kept && remote && claim(p, v, err) < 0)
        rc = -1;
    if (rc > 0 && v->kept)
        rc = rewrite_volume(p, v, name, err);
    if (rc > 0 && remote && claim(p, v, err) < 0) {
        retreat(p, v, name);
        return -1;
    }
    if (rc <= 0) {
        if (remote)
            retreat(p, v, "");
        return rc;
    }
    if (v->kept && timestamp_copy(p->catalog, v->name, name, err) < 0)
        return -1;
    if (note(p, v, err) < 0 || remove_volume(p, v, err) < 0 ||
        volume_store_end_removal(p->store, v->name, err) < 0)
        return -1;
    how.verified_ms = clock_wall();
    how.pruning = true;
    how.texts = texts > 0;
    if (v->kept && catalog_import_volume(p->catalog, name, &how, err) < 0)
        return -1;
    p->result->removed += !v->kept;
    p->result->rewritten += v->kept > 0;
    p->result->freed += before - (v->kept ? size_of(p, name) : 0);
    return 1;
}

/* Visit a volume from which runs leave. */
static int each_leaving(struct prune *p, const struct volume_runs *v, struct err *err)
{
    struct volume_locked lock;
    struct prune_step step = { .what = v->kept ? PRUNE_REWRITE : PRUNE_VOLUME,
                               .volume = v->name,
                               .kept = v->kept,
                               .dropped = v->count - v->kept };
    uint64_t freed = p->result->freed;
    bool really = p->opts->apply;
    int locked = holding_ask(&p->locks, v->name, &lock, err);
    int done;

    if (locked < 0)
        return -1;
    step.lock = locked ? &lock : NULL;
    step.bytes = locked ? 0 : frees(p, v);
    p->opts->step(p->opts->ctx, &step);
    if (locked && !lock.hides) {
        p->result->fixed++;
        p->result->stayed += step.dropped;
        return 0;
    }
    done = really ? apply(p, v, err) : 1;
    if (done < 0)
        return -1;
    if (!done)
        p->result->stayed += step.dropped;
    if (!really) {
        p->result->removed += !v->kept;
        p->result->rewritten += v->kept > 0;
    }
    if (locked || !really)
        p->result->freed = freed + step.bytes;
    p->result->locked += locked && done;
    return 0;
}

static int each_volume(struct prune *p, struct err *err)
{
    const struct volume_runs *v;

    for (v = p->volumes; v; v = v->next) {
        if (v->kept == v->count)
            continue;
        if (stop_check(&p->opts->stop, err) < 0 || each_leaving(p, v, err) < 0)
            return -1;
    }
    return 0;
}

static int run(struct prune *p, struct err *err)
{
    struct catalog_import_opts how =
        catalog_import_defaults(p->store, p->now_ms, p->opts->stop);
    struct heal_reader reader = catalog_import_reader(&how);
    struct heal_found *found = &p->result->found;

    p->catalog = heal_open(p->store, false, &reader, p->now_ms, found, err);
    if (!p->catalog || heal_run(p->catalog, p->store, &reader, p->now_ms, found, err) < 0 ||
        check_log(p, err) < 0 || decide(p, err) < 0 ||
        contents_run_sizes(p->catalog, on_content, p, err) < 0)
        return -1;
    if ((p->opts->apply && p->result->dropped &&
         volume_store_drop_catalog(p->store, err) < 0) ||
        each_volume(p, err) < 0)
        return -1;
    if (p->opts->apply && p->result->rewritten && /* with held runs, perhaps */
        holding_agree(p->catalog, p->store, &p->result->holds, err) < 0)
        return -1;
    p->result->unpurged = p->opts->apply && !prune_purge(p->catalog);
    if (p->result->stayed > p->result->dropped) /* a run may be in several volumes */
        p->result->stayed = p->result->dropped;
    p->result->dropped -= p->result->stayed;
    return 0;
}

bool prune_purge(struct db *catalog)
{
    struct err why;
    int rc = text_index_purge(catalog, &why);

    if (rc < 0)
        log_line(
            LOG_WARNING,
            "texts of removed runs may still be in the catalog's file, until the next sync "
            "or prune: %s",
            why.text);
    else if (!rc)
        log_line(LOG_WARNING, "texts of removed runs may still be in the catalog's file, which "
                              "another process is reading, until the next sync or prune");
    return rc > 0;
}

int prune_run(const struct prune_opts *opts, struct prune_result *result, struct err *err)
{
    struct prune p = { .opts = opts, .result = result, .store = opts->store };
    struct volume_runs *v;
    int rc = -1;

    *result = (struct prune_result){ 0 };
    p.now_ms = clock_wall();
    volume_lock_init(&p.locks, p.store);
    p.region = region_new(err);
    p.by_id = hashmap_new(err);
    p.all = hashmap_new(err);
    if (p.region && p.by_id && p.all)
        rc = run(&p, err);
    for (v = p.volumes; v; v = v->next)
        mem_free(v->runs);
    mem_free(p.runs);
    hashmap_free(p.by_id);
    hashmap_free(p.all);
    volume_lock_close(&p.locks);
    region_free(p.region);
    db_free(p.catalog);
    return rc;
}
