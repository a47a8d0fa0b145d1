/* SPDX-License-Identifier: MIT */
/*
 * db: the catalog of a sync directory, an SQLite database.
 *
 * The catalog is an index only. The volumes are authoritative, and the directory's log is for
 * what cannot be read from the volumes (holds, pruned and lost runs): the catalog can be
 * rebuilt at any time. Several processes may read while one writes (WAL). Each page has a
 * checksum (catalog/page_checksum), and the schema must be the one that the migrations make: a
 * catalog that was altered is an error.
 *
 * Errors   ERR_NOT_FOUND: no catalog; ERR_FORMAT: not a catalog, or a damaged one, which can be
 *          rebuilt; ERR_LIMIT: made by a newer skyarc; ERR_MISMATCH (DB_READ only): made by an
 *          older one; ERR_BUSY; ERR_SYSTEM with SQLite's message
 * Owns     its connection and statements, until db_free
 * Threads  one at a time
 * Source   docs/sync.md, "The catalog"
 */
#ifndef CATALOG_DB_H
#define CATALOG_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_NAME    "catalog.db"
#define DB_UNKNOWN INT64_MIN /* an unknown time: NULL in the catalog */

struct db;

/* Convert a record's time to microseconds, or DB_UNKNOWN. text may be NULL. */
int64_t db_us(const char *text);

enum db_mode {
    DB_READ,    /* read only; each page that is read is compared with its checksum */
    DB_CHECKED, /* read only, and checked completely (PRAGMA quick_check) */
    DB_WRITE    /* created if missing, migrated, and checked completely (PRAGMA quick_check);
                 * requires the directory's lock */
};

/* Open DIR/catalog.db. */
struct db *db_open(const char *dir, enum db_mode mode, struct err *err) MUST_CHECK;

/*
 * Open a private copy of DIR/catalog.db, or an empty catalog if there is none; it is a
 * temporary file without a name, and changes of it change nothing else.
 */
struct db *db_copy(const char *dir, struct err *err) MUST_CHECK;

/* Close a catalog; an open transaction is rolled back; may be NULL. */
void db_free(struct db *catalog);

/* Whether db_open created the catalog. */
bool db_is_new(const struct db *catalog);

/*
 * Rename DIR/catalog.db to DIR/catalog.db.WORD, replacing a file of that name. The catalog must
 * not be open.
 *
 * returns  1; 0: there is no catalog; -1
 */
int db_set_aside(const char *dir, const char *word, struct err *err) MUST_CHECK;

/* Begin a transaction. */
int db_begin(struct db *catalog, struct err *err) MUST_CHECK;

/* Begin to read: what is read until db_rollback is of one moment, whatever others write. */
int db_snapshot(struct db *catalog, struct err *err) MUST_CHECK;

/* Commit the transaction. */
int db_commit(struct db *catalog, struct err *err) MUST_CHECK;

/* Roll back the transaction; no effect if there is none. */
void db_rollback(struct db *catalog);

/* Whether a run is one that this process works on: 1, 0 or -1. It may read the catalog. */
typedef int db_filter_fn(struct db *catalog, void *ctx, const char *run_id);

/* What the SQL function here(ID) returns from now on; NULL: always 1, as in the beginning. */
void db_filter(struct db *catalog, db_filter_fn *fn, void *ctx);

/*
 * SQL statements, prepared once: for the modules of this folder, sync/heal and sync/fixity.
 */
struct sqlite3_stmt;

/*
 * Get the prepared statement for sql. It is not reset here: an earlier use must have ended, by
 * a db_step that returned no row, or by db_done. sql must be a string constant: its address is
 * the key. Valid until db_free.
 */
struct sqlite3_stmt *db_sql(struct db *catalog, const char *sql, struct err *err) MUST_CHECK;

/* Prepare a statement for a text built at run time; the caller finalizes it. */
struct sqlite3_stmt *db_once(struct db *catalog, const char *text, struct err *err) MUST_CHECK;

/*
 * Bind a text at position `at`, from 1; NULL is bound as NULL. It is not copied: it must stay
 * valid until the statement is reset (db_step returned 0 or -1, or db_done).
 */
void db_text(struct sqlite3_stmt *sql, int at, const char *text);

/* Bind a number at position `at`, from 1; DB_UNKNOWN is bound as NULL. */
void db_number(struct sqlite3_stmt *sql, int at, int64_t value);

/* Bind bytes at position `at`, from 1; not copied, as with db_text. */
void db_bytes(struct sqlite3_stmt *sql, int at, const void *bytes, size_t len);

/* Step to the next row. 1: a row; 0: done, and the statement is reset; -1: error. */
int db_step(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Run a statement that returns no rows. */
int db_do(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Whether a statement returns a row: 1, 0 or -1; the statement is reset. */
int db_any(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Reset a statement before its last row. */
void db_done(struct sqlite3_stmt *sql);

/* A text column, from 0; valid until the next step, NULL for NULL. */
const char *db_column(struct sqlite3_stmt *sql, int at);

/* As db_column, for a column that is never NULL in a valid catalog: "" for NULL. */
const char *db_name(struct sqlite3_stmt *sql, int at);

/* A number column, from 0; DB_UNKNOWN for NULL. */
int64_t db_column_number(struct sqlite3_stmt *sql, int at);

/* Copy the bytes of a column; false: its length is not len. */
bool db_column_bytes(struct sqlite3_stmt *sql, int at, void *out, size_t len);

/* The ID of the row inserted last. */
int64_t db_last(struct db *catalog);

#endif
