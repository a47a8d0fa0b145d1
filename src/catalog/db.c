/* SPDX-License-Identifier: MIT */
#include "catalog/db.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "catalog/page_checksum.h"
#include "catalog/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATEMENTS_MAX 192
#define URI_MAX        ((size_t)16384)
#define BUSY_MS        30000
#define VALUE_MAX      (128 << 20) /* bytes of one value */
#define FIRST_SEALED   2           /* since this version pages have checksums */

struct statement {
    const char *text; /* its address is the key */
    sqlite3_stmt *sql;
};

struct db {
    sqlite3 *db;
    char *path;
    bool is_new;
    struct statement statements[STATEMENTS_MAX];
    size_t count;
    db_filter_fn *filter; /* of here(ID) */
    void *filter_ctx;
};

int64_t db_us(const char *text)
{
    int64_t us = clock_us(text);

    return us == CLOCK_NONE ? DB_UNKNOWN : us;
}

static int fail(struct db *c, struct err *err)
{
    int code = c->db ? sqlite3_extended_errcode(c->db) : SQLITE_NOMEM;
    enum err_kind kind = ERR_SYSTEM;

    if ((code & 0xff) == SQLITE_BUSY)
        kind = ERR_BUSY;
    else if ((code & 0xff) == SQLITE_NOMEM)
        kind = ERR_MEMORY;
    else if (code == SQLITE_IOERR_DATA || (code & 0xff) == SQLITE_NOTADB ||
             (code & 0xff) == SQLITE_CORRUPT)
        kind = ERR_FORMAT;
    (void)err_set(err, kind, "'%s': %s", c->path,
                  code == SQLITE_IOERR_DATA ? "a page has a wrong checksum"
                  : c->db                   ? sqlite3_errmsg(c->db)
                                            : "out of memory");
    if (kind == ERR_FORMAT)
        (void)err_hint(err, "'skyarc sync' rebuilds the catalog from the volumes");
    return -1;
}

static int damaged(const struct db *c, struct err *err, const char *why)
{
    (void)err_set(err, ERR_FORMAT, "'%s': %s", c->path, why);
    return err_hint(err, "'skyarc sync' rebuilds the catalog from the volumes");
}

