/* SPDX-License-Identifier: MIT */
#include "sync/heal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/audit_log.h"
#include "catalog/contents.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/text_index.h"

#include <stdlib.h>
#include <unistd.h>

#define NAMES_MAX     ((size_t)1 << 24)
#define REVISIONS_MAX 1000

bool heal_troubled(const struct heal_found *f)
{
    return fixity_faults(&f->fixity) || f->fixity.unreadable;
}

/* State of making catalog and disk consistent. */
struct healing {
    struct db *catalog;
    const struct volume_store *store;
    const struct heal_reader *reader;
    int64_t now_ms;
    struct heal_found *found;
    struct text_list names;
};

static int add_name(struct healing *h, const char *name, struct err *err)
{
    return text_list_add(&h->names, name, NAMES_MAX, err);
}

static int by_age(const void *a, const void *b)
{
    return volume_name_compare(*(char *const *)a, *(char *const *)b);
}

/* Call fn for each collected name, oldest first, and clear the list. */
static int each_name(struct healing *h,
                     int (*fn)(struct healing *h, const char *name, struct err *err),
                     struct err *err)
{
    size_t i;
    int rc = 0;

    if (h->names.count)
        qsort(h->names.at, h->names.count, sizeof(char *), by_age);
    for (i = 0; rc == 0 && i < h->names.count; i++)
        rc = stop_check(&h->reader->stop, err) < 0 ? -1 : fn(h, h->names.at[i], err);
    text_list_clear(&h->names);
    return rc;
}

static int on_rewritten(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct volume_name parts;

    (void)size;
    return volume_name_parse(&parts, name) && parts.revision ? add_name(ctx, name, err) : 0;
}

/* Remove a volume from disk and catalog. */
static int remove_volume(struct healing *h, const char *name, struct err *err)
{
    int rc = db_begin(h->catalog, err);

    if (rc < 0)
        return -1;
    rc = contents_remove(h->catalog, name, err);
    if (rc == 0)
        rc = volume_store_remove(h->store, name, err);
    if (rc == 0)
        return db_commit(h->catalog, err);
    db_rollback(h->catalog);
    return rc;
}

/* Verify a volume; a bad one is recorded as lost. */
static int check(struct healing *h, const char *name, const char *sha256, struct err *err)
{
    enum fixity_fault fault = FIXITY_DAMAGED;
    struct err why;
    int verdict = h->reader->check(h->reader->ctx, name, sha256, &fault, &why);

    if (verdict < 0) {
        *err = why;
    } else if (verdict == HEAL_BAD) {
        if (fixity_lose(h->catalog, h->store, &(struct fixity_loss){ name, fault, why.text },
                        h->now_ms, &h->found->fixity, err) < 0)
            return -1;
    } else if (verdict == HEAL_UNREADABLE) {
        log_line(LOG_ERROR, "cannot read volume '%s': %s", name, why.text);
        h->found->fixity.unreadable++;
    }
    return verdict;
}

/*
 * A rewritten volume does not count while the volume that it replaces exists: a crash left
 * both. If the old one proves to be bad, the new one is kept.
 */
static int settle_pair(struct healing *h, const char *name, const char *old, struct err *err)
{
    char sha256[SHA256_TEXT];
    int verdict;

    if (contents_manifest(h->catalog, old, sha256, err) < 0)
        return -1;
    verdict = check(h, old, sha256, err);
    if (verdict != HEAL_GOOD)
        return verdict < 0 ? -1 : 0;
    log_line(LOG_WARNING, "removed the unfinished volume '%s': '%s' still exists", name, old);
    return remove_volume(h, name, err);
}

/* Whether another machine is just replacing the old volume by the new one: 1, 0 or -1. */
static int leave_pair(const struct healing *h, const char *name, const char *old,
                      struct err *err)
{
    int foreign = volume_store_being_removed(h->store, old, err);

    if (foreign > 0)
        log_line(LOG_WARNING,
                 "'%s' and '%s' are left as they are: a 'skyarc prune' of another "
                 "machine is at work, or was killed less than a day ago",
                 old, name);
    return foreign;
}

