/* SPDX-License-Identifier: MIT */
#include "catalog/log_replay.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/text.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/shard.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX ((size_t)256 << 10) /* the texts of a hostile catalog may be long */

struct replay {
    struct db *catalog;
    const char *dir;
    bool merge;         /* skip entries that the catalog has */
    int64_t unreadable; /* number of lines */
};

static int set_hold(struct db *c, const struct audit_log_entry *e, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "INSERT OR REPLACE INTO holds(run_id, reason, since_ms) VALUES(?1, ?2, ?3)", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, e->run_id);
    db_text(sql, 2, e->reason ? e->reason : "");
    db_number(sql, 3, e->at_ms);
    return db_do(c, sql, err);
}

static int drop_hold(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM holds WHERE run_id = ?1", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_do(c, sql, err);
}

/* Bind the columns of an entry, starting at ?1. */
static void bind(struct sqlite3_stmt *sql, const struct audit_log_entry *e)
{
    db_number(sql, 1, e->at_ms);
    db_text(sql, 2, e->what);
    db_text(sql, 3, e->run_id);
    db_text(sql, 4, e->volume);
    db_text(sql, 5, e->part);
    db_text(sql, 6, e->reason);
}

/* Whether the catalog's log has an entry. */
static int is_known(struct db *c, const struct audit_log_entry *e, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM log WHERE at_ms = ?1 AND what = ?2 AND run_id IS ?3 AND"
               " volume IS ?4 AND part IS ?5 AND reason IS ?6",
               err);

    if (!sql)
        return -1;
    bind(sql, e);
    return db_any(c, sql, err);
}

/* Read the shard that an entry names. */
static int read_shard(const struct audit_log_entry *e, struct shard *shard, struct err *err)
{
    return text_part(e->part ? e->part : "", SHARD_MOST, &shard->k, &shard->n, err);
}

/* Add an entry to the catalog's log, and apply its effect. */
static int apply(struct db *c, const struct audit_log_entry *e, struct err *err)
{
    struct shard shard;
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT INTO log(at_ms, what, run_id, volume, part, reason)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
               err);

    if (!sql)
        return -1;
    bind(sql, e);
    if (db_do(c, sql, err) < 0)
        return -1;
    if (strcmp(e->what, AUDIT_LOG_SHARD) == 0)
        return read_shard(e, &shard, err) < 0 ? -1 : shard_joined(c, &shard, err);
    if (!e->run_id)
        return 0;
    if (strcmp(e->what, AUDIT_LOG_HOLD) == 0)
        return set_hold(c, e, err);
    if (strcmp(e->what, AUDIT_LOG_RELEASE) == 0)
        return drop_hold(c, e->run_id, err);
    if (strcmp(e->what, AUDIT_LOG_ALIAS) == 0 && e->part)
        return relation_learn(c, e->part, e->run_id, err) < 0 ? -1 : 0;
    if (strcmp(e->what, AUDIT_LOG_PRUNE) == 0)
        return run_state_pruned(c, e->run_id, err);
    if (strcmp(e->what, AUDIT_LOG_LOSE) == 0 && e->part)
        return run_state_lose(c, e->run_id, e->part, e->volume ? e->volume : "", e->at_ms, err);
    return 0;
}

/*
 * Whether an entry is one that this program writes; any other may be a hold that was damaged.
 */
bool log_replay_understands(const struct audit_log_entry *e)
{
    static const struct {
        const char *what;
        bool run;
        bool part;
    } kinds[] = {
        { AUDIT_LOG_HOLD, true, false },  { AUDIT_LOG_RELEASE, true, false },
        { AUDIT_LOG_PRUNE, true, false }, { AUDIT_LOG_REMOVE, false, false },
        { AUDIT_LOG_LOSE, false, false }, { AUDIT_LOG_ALIAS, true, true },
    };
    struct shard shard;
    size_t i;

    if (strcmp(e->what, AUDIT_LOG_SHARD) == 0)
        return read_shard(e, &shard, NULL) == 0;
    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(e->what, kinds[i].what) == 0)
            return (e->run_id ? text_is_id(e->run_id) : !kinds[i].run) &&
                   (!kinds[i].part || (e->part && text_is_id(e->part)));
    }
    return false;
}

static int on_entry(void *ctx, const struct audit_log_entry *e, struct err *err)
{
    struct replay *r = ctx;
    int known = 0;

    if (!e || !log_replay_understands(e)) {
        r->unreadable++;
        log_line(LOG_ERROR,
                 "'%s/" AUDIT_LOG_NAME "': skipped an unreadable line; it may be a hold, so "
                 "nothing is pruned until it is repaired",
                 r->dir);
        return 0;
    }
    if (r->merge)
        known = is_known(r->catalog, e, err);
    return known < 0 ? -1 : known ? 0 : apply(r->catalog, e, err);
}