static int run(struct db *c, const char *text, struct err *err)
{
    return sqlite3_exec(c->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(c, err);
}

/* The first column of a statement's single row: a number, or a text copied to out. */
static int one(struct db *c, const char *text, int *number, char *out, size_t size,
               struct err *err)
{
    sqlite3_stmt *sql = NULL;
    int rc = -1;

    if (sqlite3_prepare_v2(c->db, text, -1, &sql, NULL) == SQLITE_OK &&
        sqlite3_step(sql) == SQLITE_ROW) {
        if (number)
            *number = sqlite3_column_int(sql, 0);
        if (out)
            (void)snprintf(out, size, "%s", db_name(sql, 0));
        rc = 0;
    } else {
        (void)fail(c, err);
    }
    (void)sqlite3_finalize(sql);
    return rc;
}

/*
 * Check that the schema is the one that the migrations make: any other trigger or view could
 * run arbitrary SQL.
 */
static int check_schema(struct db *c, const char *wanted, struct err *err)
{
    return schema_is(c->db, wanted) ? 0
                                    : damaged(c, err, "the schema is not that of a catalog");
}

static int check_pages(struct db *c, struct err *err)
{
    char answer[200];

    if (one(c, "PRAGMA quick_check(1)", NULL, answer, sizeof(answer), err) < 0)
        return -1;
    return strcmp(answer, "ok") == 0 ? 0 : damaged(c, err, answer);
}

/* Reserve room for checksums in the pages; a catalog of version 1 is rewritten for this. */
static int seal(struct db *c, int version, struct err *err)
{
    if (run(c, "PRAGMA journal_mode = DELETE", err) < 0 ||
        page_checksum_reserve(c->db, err) < 0)
        return -1;
    return version ? run(c, "VACUUM", err) : 0;
}

/* Migrate the schema; each version in one transaction. */
static int migrate(struct db *c, int version, struct err *err)
{
    if (version < FIRST_SEALED && seal(c, version, err) < 0)
        return -1;
    if (run(c, "PRAGMA journal_mode = WAL", err) < 0)
        return -1;
    for (; version < schema_version(); version++) {
        char mark[64];

        (void)sqlite3_snprintf(sizeof(mark), mark, "PRAGMA user_version = %d", version + 1);
        if (run(c, "BEGIN IMMEDIATE", err) < 0)
            return -1;
        if (run(c, schema_step(version), err) < 0 || run(c, mark, err) < 0 ||
            run(c, "COMMIT", err) < 0) {
            db_rollback(c);
            return -1;
        }
    }
    return 0;
}

/* Check the version, the pages and the schema, which is `wanted` in the end. */
static int check(struct db *c, enum db_mode mode, const char *wanted, struct err *err)
{
    int version = 0;
    int pages = 0;

    if (one(c, "PRAGMA user_version", &version, NULL, 0, err) < 0 ||
        one(c, "PRAGMA page_count", &pages, NULL, 0, err) < 0)
        return -1;
    if (version > schema_version())
        return err_set(
            err, ERR_LIMIT,
            "'%s' was made by a newer skyarc (version %d; this skyarc knows version %d)",
            c->path, version, schema_version());
    if (version < 0 || (version == 0 && pages) || (version == 0 && mode != DB_WRITE))
        return damaged(c, err, "not a catalog");
    if (version < schema_version() && mode != DB_WRITE)
        return err_set(err, ERR_MISMATCH,
                       "'%s' was made by an older skyarc; the next sync migrates it", c->path);
    if (version >= FIRST_SEALED && !page_checksum_sealed(c->db))
        return damaged(c, err, "the pages have no checksums");
    c->is_new = !version;
    if (mode != DB_READ && version && check_pages(c, err) < 0)
        return -1;
    if (mode == DB_WRITE && migrate(c, version, err) < 0)
        return -1;
    return check_schema(c, wanted, err);
}

/* The filter that lets every run pass. */
static int every(struct db *c, void *ctx, const char *run_id)
{
    (void)c;
    (void)ctx;
    (void)run_id;
    return 1;
}

/* here(ID): whether a run passes the filter. */
static void here(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    struct db *c = sqlite3_user_data(ctx);
    const char *id = (const char *)sqlite3_value_text(values[0]);
    int is = 1;

    (void)count;
    if (id)
        is = c->filter(c, c->filter_ctx, id);
    if (is < 0)
        sqlite3_result_error(ctx, "the shard of a run cannot be determined", -1);
    else
        sqlite3_result_int(ctx, is);
}

void db_filter(struct db *c, db_filter_fn *fn, void *ctx)
{
    c->filter = fn ? fn : every;
    c->filter_ctx = ctx;
}

/* Configure the connection for an untrusted database, with limits for values. */
static int configure(struct db *c, enum db_mode mode, struct err *err)
{
    db_filter(c, NULL, NULL);
    /* without this, SQLite loses the reason of an error in the schema */
    if (sqlite3_extended_result_codes(c->db, 1) != SQLITE_OK ||
        sqlite3_busy_timeout(c->db, BUSY_MS) != SQLITE_OK ||
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK ||
        sqlite3_create_function(c->db, "here", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, c, here,
                                NULL, NULL) != SQLITE_OK)
        return fail(c, err);
    (void)sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    if (run(c,
            "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = "
            "OFF;"
            "PRAGMA cell_size_check = ON; PRAGMA cache_size = -8192;"
            "PRAGMA secure_delete = ON;",
            err) < 0)
        return -1;
    /* a reader's sandbox lets it create no files */
    return mode != DB_WRITE ? run(c, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY", err)
                            : 0;
}

/* The schema is this program's own: its triggers may write to the full-text index, which
 * SQLite 3.40 allows for a trusted schema only. */
static int trust(struct db *c, struct err *err)
{
    return run(c, "PRAGMA trusted_schema = ON", err);
}

/*
 * Open a catalog in a directory that this user cannot write, such as a read-only copy: SQLite
 * needs files beside a database that others may write. It is taken for one that nobody writes,
 * unless such a file has changes that are not in the database yet.
 */
static int open_fixed(struct db *c, struct err *err)
{
    char *wal = mem_format(err, "%s-wal", c->path);
    struct buf uri;
    const char *at;
    struct stat st;
    int rc = wal ? 0 : -1;

    buf_init(&uri, URI_MAX);
    if (wal && stat(wal, &st) == 0 && st.st_size > 0)
        rc = err_set(err, ERR_DENIED,
                     "'%s' is being written, or was not closed; only a user who can write its "
                     "directory can read it now",
                     c->path);
    if (rc == 0)
        rc = buf_adds(&uri, "file:", err);
    for (at = c->path; rc == 0 && *at; at++)
        rc = strchr("%?#", *at) ? buf_addf(&uri, err, "%%%02X", (unsigned)*at)
                                : buf_add(&uri, at, 1, err);
    if (rc == 0)
        rc = buf_adds(&uri, "?immutable=1", err);
    if (rc == 0 && sqlite3_open_v2(buf_text(&uri), &c->db,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                                   PAGE_CHECKSUM_VFS) != SQLITE_OK)
        rc = fail(c, err);
    buf_clear(&uri);
    mem_free(wal);
    return rc;
}

/* Open the database. */
static int open_database(struct db *c, const char *dir, enum db_mode mode, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                (mode == DB_WRITE ? SQLITE_OPEN_CREATE : 0);

    if (mode != DB_WRITE && access(dir, W_OK) < 0)
        return open_fixed(c, err);
    return sqlite3_open_v2(c->path, &c->db, flags, PAGE_CHECKSUM_VFS) == SQLITE_OK
               ? 0
               : fail(c, err);
}

/*
 * Let only this user read the catalog, before SQLite opens it: closing a descriptor of it later
 * would end SQLite's locks. st NULL: it is not there yet.
 */
static int make_private(const char *path, const struct stat *st)
{
    int flags = O_CLOEXEC | O_NONBLOCK | (st ? O_RDONLY : O_RDWR | O_CREAT);
    int fd;
    int rc;

    if (st && (st->st_mode & 0777) == 0600)
        return 0;
    fd = open(path, flags, 0600);
    if (fd < 0)
        return -1;
    rc = fchmod(fd, 0600);
    return close(fd) < 0 ? -1 : rc;
}

struct db *db_open(const char *dir, enum db_mode mode, struct err *err)
{
    struct db *c = mem_new(sizeof(*c), err);
    char *wanted = c ? schema_text(err) : NULL;
    struct stat st;
    bool there;

    if (!wanted)
        goto fail;
    c->path = mem_format(err, "%s/" DB_NAME, dir);
    if (!c->path || page_checksum_register(err) < 0)
        goto fail;
    there = stat(c->path, &st) == 0;
    if (mode != DB_WRITE && !there) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "'%s' has no catalog: not a directory of skyarc sync?", dir);
        goto fail;
    }
    if (there && !S_ISREG(st.st_mode)) {
        (void)err_set(err, ERR_USAGE,
                      "'%s' is not a regular file; move it away, and the next sync makes the "
                      "catalog again",
                      c->path);
        goto fail;
    }
    if (mode == DB_WRITE && make_private(c->path, there ? &st : NULL) < 0) {
        (void)err_sys(err, "cannot set the permissions of '%s'", c->path);
        goto fail;
    }
    if (open_database(c, dir, mode, err) < 0)
        goto fail;
    if (configure(c, mode, err) == 0 && check(c, mode, wanted, err) == 0 &&
        (mode != DB_WRITE || trust(c, err) == 0)) {
        sqlite3_free(wanted);
        return c;
    }
fail:
    sqlite3_free(wanted);
    db_free(c);
    return NULL;
}