static int drop_unfinished(struct healing *h, const char *name, struct err *err)
{
    struct volume_name parts;
    struct volume_seen seen;
    char old[VOLUME_NAME];
    unsigned long revision;
    struct err why;

    if (!volume_name_parse(&parts, name) ||
        (volume_store_look(h->store, name, &seen, &why) > 0 && !seen.regular))
        return 0; /* what is not a regular file is set aside later, as volumes that differ are
                   */
    for (revision = 0; revision < parts.revision && revision < REVISIONS_MAX; revision++) {
        int there;

        volume_name_revision(old, &parts, revision);
        there = volume_store_look(h->store, old, &seen, err);
        if (there == 0)
            continue;
        if (there > 0)
            there = leave_pair(h, name, old, err);
        return there ? (there < 0 ? -1 : 0) : settle_pair(h, name, old, err);
    }
    return 0;
}

static int on_unknown(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct healing *h = ctx;
    int there = contents_has(h->catalog, name, err);

    (void)size;
    return there < 0 ? -1 : there ? 0 : add_name(h, name, err);
}

static int take_in(struct healing *h, const char *name, struct err *err)
{
    enum fixity_fault fault = FIXITY_DAMAGED;
    struct err why;
    int verdict = h->reader->enter(h->reader->ctx, h->catalog, name, &fault, &why);

    if (verdict < 0) {
        *err = why;
        return -1;
    }
    h->found->entered += verdict == HEAL_GOOD;
    if (verdict == HEAL_BAD)
        return fixity_lose(h->catalog, h->store, &(struct fixity_loss){ name, fault, why.text },
                           h->now_ms, &h->found->fixity, err);
    if (verdict == HEAL_UNREADABLE) {
        log_line(LOG_ERROR, "%s", why.text);
        h->found->fixity.unreadable++;
    }
    return 0;
}

static int on_supplement(void *ctx, const char *run_id, const char *before, struct err *err)
{
    struct healing *h = ctx;
    struct volume_name parts;
    unsigned long revision;
    char name[VOLUME_NAME];
    int there = 0;

    if (!volume_name_parse(&parts, before))
        return 0;
    for (revision = 0; !there && revision < REVISIONS_MAX; revision++) {
        volume_name_revision(name, &parts, revision);
        there = contents_holds(h->catalog, name, run_id, err);
    }
    return there ? (there < 0 ? -1 : 0) : add_name(h, run_id, err);
}

/* The volume with an earlier part of the run is gone: list the run again. */
static int list_again(struct healing *h, const char *run_id, struct err *err)
{
    int rc = run_state_is(h->catalog, run_id, RUN_STATE_SEALED, err);

    if (rc <= 0)
        return rc;
    log_line(LOG_WARNING, "the volume with the first part of run '%s' does not exist", run_id);
    return run_state_set(h->catalog, run_id, RUN_STATE_OPEN, 0,
                         "the volume with its first part does not exist", err);
}

/* SQL: whether a lost part, or the part of a log entry, is in some volume. */
#define IN_SOME_VOLUME(row)                                                                    \
    "EXISTS (SELECT 1 FROM runs r WHERE r.run_id = " RELATION_NAME(                            \
        row ".run_id") " AND (" row ".part = '' OR"                                            \
                       " EXISTS (SELECT 1 FROM artifacts a WHERE a.run_id = r.run_id AND "     \
                       "a.volume = r.volume AND"                                               \
                       " coalesce(a.artifact_id, a.path) = " row ".part)))"