/* Load the mark of what was read: 1; 0: there is none. */
static int load_mark(struct db *c, struct audit_log_mark *mark, int64_t *unreadable,
                     struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT size, sha256, unreadable FROM replayed", err);
    int rc = sql ? db_step(c, sql, err) : -1;

    if (rc > 0) {
        mark->size = (uint64_t)db_column_number(sql, 0);
        *unreadable = db_column_number(sql, 2);
        rc = db_column_bytes(sql, 1, mark->sha256, SHA256_SIZE);
        db_done(sql);
    }
    return rc;
}

int log_replay_mark(struct db *c, struct audit_log_mark *mark, struct err *err)
{
    int64_t unreadable;

    return load_mark(c, mark, &unreadable, err);
}

static int save_mark(struct db *c, const struct audit_log_mark *mark, int64_t unreadable,
                     struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "INSERT OR REPLACE INTO replayed(id, size, sha256, unreadable) VALUES(1, ?1, ?2, ?3)",
        err);

    if (!sql)
        return -1;
    db_number(sql, 1, (int64_t)mark->size);
    db_bytes(sql, 2, mark->sha256, SHA256_SIZE);
    db_number(sql, 3, unreadable);
    return db_do(c, sql, err);
}

/* The entries of a file, as keys of a hash map. */
struct entries {
    struct hashmap *table;
    struct buf key;
};

static int make_key(struct entries *k, const struct audit_log_entry *e, struct err *err)
{
    const char *texts[] = { e->what, e->run_id, e->volume, e->part, e->reason };
    size_t i;

    buf_reset(&k->key);
    if (buf_addf(&k->key, err, "%lld", (long long)e->at_ms) < 0)
        return -1;
    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *text = texts[i] ? texts[i] : "\1"; /* tells NULL from "" */

        if (buf_add(&k->key, text, strlen(text) + 1, err) < 0)
            return -1;
    }
    return 0;
}

static int on_known(void *ctx, const struct audit_log_entry *e, struct err *err)
{
    struct entries *k = ctx;

    if (!e)
        return 0;
    if (make_key(k, e, err) < 0)
        return -1;
    if (hashmap_get(k->table, k->key.data, k->key.len))
        return 0;
    return hashmap_add(k->table, k->key.data, k->key.len, k, err);
}

/* Append the entries that only the catalog's log has to the file; *count is incremented. */
static int give_back(struct db *c, struct entries *k, struct audit_log *a, size_t *count,
                     struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT at_ms, what, run_id, volume, part, reason FROM log ORDER BY id", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        struct audit_log_entry e = { .at_ms = db_column_number(sql, 0),
                                     .what = db_name(sql, 1),
                                     .run_id = db_column(sql, 2),
                                     .volume = db_column(sql, 3),
                                     .part = db_column(sql, 4),
                                     .reason = db_column(sql, 5) };

        if (make_key(k, &e, err) < 0) {
            rc = -1;
        } else if (!hashmap_get(k->table, k->key.data, k->key.len)) {
            (*count)++;
            rc = audit_log_put(a, &e, err) < 0 ? -1 : 1;
        }
    }
    if (rc < 0 && sql)
        db_done(sql);
    return rc;
}

/* Derive the holds from all entries: a release counts if it is not older than the hold. */
static int make_holds(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "INSERT OR REPLACE INTO holds(run_id, reason, since_ms)"
        " SELECT " RELATION_NAME(
            "h.run_id") ", coalesce(h.reason, ''), h.at_ms FROM log h"
                        " WHERE h.what = '" AUDIT_LOG_HOLD
                        "' AND h.run_id IS NOT NULL AND NOT EXISTS "
                        "(SELECT 1 FROM log r"
                        " WHERE r.what = '" AUDIT_LOG_RELEASE "' AND " RELATION_NAME(
                            "r.run_id") " = " RELATION_NAME("h.run_id") " AND r.at_ms >= "
                                                                        "h.at_ms) ORDER BY "
                                                                        "h.at_ms",
        err);

    return sql ? db_do(c, sql, err) : -1;
}

/* The part of the file that was read has changed: merge file and catalog. */
static int merge(struct replay *r, struct audit_log_mark *mark, struct err *err)
{
    struct entries k = { .table = hashmap_new(err) };
    struct audit_log a = { .fd = -1 };
    size_t count = 0;
    int rc = k.table ? audit_log_open(&a, r->dir, audit_log_no_origin(), err) : -1;

    buf_init(&k.key, KEY_MAX);
    if (rc == 0 && (audit_log_start(mark, err) < 0 ||
                    audit_log_scan(r->dir, mark, on_known, &k, err) < 0 ||
                    give_back(r->catalog, &k, &a, &count, err) < 0))
        rc = -1;
    if (rc == 0 && count)
        rc = audit_log_commit(&a, err);
    audit_log_close(&a);
    if (count)
        log_line(LOG_WARNING,
                 "'%s/" AUDIT_LOG_NAME "' was changed: appended %zu entr%s that only the "
                 "catalog had",
                 r->dir, count, count == 1 ? "y" : "ies");
    r->merge = true;
    r->unreadable = 0;
    if (rc == 0 &&
        (audit_log_start(mark, err) < 0 || audit_log_scan(r->dir, mark, on_entry, r, err) <= 0))
        rc = -1;
    buf_clear(&k.key);
    hashmap_free(k.table);
    return rc < 0 ? -1 : make_holds(r->catalog, err);
}

