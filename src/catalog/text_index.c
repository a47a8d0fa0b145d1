/* SPDX-License-Identifier: MIT */
#include "catalog/text_index.h"

#include "base/text.h"
#include "catalog/relation.h"

#include <sqlite3.h>
#include <string.h>

#define QUERY_MAX ((size_t)1024)

int text_index_query(struct buf *query, const char *text, struct err *err)
{
    enum text_index_way way = TEXT_INDEX_EXACT;
    size_t len = strlen(text);
    size_t count = 0;
    size_t end = 0;
    size_t i;

    while (end < len && count < TEXT_INDEX_MOST) {
        size_t n = text_utf8_next(text + end, len - end);

        if (!n) /* FTS5 reads invalid UTF-8 as other characters */
            return TEXT_INDEX_SCAN;
        if (n > 1) /* it ignores the case of all letters */
            way = TEXT_INDEX_CHECK;
        end += n;
        count++;
    }
    if (count < TEXT_INDEX_LEAST)
        return TEXT_INDEX_SCAN;
    if (buf_adds(query, "\"", err) < 0)
        return -1;
    for (i = 0; i < end; i++) {
        if (buf_add(query, text + i, 1, err) < 0 ||
            (text[i] == '"' && buf_adds(query, "\"", err) < 0))
            return -1;
    }
    if (buf_adds(query, "\"", err) < 0)
        return -1;
    return (int)(end < len ? TEXT_INDEX_CHECK : way);
}

int text_index_add(struct db *c, int64_t volume, const char *run_id, const char *path,
                   const char *text, size_t len, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "INSERT INTO texts(run_id, volume, path, text)"
                                      " SELECT run_id, volume, ?3, ?4 FROM runs WHERE"
                                      " run_id = ?1 AND volume = ?2",
                                      err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, volume);
    db_text(sql, 3, path);
    if (sqlite3_bind_text64(sql, 4, text, len, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK) {
        db_done(sql);
        return err_set(err, ERR_LIMIT, "a text of %zu bytes cannot be indexed", len);
    }
    return db_do(c, sql, err);
}

int text_index_added(struct db *c, int64_t volume, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "UPDATE volumes SET texts = 1 WHERE id = ?1", err);

    if (!sql)
        return -1;
    db_number(sql, 1, volume);
    return db_do(c, sql, err);
}

int text_index_has(struct db *c, const char *volume, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT 1 FROM volumes WHERE name = ?1 AND texts", err);

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    return db_any(c, sql, err);
}

int text_index_lacks(struct db *c, const char *volume, int64_t *id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT id FROM volumes WHERE name = ?1 AND NOT texts", err);
    int rc;

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        *id = db_column_number(sql, 0);
        db_done(sql);
    }
    return rc;
}

int text_index_cover(struct db *c, int64_t *with, int64_t *all, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT coalesce(sum(texts <> 0), 0), count(*) FROM volumes", err);
    int rc = sql ? db_step(c, sql, err) : -1;

    if (rc <= 0)
        return rc;
    *with = db_column_number(sql, 0);
    *all = db_column_number(sql, 1);
    db_done(sql);
    return 0;
}

int text_index_note_purge(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "INSERT OR IGNORE INTO purges(id) VALUES(1)", err);

    return sql ? db_do(c, sql, err) : -1;
}

/* Run a statement that is not kept: one that must not be prepared while others are. */
static int run_once(struct db *c, const char *text, int64_t *first, struct err *err)
{
    struct sqlite3_stmt *sql = db_once(c, text, err);
    int rc = sql ? db_step(c, sql, err) : -1;

    if (rc > 0 && first)
        *first = db_column_number(sql, 0);
    (void)sqlite3_finalize(sql);
    return rc < 0 ? -1 : 0;
}

int text_index_purge(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT 1 FROM purges", err);
    int64_t busy = 1;
    int rc = sql ? db_any(c, sql, err) : -1;

    if (rc <= 0)
        return rc < 0 ? -1 : 1;
    if (run_once(c, "INSERT INTO text_index(text_index) VALUES('optimize')", NULL, err) < 0 ||
        run_once(c, "VACUUM", NULL, err) < 0 ||
        run_once(c, "PRAGMA wal_checkpoint(TRUNCATE)", &busy, err) < 0)
        return -1;
    if (busy)
        return 0;
    return run_once(c, "DELETE FROM purges", NULL, err) < 0 ? -1 : 1;
}

/* Whether the index finds a text by its beginning: 1, 0, or -1; also 1 if it is too short. */
static int finds(struct db *c, int64_t id, const char *text, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT 1 FROM text_index WHERE text_index MATCH ?1 AND rowid = ?2", err);
    struct buf query;
    int rc;

    buf_init(&query, QUERY_MAX);
    rc = sql ? text_index_query(&query, text, err) : -1;
    if (rc == TEXT_INDEX_SCAN) {
        rc = 1;
    } else if (rc > 0) {
        db_text(sql, 1, buf_text(&query));
        db_number(sql, 2, id);
        rc = db_any(c, sql, err);
    }
    buf_clear(&query);
    return rc;
}

/* Look up evenly chosen texts: 1; 0: the index does not find one; -1. */
static int find_sample(struct db *c, struct err *err)
{
    static const char nth[] =
        "SELECT id, text FROM texts WHERE id >= (SELECT min(id) + (max(id) - min(id)) * ?1 / ?2"
        " FROM texts) ORDER BY id LIMIT 1";
    int rc = 1;
    int i;

    for (i = 0; rc > 0 && i < TEXT_INDEX_SAMPLE; i++) {
        struct sqlite3_stmt *sql = db_sql(c, nth, err);

        if (!sql)
            return -1;
        db_number(sql, 1, i);
        db_number(sql, 2, TEXT_INDEX_SAMPLE - 1);
        rc = db_step(c, sql, err);
        if (rc == 0) /* there are no texts */
            return 1;
        if (rc > 0) {
            rc = finds(c, db_column_number(sql, 0), db_name(sql, 1), err);
            db_done(sql);
        }
    }
    return rc;
}

int text_index_check(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 WHERE EXISTS (SELECT 1 FROM texts t WHERE NOT EXISTS (SELECT 1 FROM"
               " text_index_docsize d WHERE d.id = t.id)) OR EXISTS (SELECT 1 FROM"
               " text_index_docsize d WHERE NOT EXISTS (SELECT 1 FROM texts t WHERE"
               " t.id = d.id))",
               err);
    int differ = sql ? db_any(c, sql, err) : -1;
    int found = differ ? 0 : find_sample(c, err);

    if (differ < 0 || found < 0)
        return -1;
    return found ? 0
                 : err_set(err, ERR_FORMAT,
                           "the full-text index of the catalog does not match its texts; "
                           "'skyarc sync --rebuild' makes both again");
}
