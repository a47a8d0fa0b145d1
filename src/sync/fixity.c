/* SPDX-License-Identifier: MIT */
#include "sync/fixity.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/audit_log.h"
#include "catalog/log_replay.h"
#include "catalog/run_state.h"
#include "catalog/text_index.h"
#include "volumes/bucket_store.h"

#include <string.h>

#define NAMES_MAX ((size_t)1 << 24)
/* a day less some hours: nightly runs do not start at the same minute */
#define DAY_MS    ((int64_t)20 * 3600 * 1000)

size_t fixity_faults(const struct fixity_found *f)
{
    return f->gone + f->differing + f->damaged;
}

/* Names of volumes that are gone or differ. */
struct bad_names {
    struct text_list names;
    enum fixity_fault *faults; /* by their index */
    size_t cap;
};

static int add_bad(struct bad_names *bad, const char *name, enum fixity_fault fault,
                   struct err *err)
{
    if (mem_room(&bad->faults, &bad->cap, bad->names.count, sizeof(*bad->faults), NAMES_MAX,
                 err) < 0)
        return -1;
    bad->faults[bad->names.count] = fault;
    return text_list_add(&bad->names, name, NAMES_MAX, err);
}

int fixity_see(const struct volume_store *store, const struct contents_volume *v,
               struct err *err)
{
    struct volume_seen seen;
    int there = volume_store_look(store, v->name, &seen, err);

    if (there <= 0)
        return there < 0 ? -1 : FIXITY_ABSENT;
    return seen.regular && seen.size == v->size &&
                   (!v->tail || memcmp(seen.tail, v->tail, SHA256_SIZE) == 0)
               ? FIXITY_PRESENT
               : FIXITY_REPLACED;
}

/* State of recording a lost volume in the log. */
struct noting {
    struct audit_log log;
    struct audit_log_entry entry;
};

static int on_part(void *ctx, const char *run_id, const char *part, struct err *err)
{
    struct noting *n = ctx;

    n->entry.run_id = run_id;
    n->entry.part = part;
    return audit_log_put(&n->log, &n->entry, err);
}

static int note(struct db *c, const struct volume_store *store, const char *name,
                const char *reason, int64_t now_ms, struct err *err)
{
    struct noting n = {
        .entry = { .at_ms = now_ms, .what = AUDIT_LOG_LOSE, .volume = name, .reason = reason }
    };
    int rc = audit_log_open(&n.log, store->dir, volume_store_log(store), err);

    if (rc == 0)
        rc = audit_log_put(&n.log, &n.entry, err); /* the volume itself */
    if (rc == 0)
        rc = contents_parts(c, name, on_part, &n, err);
    if (rc == 0)
        rc = audit_log_commit(&n.log, err);
    audit_log_close(&n.log);
    return rc;
}

static const char *const fault_words[] = { "gone", "differs", "damaged" };

/* Store a fault until it has been reported. */
static int remember(struct db *c, const char *name, enum fixity_fault fault, int64_t now_ms,
                    struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "INSERT INTO faults(at_ms, volume, fault) VALUES(?1, ?2, ?3)", err);

    if (!sql)
        return -1;
    db_number(sql, 1, now_ms);
    db_text(sql, 2, name);
    db_text(sql, 3, fault_words[fault]);
    return db_do(c, sql, err);
}

/* executed in this order; ?1 is the volume; the first 31 characters of a volume's name,
 * YYYY/MM/ skyarc-YYYYMMDDTHHMMSSZ, tell when it was made */