/* Fill a private database with the catalog's pages, or with an empty schema. */
static int fill(struct db *c, struct db *from, struct err *err)
{
    sqlite3_backup *backup;
    int rc = SQLITE_OK;
    int i;

    if (from) {
        backup = sqlite3_backup_init(c->db, "main", from->db, "main");
        if (!backup)
            return fail(c, err);
        (void)sqlite3_backup_step(backup, -1);
        rc = sqlite3_backup_finish(backup);
    }
    for (i = 0; !from && rc == SQLITE_OK && i < schema_version(); i++)
        rc = sqlite3_exec(c->db, schema_step(i), NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(c, err);
}

struct db *db_copy(const char *dir, struct err *err)
{
    struct db *c = mem_new(sizeof(*c), err);
    struct db *from = NULL;
    struct err why = { 0 };
    int rc = -1;

    if (!c)
        return NULL;
    c->path = mem_format(err, "a copy of %s/" DB_NAME, dir);
    from = db_open(dir, DB_READ, &why);
    if (!from && why.kind != ERR_NOT_FOUND)
        *err = why;
    else if (c->path &&
             sqlite3_open_v2("", &c->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                             NULL) != SQLITE_OK)
        (void)fail(c, err);
    else if (c->path && fill(c, from, err) == 0)
        rc = configure(c, DB_WRITE, err) < 0 ? -1 : trust(c, err);
    db_free(from);
    if (rc == 0)
        return c;
    db_free(c);
    return NULL;
}

bool db_is_new(const struct db *c)
{
    return c->is_new;
}

int db_set_aside(const char *dir, const char *word, struct err *err)
{
    static const char *const parts[] = { "-shm", "-wal", "" }; /* the database last */
    int there = 0;
    size_t i;

    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        char *from = mem_format(err, "%s/" DB_NAME "%s", dir, parts[i]);
        char *to = mem_format(err, "%s/" DB_NAME ".%s%s", dir, word, parts[i]);
        int rc = from && to ? rename(from, to) : -1;

        if (rc < 0 && from && to && errno == ENOENT) {
            (void)unlink(to); /* of an earlier catalog, and not valid for this one */
            rc = 0;
            there = 0;
        } else if (rc < 0 && from && to) {
            (void)err_sys(err, "cannot rename '%s'", from);
        } else {
            there = rc == 0;
        }
        mem_free(from);
        mem_free(to);
        if (rc < 0)
            return -1;
    }
    return there;
}

