/* SPDX-License-Identifier: MIT */
/*
 * db: the index of a sync directory, in SQLite.
 *
 * It is an index and never the truth: the volumes are, and what cannot be read
 * from them (holds, what was pruned or lost) is in the directory's log. It can be
 * made again at any time. Several may read while one writes (WAL). Each page has a
 * checksum (catalog/page_checksum), and the schema must be the one that the migrations
 * make, so a catalog that was altered is an error and not an answer.
 *
 * Errors   ERR_NOT_FOUND: there is none; ERR_FORMAT for what is no catalog, or a damaged
 *          one: it can be made again; ERR_LIMIT for one of a newer skyarc; ERR_BUSY;
 *          ERR_SYSTEM with SQLite's words
 * Owns     its connection and its statements, until db_free
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
#define DB_UNKNOWN INT64_MIN /* a time that is not known: NULL in the catalog */

struct db;

/* A record's time as the catalog has it: microseconds, or DB_UNKNOWN. text may be NULL. */
int64_t db_us(const char *text);

enum db_mode {
    DB_READ, /* what is there; nothing is written */
    DB_WRITE /* created when it is not there, brought up to date, and checked whole
                     (PRAGMA quick_check): for who has the directory's lock */
};

/* Open DIR/catalog.db. */
struct db *db_open(const char *dir, enum db_mode mode, struct err *err) MUST_CHECK;

/* Close a catalog, rolling back what was not committed; NULL is fine. */
void db_free(struct db *catalog);

/* Whether db_open made it: there was none. */
bool db_is_new(const struct db *catalog);

/*
 * Rename DIR/catalog.db to DIR/catalog.db.WORD, in place of what had that name. The catalog
 * must not be open.
 *
 * returns  1; 0: there is none; -1
 */
int db_set_aside(const char *dir, const char *word, struct err *err) MUST_CHECK;

/* All or nothing: what is between them happens together. */
int db_begin(struct db *catalog, struct err *err) MUST_CHECK;

/* End what db_begin began, and keep it. */
int db_commit(struct db *catalog, struct err *err) MUST_CHECK;

/* Undo what happened since db_begin; does nothing where that was not called. */
void db_rollback(struct db *catalog);

/*
 * For the modules of this floor: a statement, kept prepared by its address. sql must be a
 * string constant.
 */
struct sqlite3_stmt;

/*
 * A prepared statement, reset, kept by the address of sql, which must be a string constant;
 * lent until db_free.
 */
struct sqlite3_stmt *db_sql(struct db *catalog, const char *sql, struct err *err) MUST_CHECK;

/* The same for a text that is made: not kept, to be finalized by the caller. */
struct sqlite3_stmt *db_once(struct db *catalog, const char *text, struct err *err) MUST_CHECK;

/* Bind by position, from 1 on; NULL texts and DB_UNKNOWN become NULL. Lent until the step.
 */
void db_text(struct sqlite3_stmt *sql, int at, const char *text);

/* Bind a number, at counting from 1; DB_UNKNOWN becomes NULL. */
void db_number(struct sqlite3_stmt *sql, int at, int64_t value);

/* Bind bytes, at counting from 1; they are lent until the step. */
void db_bytes(struct sqlite3_stmt *sql, int at, const void *bytes, size_t len);

/* 1: a row is there; 0: done, and the statement is ready to be bound again; -1: error. */
int db_step(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* The same for a statement without rows. */
int db_do(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Whether there is a row: 1, 0 or -1; the statement is ready to be bound again. */
int db_any(struct db *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Leave rows that were not stepped to. */
void db_done(struct sqlite3_stmt *sql);

/* Columns of a row, from 0 on; texts are lent until the next step, NULL for NULL. */
const char *db_column(struct sqlite3_stmt *sql, int at);

/* The same for a column that is never NULL in a catalog of ours: "" for NULL. */
const char *db_name(struct sqlite3_stmt *sql, int at);

/* A column's number, at counting from 0; DB_UNKNOWN for NULL. */
int64_t db_column_number(struct sqlite3_stmt *sql, int at);

/* Copy the bytes of a column; false: it has another length. */
bool db_column_bytes(struct sqlite3_stmt *sql, int at, void *out, size_t len);

/* The ID of what was inserted last. */
int64_t db_last(struct db *catalog);

#endif