static const char *const newer_versions[] = {
    "INSERT INTO missing(run_id, artifact_id, type, reason, tries, final)"
    " SELECT DISTINCT a.run_id, a.artifact_id, a.type, 'changed', 0, 0 FROM volumes v"
    " JOIN artifacts a ON a.volume = v.id WHERE v.name = ?1 AND EXISTS (SELECT 1 FROM"
    " artifacts o WHERE o.run_id = a.run_id AND o.artifact_id = a.artifact_id AND o.volume <>"
    " v.id) AND NOT EXISTS (SELECT 1 FROM artifacts o JOIN volumes w ON w.id = o.volume"
    " WHERE o.run_id = a.run_id AND o.artifact_id = a.artifact_id AND w.id <> v.id AND"
    " (o.object = a.object OR (substr(w.name, 1, 31), w.id) > (substr(v.name, 1, 31), v.id)))"
    " ON CONFLICT DO NOTHING",
    "UPDATE states SET state = '" RUN_STATE_DUE "', tries = 0, next_ms = 0, reason = 'its"
    " volume is lost' WHERE state IN ('" RUN_STATE_OPEN "', '" RUN_STATE_SEALED "') AND"
    " run_id IN (SELECT r.run_id FROM runs r JOIN volumes v ON v.id = r.volume WHERE"
    " v.name = ?1) AND EXISTS (SELECT 1 FROM missing m WHERE m.run_id = states.run_id AND"
    " m.reason = 'changed' AND NOT m.final)",
};

/* Mark artifacts as changed of which the volume has a newer version than the other volumes: for
 * the log, which knows parts by their IDs only, they are not lost. */
static int want_newer(struct db *c, const char *name, struct err *err)
{
    size_t i;

    for (i = 0; i < sizeof(newer_versions) / sizeof(*newer_versions); i++) {
        struct sqlite3_stmt *sql = db_sql(c, newer_versions[i], err);

        if (!sql)
            return -1;
        db_text(sql, 1, name);
        if (db_do(c, sql, err) < 0)
            return -1;
    }
    return 0;
}

/* Remove a volume from the catalog, and apply the log's new entries. */
static int forget(struct db *c, const struct volume_store *store, const char *name,
                  enum fixity_fault fault, int64_t now_ms, struct err *err)
{
    int rc = db_begin(c, err);

    if (rc == 0)
        rc = remember(c, name, fault, now_ms, err);
    if (rc == 0)
        rc = want_newer(c, name, err);
    if (rc == 0)
        rc = contents_remove(c, name, err);
    if (rc == 0)
        rc = log_replay_run(c, store->dir, err);
    if (rc == 0)
        return db_commit(c, err);
    db_rollback(c);
    return rc;
}

static void add_fault(struct fixity_found *found, enum fixity_fault fault)
{
    found->gone += fault == FIXITY_GONE;
    found->differing += fault == FIXITY_DIFFERS;
    found->damaged += fault == FIXITY_DAMAGED;
}

int fixity_untold(struct db *c, struct fixity_found *found, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT volume, fault FROM faults WHERE told = 0 ORDER BY id", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        const char *word = db_name(sql, 1);
        size_t i;

        for (i = 0; i < sizeof(fault_words) / sizeof(*fault_words); i++) {
            if (strcmp(word, fault_words[i]) == 0)
                add_fault(found, (enum fixity_fault)i);
        }
        log_line(LOG_ERROR, "volume '%s' was found faulty (%s) since the last completed sync",
                 db_name(sql, 0), word);
    }
    return rc;
}

int fixity_told(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "UPDATE faults SET told = 1 WHERE told = 0", err);

    return sql ? db_do(c, sql, err) : -1;
}

int fixity_lose(struct db *c, const struct volume_store *store, const struct fixity_loss *loss,
                int64_t now_ms, struct fixity_found *found, struct err *err)
{
    static const char *const texts[] = {
        "no longer exists",
        "is not the regular file that was written: its type, size, tail or name differs",
        "is damaged"
    };
    const char *name = loss->name;
    enum fixity_fault fault = loss->fault;
    char aside[VOLUME_NAME] = "";
    const char *moved = volume_store_is_remote(store)
                            ? "; it stays, and does not count because of '"
                            : "; it was renamed to '";

    if (fault != FIXITY_GONE &&
        volume_store_set_aside(store, name, fault_words[fault], aside, err) < 0)
        return -1;
    if (note(c, store, name, fault_words[fault], now_ms, err) < 0 ||
        forget(c, store, name, fault, now_ms, err) < 0)
        return -1;
    add_fault(found, fault);
    log_line(LOG_ERROR, "volume '%s' %s%s%s%s%s%s; its runs will be archived again", name,
             texts[fault], loss->why ? ": " : "", loss->why ? loss->why : "",
             *aside ? moved : "", aside, *aside ? "'" : "");
    return 0;
}

