/* SPDX-License-Identifier: MIT */
#include "catalog/sync_log.h"

#include <stdio.h>
#include <string.h>

bool sync_log_has_failed(const char *outcome)
{
    return outcome && (strcmp(outcome, "failed") == 0 || strcmp(outcome, "killed") == 0);
}

int sync_log_begin(struct db *c, int64_t now_ms, int64_t *id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "UPDATE syncs SET outcome = 'killed' WHERE outcome IS NULL", err);

    if (!sql || db_do(c, sql, err) < 0)
        return -1;
    sql = db_sql(c, "INSERT INTO syncs(began_ms) VALUES(?1)", err);
    if (!sql)
        return -1;
    db_number(sql, 1, now_ms);
    if (db_do(c, sql, err) < 0)
        return -1;
    *id = db_last(c);
    return 0;
}

int sync_log_end(struct db *c, int64_t now_ms, const struct sync_log *sync, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE syncs SET ended_ms = ?2, outcome = ?3, error = ?4, runs = ?5,"
               " artifacts = ?6, bytes = ?7, missing = ?8, damaged = ?9 WHERE id = ?1",
               err);

    if (!sql)
        return -1;
    db_number(sql, 1, sync->id);
    db_number(sql, 2, now_ms);
    db_text(sql, 3, sync->outcome);
    db_text(sql, 4, sync->error);
    db_number(sql, 5, (int64_t)sync->runs);
    db_number(sql, 6, (int64_t)sync->artifacts);
    db_number(sql, 7, (int64_t)sync->bytes);
    db_number(sql, 8, (int64_t)sync->missing);
    db_number(sql, 9, (int64_t)sync->damaged);
    return db_do(c, sql, err);
}

int sync_log_last(struct db *c, struct sync_last *last, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT max(ended_ms), max(CASE outcome WHEN 'done' THEN ended_ms END) FROM syncs"
        " WHERE outcome IN ('done', 'incomplete')",
        err);
    int row;

    *last = (struct sync_last){ .ended_ms = DB_UNKNOWN,
                                .success_ms = DB_UNKNOWN,
                                .done_ms = DB_UNKNOWN };
    row = sql ? db_step(c, sql, err) : -1;
    if (row < 0)
        return -1;
    if (row > 0) {
        last->success_ms = db_column_number(sql, 0);
        last->done_ms = db_column_number(sql, 1);
        db_done(sql);
    }
    sql = db_sql(c,
                 "SELECT ended_ms, outcome, coalesce(error, '') FROM syncs"
                 " WHERE ended_ms IS NOT NULL ORDER BY id DESC LIMIT 1",
                 err);
    row = sql ? db_step(c, sql, err) : -1;
    if (row < 0)
        return -1;
    if (row > 0) {
        last->ended_ms = db_column_number(sql, 0);
        (void)snprintf(last->outcome, sizeof(last->outcome), "%s", db_name(sql, 1));
        (void)snprintf(last->error, sizeof(last->error), "%s", db_name(sql, 2));
        db_done(sql);
    }
    return 0;
}