/* executed in this order; ?1 is the time */
static const char *const healings[] = {
    "DELETE FROM lost WHERE " IN_SOME_VOLUME("lost"),
    "INSERT OR IGNORE INTO lost(run_id, part, volume, at_ms) SELECT " RELATION_NAME(
        "l.run_id") ", l.part,"
                    " coalesce(l.volume, ''), l.at_ms FROM log l WHERE l.what = "
                    "'" AUDIT_LOG_LOSE "' AND "
                    "l.run_id IS NOT NULL"
                    " AND l.part IS NOT NULL AND NOT " IN_SOME_VOLUME("l"),
    /* the last entry for a run counts: pruned, or lost */
    "INSERT INTO states(run_id, state) SELECT DISTINCT " RELATION_NAME(
        "l.run_id") ", '" RUN_STATE_PRUNED "' FROM log l"
                    " WHERE l.what = '" AUDIT_LOG_PRUNE
                    "' AND l.run_id IS NOT NULL AND NOT EXISTS (SELECT 1 "
                    "FROM runs r "
                    "WHERE"
                    " r.run_id = " RELATION_NAME(
                        "l.run_id") ") AND NOT EXISTS (SELECT 1 FROM log x WHERE x.what = "
                                    "'lose' AND"
                                    " x.run_id = l.run_id AND x.id > l.id) ON CONFLICT(run_id) "
                                    "DO UPDATE SET"
                                    " state = '" RUN_STATE_PRUNED
                                    "', next_ms = 0, reason = NULL "
                                    "WHERE state <> '" RUN_STATE_PRUNED "'",
    "DELETE FROM lost WHERE run_id IN (SELECT run_id FROM states WHERE"
    " state = '" RUN_STATE_PRUNED "')",
    "UPDATE states SET state = '" RUN_STATE_DUE "', tries = 0, next_ms = 0,"
    " reason = 'its volume is lost' WHERE state IN ('" RUN_STATE_OPEN "', '" RUN_STATE_SEALED
    "',"
    " '" RUN_STATE_GONE "', '" RUN_STATE_LOST "') AND EXISTS (SELECT 1 FROM lost l WHERE"
    " l.run_id = states.run_id AND l.told = 0)",
    "UPDATE states SET state = '" RUN_STATE_DUE
    "', tries = 0, next_ms = 0, reason = 'in no volume'"
    " WHERE state IN ('" RUN_STATE_OPEN "', '" RUN_STATE_SEALED
    "') AND NOT EXISTS (SELECT 1 FROM runs r"
    " WHERE r.run_id = states.run_id)",
    "INSERT INTO states(run_id, state, status, created_at, finished_at, next_ms) SELECT run_id,"
    " '" RUN_STATE_OPEN
    "', max(status), max(created_at), max(finished_at), ?1 FROM runs r WHERE NOT"
    " EXISTS (SELECT 1 FROM states s WHERE s.run_id = r.run_id) GROUP BY run_id",
};

int heal_mend(struct db *c, int64_t now_ms, struct err *err)
{
    size_t i;

    for (i = 0; i < sizeof(healings) / sizeof(*healings); i++) {
        struct sqlite3_stmt *sql = db_sql(c, healings[i], err);

        if (!sql)
            return -1;
        db_number(sql, 1, now_ms);
        if (db_do(c, sql, err) < 0)
            return -1;
    }
    return 0;
}

/* Update the states of runs to match the volumes. */
static int heal_states(struct healing *h, bool fresh, struct err *err)
{
    int rc = db_begin(h->catalog, err);

    if (rc == 0 && fresh)
        rc = contents_supplements(h->catalog, on_supplement, h, err);
    if (rc == 0)
        rc = each_name(h, list_again, err);
    if (rc == 0)
        rc = heal_mend(h->catalog, h->now_ms, err);
    if (rc == 0)
        return db_commit(h->catalog, err);
    db_rollback(h->catalog);
    return rc;
}

static int on_superseded(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct healing *h = ctx;
    int rc = db_begin(h->catalog, err);

    (void)size;
    if (rc == 0)
        rc = contents_remove(h->catalog, name, err);
    if (rc == 0)
        rc = db_commit(h->catalog, err);
    else
        db_rollback(h->catalog);
    h->found->superseded += rc == 0;
    return rc;
}

/* Verify a volume that an earlier start has made, and bring it to its place. */
static int finish(struct healing *h, const char *name, struct err *err)
{
    struct err why = { 0 };
    int verdict = check(h, name, "", err);

    if (verdict != HEAL_GOOD)
        return verdict < 0 ? -1 : 0;
    log_line(LOG_INFO, "volume '%s' was made by an earlier start: it is uploaded now", name);
    if (volume_store_publish(h->store, name, &why) == 0 &&
        volume_store_settle(h->store, &why) == 0)
        return volume_store_superseded(h->store, on_superseded, h, err);
    if (why.kind == ERR_EXISTS) /* the name was given twice, by a clock that was set back */
        return fixity_lose(h->catalog, h->store,
                           &(struct fixity_loss){ name, FIXITY_DIFFERS, why.text }, h->now_ms,
                           &h->found->fixity, err);
    *err = why;
    return -1;
}