struct looking {
    struct db *catalog;
    const struct volume_store *store;
    struct fixity_found *found;
    struct bad_names bad;
    struct text_list removed; /* removed on purpose; the catalog is older than the removal */
    struct text_list lost;    /* lost according to the log; the catalog is older, or skyarc was
                               * killed in between */
};

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct looking *l = ctx;
    struct err why;
    int seen = fixity_see(l->store, v, &why);
    int told;

    l->found->looked++;
    if (seen < 0 && err_is_own(&why)) {
        *err = why;
        return -1;
    }
    if (seen < 0) {
        log_line(LOG_ERROR, "%s", why.text);
        l->found->unreadable++;
        return 0;
    }
    if (seen == FIXITY_PRESENT)
        return 0;
    if (seen == FIXITY_REPLACED)
        return add_bad(&l->bad, v->name, FIXITY_DIFFERS, err);
    told = log_replay_told(l->catalog, v->name, AUDIT_LOG_REMOVE, err);
    if (told)
        return told < 0 ? -1 : text_list_add(&l->removed, v->name, NAMES_MAX, err);
    told = log_replay_told(l->catalog, v->name, AUDIT_LOG_LOSE, err);
    if (told)
        return told < 0 ? -1 : text_list_add(&l->lost, v->name, NAMES_MAX, err);
    return add_bad(&l->bad, v->name, FIXITY_GONE, err);
}

static void forget_seen(struct looking *l)
{
    text_list_clear(&l->bad.names);
    mem_free(l->bad.faults);
    l->bad = (struct bad_names){ 0 };
    text_list_clear(&l->removed);
    text_list_clear(&l->lost);
}

/*
 * Compare the catalog with the volumes that are there. In a bucket, another machine may have
 * pruned what is gone since the log was read: it writes there before it removes a volume.
 */
static int see_all(struct looking *l, struct err *err)
{
    const struct fixity_found before = *l->found;
    bool gone = false;
    size_t i;

    if (contents_volumes(l->catalog, on_volume, l, err) < 0)
        return -1;
    for (i = 0; i < l->bad.names.count; i++)
        gone = gone || l->bad.faults[i] == FIXITY_GONE;
    if (!gone || !volume_store_is_remote(l->store))
        return 0;
    forget_seen(l);
    *l->found = before;
    return bucket_log_refresh(bucket_store_log(l->store->bucket), err) < 0 ||
                   log_replay_update(l->catalog, l->store->dir, err) < 0
               ? -1
               : contents_volumes(l->catalog, on_volume, l, err);
}

/* A volume exists although the log says that it was removed: skyarc was killed in between,
 * or the volume was restored. If the volume disappears later, it is lost. */
static int keep_standing(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE volumes SET log_id = (SELECT max(id) FROM log) WHERE EXISTS "
               "(SELECT 1 FROM log l"
               " WHERE l.volume = volumes.name AND l.what IN ('" AUDIT_LOG_REMOVE
               "', '" AUDIT_LOG_LOSE "') AND l.id > coalesce(volumes.log_id, 0))",
               err);

    return sql ? db_do(c, sql, err) : -1;
}

/* Remove volumes from the catalog that the log says were removed or lost. */
static int drop_gone(struct looking *l, int64_t now_ms, struct err *err)
{
    size_t i;
    int rc = db_begin(l->catalog, err);

    if (rc == 0 && l->removed.count) /* a prune was killed */
        rc = text_index_note_purge(l->catalog, err);
    for (i = 0; rc == 0 && i < l->removed.count; i++)
        rc = contents_remove(l->catalog, l->removed.at[i], err);
    for (i = 0; rc == 0 && i < l->lost.count; i++) {
        rc = remember(l->catalog, l->lost.at[i], FIXITY_GONE, now_ms, err);
        if (rc == 0)
            rc = want_newer(l->catalog, l->lost.at[i], err);
        if (rc == 0)
            rc = contents_remove(l->catalog, l->lost.at[i], err);
        if (rc == 0) {
            l->found->gone++;
            log_line(LOG_ERROR, "volume '%s' is lost, according to the log", l->lost.at[i]);
        }
    }
    if (rc == 0)
        return db_commit(l->catalog, err);
    db_rollback(l->catalog);
    return rc;
}