/* Whether the catalog's log has entries although there is no mark. */
static int has_log(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT 1 FROM log LIMIT 1", err);

    return sql ? db_any(c, sql, err) : -1;
}

int log_replay_run(struct db *c, const char *dir, struct err *err)
{
    struct replay r = { .catalog = c, .dir = dir };
    struct audit_log_mark mark;
    struct audit_log_mark before;
    int rc;

    if (audit_log_start(&mark, err) < 0)
        return -1;
    rc = load_mark(c, &mark, &r.unreadable, err);
    if (rc == 0)
        rc = has_log(c, err) ? 0 : 1;
    before = mark;
    if (rc > 0)
        rc = audit_log_scan(dir, &mark, on_entry, &r, err);
    if (rc == 0)
        rc = merge(&r, &mark, err);
    if (rc < 0)
        return -1;
    if (mark.size == before.size && memcmp(mark.sha256, before.sha256, SHA256_SIZE) == 0)
        return 0;
    return save_mark(c, &mark, r.unreadable, err);
}

int log_replay_update(struct db *c, const char *dir, struct err *err)
{
    int rc;

    if (audit_log_mend(dir, err) < 0 || db_begin(c, err) < 0)
        return -1;
    rc = log_replay_run(c, dir, err);
    if (rc == 0)
        return db_commit(c, err);
    db_rollback(c);
    return rc;
}

int log_replay_add(struct db *c, const char *dir, struct audit_log_origin origin,
                   const struct audit_log_entry *entries, size_t count, struct err *err)
{
    struct audit_log a;
    size_t i;
    int rc = audit_log_open(&a, dir, origin, err);

    for (i = 0; rc == 0 && i < count; i++)
        rc = audit_log_put(&a, &entries[i], err);
    if (rc == 0)
        rc = audit_log_commit(&a, err);
    audit_log_close(&a);
    return rc < 0 ? -1 : log_replay_update(c, dir, err);
}

int64_t log_replay_unreadable(struct db *c, struct err *err)
{
    struct audit_log_mark mark;
    int64_t lines = 0;

    return load_mark(c, &mark, &lines, err) < 0 ? -1 : lines;
}

bool log_replay_held(struct db *c, const char *run_id, char *reason, size_t size)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT reason FROM holds WHERE run_id = ?1", NULL);
    int rc;

    if (!sql)
        return true; /* if unknown, the run counts as held */
    relation_bind(c, sql, 1, run_id);
    rc = db_step(c, sql, NULL);
    if (rc <= 0)
        return rc < 0;
    if (reason)
        (void)snprintf(reason, size, "%s", db_name(sql, 0));
    db_done(sql);
    return true;
}

int log_replay_told(struct db *c, const char *volume, const char *what, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM log l WHERE l.volume = ?1 AND l.what = ?2 AND l.id >"
               " coalesce((SELECT v.log_id FROM volumes v WHERE v.name = ?1), 0)",
               err);

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    db_text(sql, 2, what);
    return db_any(c, sql, err);
}

int log_replay_told_gone(struct db *c, const char *volume, struct err *err)
{
    int told = log_replay_told(c, volume, AUDIT_LOG_REMOVE, err);

    return told ? told : log_replay_told(c, volume, AUDIT_LOG_LOSE, err);
}

int log_replay_pruned(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "SELECT 1 FROM log WHERE what = '" AUDIT_LOG_PRUNE
                                      "' AND (run_id = ?1 OR run_id IN"
                                      " (SELECT alias FROM aliases WHERE run_id = ?1))",
                                      err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_any(c, sql, err);
}

int64_t log_replay_count_pruned(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "WITH RECURSIVE " RELATION_FAMILY(
                   "?1") " SELECT count(DISTINCT f.id) FROM family f JOIN log l ON l.what = "
                         "'" AUDIT_LOG_PRUNE "' AND (l.run_id = f.id OR l.run_id IN"
                         " (SELECT alias FROM aliases WHERE run_id = f.id))",
               err);
    int64_t count;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    if (db_step(c, sql, err) <= 0)
        return -1;
    count = db_column_number(sql, 0);
    db_done(sql);
    return count;
}

int64_t log_replay_last_hold(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "SELECT coalesce(max(id), 0) FROM log WHERE what = '" AUDIT_LOG_HOLD "'", err);
    int64_t last;

    if (!sql || db_step(c, sql, err) <= 0)
        return -1;
    last = db_column_number(sql, 0);
    db_done(sql);
    return last;
}

int log_replay_holds(struct db *c,
                     int (*fn)(void *ctx, const struct audit_log_entry *hold, struct err *err),
                     void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT run_id, reason, since_ms FROM holds ORDER BY run_id", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        struct audit_log_entry hold = { .what = AUDIT_LOG_HOLD,
                                        .run_id = db_name(sql, 0),
                                        .reason = db_name(sql, 1),
                                        .at_ms = db_column_number(sql, 2) };

        if (fn(ctx, &hold, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}