static int on_waiting(void *ctx, const char *name, uint64_t size, struct err *err)
{
    (void)size;
    return add_name(ctx, name, err);
}

/* A volume of which only the commit record is left, and which the catalog does not know: the
 * catalog is new. The log may say that it was removed. */
static int on_gone(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct healing *h = ctx;
    int known = contents_has(h->catalog, name, err);

    (void)size;
    if (known == 0)
        known = log_replay_told_gone(h->catalog, name, err);
    return known ? (known < 0 ? -1 : 0) : add_name(h, name, err);
}

static int lose_gone(struct healing *h, const char *name, struct err *err)
{
    return fixity_lose(h->catalog, h->store, &(struct fixity_loss){ name, FIXITY_GONE, NULL },
                       h->now_ms, &h->found->fixity, err);
}

/* What was adopted is visited again as a volume that the catalog lacks. */
static int on_adopted(void *ctx, const char *name, uint64_t size, struct err *err)
{
    (void)ctx;
    (void)name;
    (void)size;
    (void)err;
    return 0;
}

int heal_run(struct db *catalog, const struct volume_store *store,
             const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
             struct err *err)
{
    struct healing h = {
        .catalog = catalog, .store = store, .reader = reader, .now_ms = now_ms, .found = found
    };
    size_t before = found->entered;

    if (volume_store_waiting(store, on_waiting, &h, err) < 0 ||
        each_name(&h, finish, err) < 0 || volume_store_adopt(store, on_adopted, &h, err) < 0 ||
        volume_store_each(store, on_rewritten, &h, err) < 0 ||
        each_name(&h, drop_unfinished, err) < 0 ||
        volume_store_each(store, on_unknown, &h, err) < 0 || each_name(&h, take_in, err) < 0 ||
        /* what is gone must not count as another copy of what was left */
        fixity_look(catalog, store, now_ms, &found->fixity, err) < 0 ||
        volume_store_collect(store, catalog, err) < 0 ||
        volume_store_each(store, on_unknown, &h, err) < 0 || each_name(&h, take_in, err) < 0 ||
        volume_store_gone(store, on_gone, &h, err) < 0 || each_name(&h, lose_gone, err) < 0)
        return -1;
    return heal_states(&h, found->entered > before, err);
}

int heal_settle(struct db *catalog, const struct volume_store *store,
                const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                bool *again, struct err *err)
{
    struct healing h = {
        .catalog = catalog, .store = store, .reader = reader, .now_ms = now_ms, .found = found
    };
    size_t before = found->superseded;

    *again = false;
    if (volume_store_settle(store, err) < 0 ||
        volume_store_superseded(store, on_superseded, &h, err) < 0)
        return -1;
    if (found->superseded == before)
        return volume_store_release(store, catalog, err);
    *again = true;
    if (volume_store_refresh(store, err) < 0 || log_replay_update(catalog, store->dir, err) < 0)
        return -1;
    return heal_run(catalog, store, reader, now_ms, found, err);
}

static int read_back(void *ctx, const char *name, struct err *err)
{
    struct healing *h = ctx;
    struct volume_seen seen;
    char sha256[SHA256_TEXT];
    int rc = contents_manifest(h->catalog, name, sha256, err);

    if (rc > 0)
        rc = check(h, name, sha256, err);
    else if (rc == 0) /* lost because of a fault of another volume */
        return 0;
    if (rc != HEAL_GOOD)
        return rc < 0 ? -1 : 0;
    rc = volume_store_look(h->store, name, &seen, err);
    if (rc <= 0 || !seen.regular) /* exchanged meanwhile: the next sync finds it */
        return rc < 0 ? -1 : 0;
    h->found->read_back++;
    h->found->read_bytes += seen.size;
    return contents_verified(h->catalog, name, clock_wall(), seen.tail, err);
}

int heal_read_back(struct db *catalog, const struct volume_store *store, uint64_t share,
                   const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                   struct err *err)
{
    struct healing h = {
        .catalog = catalog, .store = store, .reader = reader, .now_ms = now_ms, .found = found
    };

    return fixity_due(catalog, share, now_ms, read_back, &h, err);
}

/* Callback: set the flag at the first volume found. */
static int on_any(void *ctx, const char *name, uint64_t size, struct err *err)
{
    (void)name;
    (void)size;
    (void)err;
    *(bool *)ctx = true;
    return 0;
}

