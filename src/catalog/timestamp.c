/* SPDX-License-Identifier: MIT */
#include "catalog/timestamp.h"

#include "base/text.h"

int timestamp_want(struct db *c, const char *volume, unsigned number, const char *authority,
                   bool anew, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        anew ? "INSERT OR REPLACE INTO timestamps(volume, number, authority) VALUES(?1, ?2, ?3)"
             : "INSERT OR IGNORE INTO timestamps(volume, number, authority) VALUES(?1, ?2, ?3)",
        err);

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    db_number(sql, 2, number);
    db_text(sql, 3, authority);
    return db_do(c, sql, err);
}

int timestamp_move(struct db *c, const struct timestamp *stamp, const char *authority,
                   struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "UPDATE timestamps SET authority = ?4, reason = NULL"
        " WHERE volume = ?1 AND number = ?2 AND authority = ?3 AND at_ms IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM timestamps t WHERE t.volume = ?1 AND t.authority = ?4)",
        err);

    if (!sql)
        return -1;
    db_text(sql, 1, stamp->volume);
    db_number(sql, 2, stamp->number);
    db_text(sql, 3, stamp->authority);
    db_text(sql, 4, authority);
    return db_do(c, sql, err);
}

int timestamp_asked(struct db *c, const struct timestamp *stamp, int64_t now_ms,
                    struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE timestamps SET asked_ms = ?3, at_ms = ?4, reason = ?5"
               " WHERE volume = ?1 AND number = ?2",
               err);

    if (!sql)
        return -1;
    db_text(sql, 1, stamp->volume);
    db_number(sql, 2, stamp->number);
    db_number(sql, 3, now_ms);
    db_number(sql, 4, stamp->at_ms);
    db_text(sql, 5, stamp->reason);
    return db_do(c, sql, err);
}

int timestamp_copy(struct db *c, const char *from, const char *to, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT OR REPLACE INTO timestamps(volume, number, authority)"
               " SELECT ?2, number, authority FROM timestamps WHERE volume = ?1",
               err);

    if (!sql)
        return -1;
    db_text(sql, 1, from);
    db_text(sql, 2, to);
    return db_do(c, sql, err);
}

int timestamp_forget(struct db *c, const char *volume, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM timestamps WHERE volume = ?1", err);

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    return db_do(c, sql, err);
}

int timestamp_each(struct db *c, const char *volume, bool waiting, timestamp_fn *fn, void *ctx,
                   struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT t.volume, t.number, t.authority, t.at_ms, t.reason, v.manifest_sha256"
               " FROM timestamps t JOIN volumes v ON v.name = t.volume"
               " WHERE (?1 IS NULL OR t.volume = ?1) AND (?2 = 0 OR t.at_ms IS NULL)"
               " ORDER BY t.volume, t.number",
               err);
    int row;
    int rc = 0;

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    db_number(sql, 2, waiting);
    while (rc == 0 && (row = db_step(c, sql, err)) != 0) {
        struct timestamp stamp = { db_name(sql, 0),   (unsigned)db_column_number(sql, 1),
                                   db_name(sql, 2),   db_column_number(sql, 3),
                                   db_column(sql, 4), { 0 } };

        if (row < 0)
            return -1;
        if (text_unhex(stamp.manifest, SHA256_SIZE, db_name(sql, 5)) < 0)
            rc = err_set(err, ERR_FORMAT, "the catalog has a malformed digest of '%s'",
                         stamp.volume);
        else
            rc = fn(ctx, &stamp, err);
    }
    if (rc < 0)
        db_done(sql);
    return rc;
}
