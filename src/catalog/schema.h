/* SPDX-License-Identifier: MIT */
/*
 * schema: the catalog's tables, as the steps from each version to the next.
 *
 * Errors   ERR_SYSTEM: this SQLite lacks FTS5 or its tokenizer trigram; ERR_MEMORY
 * Owns     nothing; the steps are constants
 * Threads  any
 * Source   sqlite.org/fts5.html
 */
#ifndef CATALOG_SCHEMA_H
#define CATALOG_SCHEMA_H

#include "base/err.h"

#include <stdbool.h>

/* The version that this program makes: PRAGMA user_version of the catalog. */
int schema_version(void);

/* The SQL statements that make version N + 1 of version N; version 0 has no tables. */
const char *schema_step(int version);

/* The whole schema as a text, which the caller frees by sqlite3_free; NULL: error. */
char *schema_text(struct err *err) MUST_CHECK;

struct sqlite3;

/* Whether a database has exactly this schema. */
bool schema_is(struct sqlite3 *db, const char *wanted);

#endif