int heal_is_sync_dir(const struct volume_store *store, struct err *err)
{
    static const char *const files[] = { DB_NAME, AUDIT_LOG_NAME };
    bool any = false;
    size_t i;

    if (volume_store_is_remote(store)) {
        int used = volume_store_is_used(store, err);

        return used > 0 ? 0
               : used   ? -1
                        : err_set(err, ERR_NOT_FOUND,
                                  "'%s' has neither a volume nor a log of skyarc sync",
                                  store->place);
    }
    for (i = 0; !any && i < 2; i++) {
        char *path = mem_format(err, "%s/%s", store->dir, files[i]);

        if (!path)
            return -1;
        any = access(path, F_OK) == 0;
        mem_free(path);
    }
    if (!any && volume_store_each(store, on_any, &any, err) < 0)
        return -1;
    return any ? 0
               : err_set(err, ERR_NOT_FOUND,
                         "'%s' has no catalog: not a directory of skyarc sync?", store->dir);
}

/* Open the catalog, whatever its state, and bring it up to date with the log. */
static struct db *open_catalog(const struct volume_store *store,
                               const struct heal_reader *reader, int64_t now_ms,
                               struct heal_found *found, struct err *err)
{
    struct db *c;

    c = db_open(store->dir, DB_WRITE, err);
    if (c && text_index_check(c, err) < 0) {
        db_free(c);
        c = NULL;
    }
    if (!c && err->kind == ERR_FORMAT) {
        log_line(LOG_ERROR, "%s", err->text);
        log_line(LOG_ERROR, "the old catalog is kept as '%s/" DB_NAME ".damaged'", store->dir);
        if (db_set_aside(store->dir, "damaged", err) < 0)
            return NULL;
        found->remade = true;
        c = db_open(store->dir, DB_WRITE, err);
    }
    if (!c)
        return NULL;
    if (log_replay_update(c, store->dir, err) < 0 ||
        fixity_untold(c, &found->fixity, err) < 0 ||
        (db_is_new(c) && heal_run(c, store, reader, now_ms, found, err) < 0)) {
        db_free(c);
        return NULL;
    }
    found->remade = found->remade || (db_is_new(c) && found->entered);
    if (found->remade)
        log_line(LOG_WARNING, "'%s/" DB_NAME "' was rebuilt from %zu volume%s and the log",
                 store->dir, found->entered, text_plural(found->entered));
    return c;
}

struct db *heal_open(const struct volume_store *store, bool make,
                     const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                     struct err *err)
{
    if (!make && heal_is_sync_dir(store, err) < 0)
        return NULL;
    if (volume_store_refresh(store, err) < 0 || volume_store_fetch_catalog(store, err) < 0)
        return NULL;
    return open_catalog(store, reader, now_ms, found, err);
}

/* Append the log entries that only the old catalog has to the log file. *newer: the catalog
 * is of a newer skyarc and cannot be read. */
static int keep_log(const struct volume_store *store, bool *newer, struct err *err)
{
    struct err why;
    struct db *c = db_open(store->dir, DB_READ, &why);
    int rc;

    *newer = !c && why.kind == ERR_LIMIT;
    if (*newer)
        log_line(LOG_WARNING, "%s; the old catalog is kept as '%s/" DB_NAME ".newer'", why.text,
                 store->dir);
    if (!c && (*newer || why.kind == ERR_NOT_FOUND))
        return 0;
    db_free(c);
    c = db_open(store->dir, DB_WRITE, &why);
    if (!c && why.kind != ERR_FORMAT) {
        *err = why;
        return -1;
    }
    if (!c) {
        log_line(LOG_WARNING, "%s", why.text);
        return 0;
    }
    rc = log_replay_update(c, store->dir, err);
    db_free(c);
    return rc;
}

struct db *heal_remake(const struct volume_store *store, const struct heal_reader *reader,
                       int64_t now_ms, struct heal_found *found, struct err *err)
{
    bool newer;

    if (keep_log(store, &newer, err) < 0 ||
        db_set_aside(store->dir, newer ? "newer" : "old", err) < 0)
        return NULL;
    return volume_store_refresh(store, err) < 0
               ? NULL
               : open_catalog(store, reader, now_ms, found, err);
}
