/* SPDX-License-Identifier: MIT */
#include "sync/holding.h"

#include "base/log.h"
#include "base/text.h"
#include "catalog/audit_log.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/volume_name.h"
#include "volumes/bucket_store.h"

#include <stdio.h>

#define DENIED_MAX 20 /* volumes in succession, after which the others are not tried */

/* The volumes that have a run which was ever held, or one that such a run has started: whether
 * one is held now, and how many entries of the log are about them. */
/* clang-format off */
static const char volumes_sql[] =
    "WITH RECURSIVE told(id, changes) AS MATERIALIZED ("
    "  SELECT " RELATION_NAME("l.run_id") ", count(*) FROM log l"
    "  WHERE l.what IN ('" AUDIT_LOG_HOLD "', '" AUDIT_LOG_RELEASE "') GROUP BY 1"
    "), family(id, root) AS ("
    "  SELECT id, id FROM told UNION SELECT run_id, run_id FROM holds"
    "  UNION SELECT pa.run_id, f.root FROM parents pa JOIN family f ON pa.parent_id = f.id"
    ") SELECT v.name, max(h.run_id IS NOT NULL), sum(coalesce(t.changes, 0)) FROM family f"
    "  JOIN runs r ON r.run_id = f.id JOIN volumes v ON v.id = r.volume"
    "  LEFT JOIN holds h ON h.run_id = f.root LEFT JOIN told t ON t.id = f.root"
    "  GROUP BY v.id ORDER BY v.name";
/* clang-format on */

/* Whether an error concerns one volume only. */
static bool passes(const struct err *err)
{
    return err->kind != ERR_CANCELLED && err->kind != ERR_MEMORY && err->kind != ERR_NET;
}

/* Read what other machines have held since; *last: the last hold. */
static int read_log(struct db *catalog, const struct volume_store *store, int64_t *last,
                    struct err *err)
{
    if (bucket_log_refresh(bucket_store_log(store->bucket), err) < 0 ||
        log_replay_update(catalog, store->dir, err) < 0)
        return -1;
    *last = log_replay_last_hold(catalog, err);
    return *last < 0 ? -1 : 0;
}

/*
 * Make the legal holds of all volumes agree with the catalog. *off: set if some were taken off
 */
static int agree(struct db *catalog, const struct volume_store *store,
                 struct holding_result *out, bool *off, struct err *err)
{
    struct volume_locks locks;
    struct sqlite3_stmt *sql;
    int rc;

    volume_lock_init(&locks, store);
    sql = db_sql(catalog, volumes_sql, err);
    if (!sql)
        return -1;
    while ((rc = db_step(catalog, sql, err)) > 0) {
        bool on = db_column_number(sql, 1) > 0 || volume_lock_holds_all(&locks);
        char name[VOLUME_NAME];
        struct err why = { 0 };

        (void)snprintf(name, sizeof(name), "%s", db_name(sql, 0));
        rc = volume_lock_hold(&locks, name, on, db_column_number(sql, 2), &why);
        out->changed += rc > 0;
        *off = *off || (rc != 0 && !on);
        if (rc < 0 && !passes(&why)) {
            *err = why;
            db_done(sql);
            break;
        }
        if (rc < 0) {
            out->refused++;
            log_line(LOG_ERROR,
                     on ? "volume '%s' has a held run and is not under legal hold: %s"
                        : "volume '%s' has no held run any more and is still under legal "
                          "hold: %s",
                     name, why.text);
        }
    }
    volume_lock_close(&locks);
    return rc < 0 ? -1 : 0;
}

int holding_agree(struct db *catalog, const struct volume_store *store,
                  struct holding_result *out, struct err *err)
{
    int64_t last = volume_store_is_remote(store) ? log_replay_last_hold(catalog, err) : 0;
    int64_t before;
    bool off;

    out->changed = out->refused = 0;
    if (last <= 0) /* nothing was ever held */
        return last < 0 ? -1 : 0;
    if (read_log(catalog, store, &last, err) < 0)
        return -1;
    /* A hold is written into the log before its volumes are put under legal hold. It ends when
     * nobody has held anything while legal holds were taken off. */
    do {
        before = last;
        off = false;
        out->refused = 0;
        if (agree(catalog, store, out, &off, err) < 0 ||
            (off && read_log(catalog, store, &last, err) < 0))
            return -1;
    } while (last != before);
    return 0;
}

/* Volumes while their retention is extended. */
struct extending {
    struct volume_locks *locks;
    struct holding_result *out;
    int64_t since_ms;
    size_t denied; /* in succession */
    size_t untried;
};

static int on_volume(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct extending *e = ctx;
    struct err why = { 0 };
    int rc;

    (void)size;
    if (e->denied >= DENIED_MAX) {
        e->untried++;
        return 0;
    }
    rc = volume_lock_retain(e->locks, name, e->since_ms, &why);
    if (rc < 0 && !passes(&why)) {
        *err = why;
        return -1;
    }
    e->out->extended += rc > 0;
    e->denied = rc < 0 && why.kind == ERR_DENIED ? e->denied + 1 : 0;
    if (rc < 0) {
        e->out->locks_refused++;
        log_line(LOG_ERROR, "volume '%s' is not locked as long as --s3-retain asks for: %s",
                 name, why.text);
    }
    return 0;
}

int holding_extend(const struct volume_store *store, int64_t since_ms,
                   struct holding_result *out, struct err *err)
{
    struct volume_locks locks;
    struct extending e = { .locks = &locks, .out = out, .since_ms = since_ms };
    int rc;

    out->extended = out->locks_refused = 0;
    volume_lock_init(&locks, store);
    if (!volume_lock_retains(&locks))
        return 0;
    rc = volume_store_each(store, on_volume, &e, err);
    if (e.untried)
        log_line(LOG_ERROR,
                 "the retention of %zu more volume%s was not looked at, since that of %d in "
                 "succession was refused",
                 e.untried, text_plural(e.untried), DENIED_MAX);
    out->locks_refused += e.untried;
    volume_lock_close(&locks);
    return rc;
}

int holding_ask(struct volume_locks *locks, const char *name, struct volume_locked *out,
                struct err *err)
{
    struct err why = { 0 };
    int rc = volume_lock_ask(locks, name, out, &why);

    if (rc < 0 && !passes(&why))
        *err = why;
    if (rc >= 0 || !passes(&why))
        return rc;
    log_line(LOG_WARNING, "whether volume '%s' is locked is not known: %s", name, why.text);
    return 0;
}
