/* SPDX-License-Identifier: MIT */
#include "vault/catalog.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#define STATEMENTS_MAX 96
#define BUSY_MS        30000

struct statement {
    const char *text; /* its address is its name */
    sqlite3_stmt *sql;
};

struct catalog {
    sqlite3 *db;
    char *path;
    struct statement statements[STATEMENTS_MAX];
    size_t count;
};

/*
 * One text a version; a catalog of version N has seen the first N. Never change one that was
 * released: add the next. Times are microseconds since 1970 by the service's clock where a
 * record says them, else milliseconds by ours (those named ..._ms).
 */
static const char *const migrations[] = {
    "CREATE TABLE volumes("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,"
    " manifest_sha256 TEXT NOT NULL, created_ms INTEGER, entered_ms INTEGER NOT NULL,"
    " verified_ms INTEGER);"
    "CREATE TABLE runs("
    " run_id TEXT NOT NULL, volume INTEGER NOT NULL REFERENCES volumes ON DELETE CASCADE,"
    " supplements TEXT, status TEXT, run_type TEXT, created_at INTEGER, finished_at INTEGER,"
    " failure_reason TEXT, prompt TEXT, artifacts INTEGER NOT NULL, missing INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run_id, volume)) WITHOUT ROWID;"
    "CREATE INDEX runs_volume ON runs(volume);"
    "CREATE INDEX runs_created ON runs(created_at);"
    "CREATE TABLE objects("
    " id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, size INTEGER NOT NULL);"
    "CREATE TABLE artifacts("
    " id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, volume INTEGER NOT NULL,"
    " artifact_id TEXT, type TEXT, path TEXT NOT NULL,"
    " object INTEGER NOT NULL REFERENCES objects, created_at INTEGER,"
    " FOREIGN KEY(run_id, volume) REFERENCES runs ON DELETE CASCADE);"
    "CREATE INDEX artifacts_id ON artifacts(artifact_id);"
    "CREATE INDEX artifacts_run ON artifacts(run_id, volume);"
    "CREATE INDEX artifacts_object ON artifacts(object);"
    "CREATE INDEX artifacts_type ON artifacts(type, created_at);"
    "CREATE TABLE missing("
    " run_id TEXT NOT NULL, artifact_id TEXT NOT NULL, type TEXT, reason TEXT NOT NULL,"
    " tries INTEGER NOT NULL, final INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, artifact_id)) WITHOUT ROWID;"
    "CREATE TABLE states("
    " run_id TEXT PRIMARY KEY, state TEXT NOT NULL, status TEXT, created_at INTEGER,"
    " finished_at INTEGER, listed_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, reason TEXT) WITHOUT ROWID;"
    "CREATE INDEX states_state ON states(state, next_ms, created_at);"
    "CREATE TABLE frontiers("
    " filter TEXT PRIMARY KEY, from_us INTEGER, until_us INTEGER) WITHOUT ROWID;"
    "CREATE TABLE intents(name TEXT PRIMARY KEY, runs TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE holds(run_id TEXT PRIMARY KEY, reason TEXT NOT NULL, since_ms INTEGER NOT "
    "NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE syncs("
    " id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT,"
    " runs INTEGER, artifacts INTEGER, bytes INTEGER, missing INTEGER, error TEXT);"
    "CREATE TABLE log("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, what TEXT NOT NULL,"
    " run_id TEXT, volume TEXT, reason TEXT);"
    "CREATE TRIGGER log_stays BEFORE UPDATE ON log"
    " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;"
    "CREATE TRIGGER log_grows BEFORE DELETE ON log"
    " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;",
};
#define VERSION ((int)(sizeof(migrations) / sizeof(*migrations)))

int64_t catalog_us(const char *text)
{
    int64_t us = text ? clock_us(text) : CLOCK_NONE;

    return us == CLOCK_NONE ? CATALOG_UNKNOWN : us;
}

static int fail(struct catalog *c, struct err *err)
{
    int code = c->db ? sqlite3_errcode(c->db) : SQLITE_NOMEM;
    enum err_kind kind = code == SQLITE_BUSY                               ? ERR_BUSY
                         : code == SQLITE_NOMEM                            ? ERR_MEMORY
                         : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_FORMAT
                                                                           : ERR_SYSTEM;

    (void)err_set(err, kind, "'%s': %s", c->path,
                  c->db ? sqlite3_errmsg(c->db) : "out of memory");
    if (kind == ERR_FORMAT)
        (void)err_hint(err, "'skyarc sync --rebuild' makes it again from the volumes");
    return -1;
}

static int run(struct catalog *c, const char *text, struct err *err)
{
    return sqlite3_exec(c->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(c, err);
}

static int version_of(struct catalog *c, int *version, struct err *err)
{
    sqlite3_stmt *sql = NULL;
    int rc = -1;

    if (sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &sql, NULL) == SQLITE_OK &&
        sqlite3_step(sql) == SQLITE_ROW) {
        *version = sqlite3_column_int(sql, 0);
        rc = 0;
    }
    (void)sqlite3_finalize(sql);
    return rc < 0 ? fail(c, err) : 0;
}

