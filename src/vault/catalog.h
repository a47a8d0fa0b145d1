/* SPDX-License-Identifier: MIT */
/*
 * catalog: the index of a sync directory, in SQLite.
 *
 * It is an index and never the truth: the volumes are, and what cannot be read
 * from them (holds, what was pruned) is also in the directory's log. It can be
 * made again at any time. Several may read while one writes (WAL).
 *
 * Errors   ERR_FORMAT for what is no catalog, or one of a newer skyarc; ERR_BUSY;
 *          ERR_SYSTEM with SQLite's words
 * Owns     its connection and its statements, until catalog_free
 * Threads  one at a time
 * Source   docs/sync.md, "The catalog"
 */
#ifndef VAULT_CATALOG_H
#define VAULT_CATALOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATALOG_NAME    "catalog.db"
#define CATALOG_UNKNOWN INT64_MIN /* a time that is not known: NULL in the catalog */

struct catalog;

/* A record's time as the catalog has it: microseconds, or CATALOG_UNKNOWN. text may be NULL. */
int64_t catalog_us(const char *text);

/* Open DIR/catalog.db. make: create it, and bring an older one up to date; else read it only.
 */
struct catalog *catalog_open(const char *dir, bool make, struct err *err) MUST_CHECK;
void catalog_free(struct catalog *catalog);

/* All or nothing: what is between them happens together. */
int catalog_begin(struct catalog *catalog, struct err *err) MUST_CHECK;
int catalog_commit(struct catalog *catalog, struct err *err) MUST_CHECK;
void catalog_rollback(struct catalog *catalog);

/*
 * For the modules of this floor: a statement, kept prepared by its address. sql must be a
 * string constant.
 */
struct sqlite3_stmt;
struct sqlite3_stmt *catalog_sql(struct catalog *catalog, const char *sql,
                                 struct err *err) MUST_CHECK;

/* The same for a text that is made: not kept, to be finalized by the caller. */
struct sqlite3_stmt *catalog_once(struct catalog *catalog, const char *text,
                                  struct err *err) MUST_CHECK;

/* Bind by position, from 1 on; NULL texts and CATALOG_UNKNOWN become NULL. Lent until the step.
 */
void catalog_text(struct sqlite3_stmt *sql, int at, const char *text);
void catalog_number(struct sqlite3_stmt *sql, int at, int64_t value);
void catalog_bytes(struct sqlite3_stmt *sql, int at, const void *bytes, size_t len);

/* 1: a row is there; 0: done, and the statement is ready to be bound again; -1: error. */
int catalog_step(struct catalog *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* The same for a statement without rows. */
int catalog_do(struct catalog *catalog, struct sqlite3_stmt *sql, struct err *err) MUST_CHECK;

/* Leave rows that were not stepped to. */
void catalog_done(struct sqlite3_stmt *sql);

/* Columns of a row, from 0 on; texts are lent until the next step, NULL for NULL. */
const char *catalog_column(struct sqlite3_stmt *sql, int at);
int64_t catalog_column_number(struct sqlite3_stmt *sql, int at);

/* The ID of what was inserted last. */
int64_t catalog_last(struct catalog *catalog);

#endif
