/* SPDX-License-Identifier: MIT */
#include "catalog/period.h"

#include <sqlite3.h>

/* All of one run's volumes, of which the newest has its data. */
#define RUNS "FROM runs r WHERE r.run_id = k.run_id"

/*
 * The IDs of all runs, with the times of their creation. Only these are sorted, and the rest of
 * a run is read when its turn comes (LIMIT -1 keeps the order), so that a sort of many runs is
 * small.
 */
#define KEYS                                                                                   \
    "SELECT s.run_id AS run_id, coalesce(s.created_at, (SELECT r.created_at FROM runs r WHERE" \
    " r.run_id = s.run_id ORDER BY r.volume DESC LIMIT 1)) AS created FROM states s"           \
    " UNION ALL SELECT k.run_id, k.created_at FROM runs k WHERE k.volume = (SELECT"            \
    " max(r.volume) " RUNS                                                                     \
    ") AND NOT EXISTS (SELECT 1 FROM states s WHERE s.run_id = k.run_id)"

static uint64_t count_of(struct sqlite3_stmt *sql, int at)
{
    int64_t count = db_column_number(sql, at);

    return count > 0 ? (uint64_t)count : 0;
}

int period_runs(struct db *c, const struct period *period,
                int (*fn)(void *ctx, const struct period_run *run, struct err *err), void *ctx,
                struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT k.run_id, (SELECT an.alias FROM aliases an WHERE an.run_id = k.run_id),"
        " (SELECT pa.parent_id FROM parents pa WHERE pa.run_id = k.run_id), n.run_type,"
        " n.title, coalesce(s.status, n.status), s.state, s.reason,"
        " (SELECT CASE count(*) WHEN 1 THEN max(m.reason) ELSE group_concat(m.text, ', ') END"
        " FROM (SELECT reason, reason || ' ' || count(*) AS text FROM missing WHERE run_id = "
        "k.run_id GROUP BY reason ORDER BY reason) m),"
        " (SELECT group_concat(v.name, char(10)) FROM (SELECT v.name FROM runs r JOIN volumes v"
        " ON v.id = r.volume WHERE r.run_id = k.run_id ORDER BY v.name) v), k.created,"
        " coalesce(s.finished_at, n.finished_at),"
        " (SELECT sum(r.artifacts) " RUNS "), (SELECT sum(r.bytes) " RUNS "),"
        " (SELECT count(*) FROM missing m WHERE m.run_id = k.run_id),"
        " (SELECT count(*) FROM lost l WHERE l.run_id = k.run_id)"
        " FROM (SELECT run_id, created FROM (" KEYS ") WHERE created IS NULL OR"
        " (created >= coalesce(?1, created) AND (?2 IS NULL OR created < ?2))"
        " ORDER BY created, run_id LIMIT -1) k"
        " LEFT JOIN states s ON s.run_id = k.run_id"
        " LEFT JOIN runs n ON n.run_id = k.run_id AND n.volume = (SELECT max(r.volume) " RUNS
        ")",
        err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    db_number(sql, 1, period->since);
    db_number(sql, 2, period->until);
    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        const struct period_run run = { .run_id = db_name(sql, 0),
                                        .other = db_column(sql, 1),
                                        .parent = db_column(sql, 2),
                                        .run_type = db_column(sql, 3),
                                        .title = db_column(sql, 4),
                                        .status = db_column(sql, 5),
                                        .state = db_column(sql, 6),
                                        .reason = db_column(sql, 7),
                                        .why = db_column(sql, 8),
                                        .volumes = db_column(sql, 9),
                                        .created_at = db_column_number(sql, 10),
                                        .finished_at = db_column_number(sql, 11),
                                        .artifacts = count_of(sql, 12),
                                        .bytes = count_of(sql, 13),
                                        .missing = count_of(sql, 14),
                                        .lost = count_of(sql, 15) };

        if (fn(ctx, &run, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int period_syncs(struct db *c, const struct period *period,
                 int (*fn)(void *ctx, const struct period_sync *sync, struct err *err),
                 void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT began_ms, ended_ms, outcome, error, runs, artifacts, missing, damaged"
               " FROM syncs WHERE began_ms >= coalesce(?1, began_ms) AND (?2 IS NULL OR"
               " began_ms < ?2) ORDER BY began_ms, id",
               err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    db_number(sql, 1, period->since == DB_UNKNOWN ? DB_UNKNOWN : period->since / 1000);
    db_number(sql, 2, period->until == DB_UNKNOWN ? DB_UNKNOWN : period->until / 1000);
    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        const struct period_sync sync = { .began_ms = db_column_number(sql, 0),
                                          .ended_ms = db_column_number(sql, 1),
                                          .outcome = db_column(sql, 2),
                                          .error = db_column(sql, 3),
                                          .runs = count_of(sql, 4),
                                          .artifacts = count_of(sql, 5),
                                          .missing = count_of(sql, 6),
                                          .damaged = count_of(sql, 7) };

        if (fn(ctx, &sync, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int period_frontiers(struct db *c,
                     int (*fn)(void *ctx, const char *filter, const struct period *known,
                               struct err *err),
                     void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT filter, from_us, until_us FROM frontiers ORDER BY filter", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        const struct period known = { db_column_number(sql, 1), db_column_number(sql, 2) };

        if (fn(ctx, db_name(sql, 0), &known, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}