/* Bring the schema up to date, each version whole or not at all. */
static int migrate(struct catalog *c, bool make, struct err *err)
{
    int version = 0;

    if (version_of(c, &version, err) < 0)
        return -1;
    if (version > VERSION)
        return err_set(err, ERR_FORMAT,
                       "'%s' is of a newer skyarc (version %d, this one knows %d)", c->path,
                       version, VERSION);
    if (version < VERSION && !make)
        return err_set(err, ERR_FORMAT, "'%s' is of an older skyarc; the next sync mends that",
                       c->path);
    for (; version < VERSION; version++) {
        char mark[64];

        (void)sqlite3_snprintf(sizeof(mark), mark, "PRAGMA user_version = %d", version + 1);
        if (run(c, "BEGIN IMMEDIATE", err) < 0)
            return -1;
        if (run(c, migrations[version], err) < 0 || run(c, mark, err) < 0 ||
            run(c, "COMMIT", err) < 0) {
            catalog_rollback(c);
            return -1;
        }
    }
    return 0;
}

struct catalog *catalog_open(const char *dir, bool make, struct err *err)
{
    struct catalog *c = mem_new(sizeof(*c), err);
    int flags = make ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    struct stat st;

    if (!c)
        return NULL;
    c->path = mem_format(err, "%s/" CATALOG_NAME, dir);
    if (!c->path)
        goto fail;
    if (!make && stat(c->path, &st) < 0) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "'%s' has no catalog: is it a directory of skyarc sync?", dir);
        goto fail;
    }
    if (sqlite3_open_v2(c->path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(c->db, BUSY_MS) != SQLITE_OK) {
        (void)fail(c, err);
        goto fail;
    }
    if (make && chmod(c->path, 0600) < 0) {
        (void)err_sys(err, "cannot set the permissions of '%s'", c->path);
        goto fail;
    }
    if (run(c,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
            "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8192;",
            err) == 0 &&
        migrate(c, make, err) == 0)
        return c;
fail:
    catalog_free(c);
    return NULL;
}

void catalog_free(struct catalog *c)
{
    size_t i;

    if (!c)
        return;
    for (i = 0; i < c->count; i++)
        (void)sqlite3_finalize(c->statements[i].sql);
    (void)sqlite3_close(c->db);
    mem_free(c->path);
    mem_free(c);
}

int catalog_begin(struct catalog *c, struct err *err)
{
    return run(c, "BEGIN IMMEDIATE", err);
}

int catalog_commit(struct catalog *c, struct err *err)
{
    if (run(c, "COMMIT", err) == 0)
        return 0;
    catalog_rollback(c);
    return -1;
}

void catalog_rollback(struct catalog *c)
{
    if (!sqlite3_get_autocommit(c->db))
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

sqlite3_stmt *catalog_sql(struct catalog *c, const char *text, struct err *err)
{
    struct statement *s;
    size_t i;

    for (i = 0; i < c->count; i++) {
        if (c->statements[i].text == text)
            return c->statements[i].sql;
    }
    if (c->count == STATEMENTS_MAX) {
        (void)err_set(err, ERR_LIMIT, "too many statements");
        return NULL;
    }
    s = &c->statements[c->count];
    if (sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->sql, NULL) !=
        SQLITE_OK) {
        (void)fail(c, err);
        return NULL;
    }
    s->text = text;
    c->count++;
    return s->sql;
}

sqlite3_stmt *catalog_once(struct catalog *c, const char *text, struct err *err)
{
    sqlite3_stmt *sql = NULL;

    if (sqlite3_prepare_v2(c->db, text, -1, &sql, NULL) != SQLITE_OK) {
        (void)fail(c, err);
        return NULL;
    }
    return sql;
}

void catalog_text(sqlite3_stmt *sql, int at, const char *text)
{
    if (text)
        (void)sqlite3_bind_text(sql, at, text, -1, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(sql, at);
}

void catalog_number(sqlite3_stmt *sql, int at, int64_t value)
{
    if (value == CATALOG_UNKNOWN)
        (void)sqlite3_bind_null(sql, at);
    else
        (void)sqlite3_bind_int64(sql, at, value);
}

void catalog_bytes(sqlite3_stmt *sql, int at, const void *bytes, size_t len)
{
    (void)sqlite3_bind_blob64(sql, at, bytes, len, SQLITE_STATIC);
}

int catalog_step(struct catalog *c, sqlite3_stmt *sql, struct err *err)
{
    int code = sqlite3_step(sql);

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        (void)fail(c, err);
    catalog_done(sql);
    return code == SQLITE_DONE ? 0 : -1;
}

int catalog_do(struct catalog *c, sqlite3_stmt *sql, struct err *err)
{
    int rc = catalog_step(c, sql, err);

    if (rc > 0)
        catalog_done(sql);
    return rc < 0 ? -1 : 0;
}

void catalog_done(sqlite3_stmt *sql)
{
    (void)sqlite3_reset(sql);
    (void)sqlite3_clear_bindings(sql);
}

const char *catalog_column(sqlite3_stmt *sql, int at)
{
    return (const char *)sqlite3_column_text(sql, at);
}

int64_t catalog_column_number(sqlite3_stmt *sql, int at)
{
    return sqlite3_column_type(sql, at) == SQLITE_NULL ? CATALOG_UNKNOWN
                                                       : sqlite3_column_int64(sql, at);
}

int64_t catalog_last(struct catalog *c)
{
    return sqlite3_last_insert_rowid(c->db);
}