int fixity_look(struct db *c, const struct volume_store *store, int64_t now_ms,
                struct fixity_found *found, struct err *err)
{
    struct looking l = { .catalog = c, .store = store, .found = found };
    size_t i;
    int rc = see_all(&l, err);

    if (rc == 0 && l.removed.count + l.lost.count)
        rc = drop_gone(&l, now_ms, err);
    for (i = 0; rc == 0 && i < l.bad.names.count; i++)
        rc = fixity_lose(c, store,
                         &(struct fixity_loss){ l.bad.names.at[i], l.bad.faults[i], NULL },
                         now_ms, found, err);
    if (rc == 0)
        rc = keep_standing(c, err);
    forget_seen(&l);
    return rc;
}

/* The first number of a statement with times bound to ?1 and ?2. */
static int sum_between(struct db *c, struct sqlite3_stmt *sql, int64_t from, int64_t until,
                       int64_t *out, struct err *err)
{
    if (!sql)
        return -1;
    db_number(sql, 1, from);
    db_number(sql, 2, until);
    if (db_step(c, sql, err) <= 0)
        return -1;
    *out = db_column_number(sql, 0);
    db_done(sql);
    return 0;
}

/* The bytes that remain to be verified today. */
static int budget(struct db *c, uint64_t share, int64_t now_ms, int64_t *out, struct err *err)
{
    int64_t total;
    int64_t used;

    if (sum_between(c,
                    db_sql(c,
                           "SELECT coalesce(sum(size), 0) FROM volumes"
                           " WHERE ?1 <= ?2",
                           err),
                    0, 1, &total, err) < 0 ||
        sum_between(c,
                    db_sql(c,
                           "SELECT coalesce(sum(size), 0) FROM volumes WHERE verified_ms"
                           " > entered_ms AND verified_ms > ?1 AND verified_ms <= ?2",
                           err),
                    now_ms - DAY_MS, now_ms, &used, err) < 0)
        return -1;
    *out = (total + (int64_t)share - 1) / (int64_t)share - used;
    return 0;
}

int fixity_due(struct db *c, uint64_t share, int64_t began_ms,
               int (*fn)(void *ctx, const char *name, struct err *err), void *ctx,
               struct err *err)
{
    int64_t now_ms = clock_wall();
    struct sqlite3_stmt *sql;
    struct text_list names = { 0 };
    int64_t left = INT64_MAX;
    size_t i;
    int rc = 1;

    if (!share || (share > 1 && budget(c, share, now_ms, &left, err) < 0))
        return share ? -1 : 0;
    sql = db_sql(c,
                 "SELECT name, size FROM volumes WHERE verified_ms IS NULL OR"
                 " verified_ms > ?1 OR verified_ms < ?2 ORDER BY CASE WHEN verified_ms"
                 " > ?1 THEN 0 ELSE coalesce(verified_ms, 0) END, name",
                 err);
    if (!sql)
        return -1;
    db_number(sql, 1, now_ms);
    db_number(sql, 2, share > 1 ? now_ms - DAY_MS : began_ms);
    while (left > 0 && rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        left -= db_column_number(sql, 1);
        rc = text_list_add(&names, db_name(sql, 0), NAMES_MAX, err) < 0 ? -1 : 1;
    }
    db_done(sql);
    for (i = 0; rc >= 0 && i < names.count; i++)
        rc = fn(ctx, names.at[i], err);
    text_list_clear(&names);
    return rc < 0 ? -1 : 0;
}

int64_t fixity_oldest(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT CASE WHEN count(*) = count(verified_ms) THEN min(verified_ms) END"
               " FROM volumes",
               err);
    int64_t oldest = DB_UNKNOWN;

    if (sql && db_step(c, sql, err) > 0) {
        oldest = db_column_number(sql, 0);
        db_done(sql);
    }
    return oldest;
}