void db_free(struct db *c)
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

int db_begin(struct db *c, struct err *err)
{
    return run(c, "BEGIN IMMEDIATE", err);
}

int db_snapshot(struct db *c, struct err *err)
{
    int version;

    return run(c, "BEGIN", err) < 0 || one(c, "PRAGMA user_version", &version, NULL, 0, err) < 0
               ? -1
               : 0;
}

int db_commit(struct db *c, struct err *err)
{
    if (run(c, "COMMIT", err) == 0)
        return 0;
    db_rollback(c);
    return -1;
}

void db_rollback(struct db *c)
{
    if (!sqlite3_get_autocommit(c->db))
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

sqlite3_stmt *db_sql(struct db *c, const char *text, struct err *err)
{
    struct statement *s;
    size_t i;

    for (i = 0; i < c->count; i++) {
        if (c->statements[i].text == text)
            return c->statements[i].sql;
    }
    if (c->count == STATEMENTS_MAX) {
        (void)err_set(err, ERR_LIMIT, "too many prepared statements");
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

sqlite3_stmt *db_once(struct db *c, const char *text, struct err *err)
{
    sqlite3_stmt *sql = NULL;

    if (sqlite3_prepare_v2(c->db, text, -1, &sql, NULL) != SQLITE_OK) {
        (void)fail(c, err);
        return NULL;
    }
    return sql;
}

void db_text(sqlite3_stmt *sql, int at, const char *text)
{
    if (text)
        (void)sqlite3_bind_text(sql, at, text, -1, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(sql, at);
}

void db_number(sqlite3_stmt *sql, int at, int64_t value)
{
    if (value == DB_UNKNOWN)
        (void)sqlite3_bind_null(sql, at);
    else
        (void)sqlite3_bind_int64(sql, at, value);
}

void db_bytes(sqlite3_stmt *sql, int at, const void *bytes, size_t len)
{
    (void)sqlite3_bind_blob64(sql, at, bytes, len, SQLITE_STATIC);
}

int db_step(struct db *c, sqlite3_stmt *sql, struct err *err)
{
    int code = sqlite3_step(sql);

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        (void)fail(c, err);
    db_done(sql);
    return code == SQLITE_DONE ? 0 : -1;
}

int db_any(struct db *c, sqlite3_stmt *sql, struct err *err)
{
    int rc = db_step(c, sql, err);

    if (rc > 0)
        db_done(sql);
    return rc;
}

int db_do(struct db *c, sqlite3_stmt *sql, struct err *err)
{
    return db_any(c, sql, err) < 0 ? -1 : 0;
}

void db_done(sqlite3_stmt *sql)
{
    (void)sqlite3_reset(sql);
    (void)sqlite3_clear_bindings(sql);
}

const char *db_column(sqlite3_stmt *sql, int at)
{
    return (const char *)sqlite3_column_text(sql, at);
}

const char *db_name(sqlite3_stmt *sql, int at)
{
    const char *text = db_column(sql, at);

    return text ? text : "";
}

bool db_column_bytes(sqlite3_stmt *sql, int at, void *out, size_t len)
{
    const void *bytes = sqlite3_column_blob(sql, at);

    if (!bytes || sqlite3_column_bytes(sql, at) != (int)len)
        return false;
    memcpy(out, bytes, len);
    return true;
}

int64_t db_column_number(sqlite3_stmt *sql, int at)
{
    return sqlite3_column_type(sql, at) == SQLITE_NULL ? DB_UNKNOWN
                                                       : sqlite3_column_int64(sql, at);
}

int64_t db_last(struct db *c)
{
    return sqlite3_last_insert_rowid(c->db);
}
