/* SPDX-License-Identifier: MIT */
/*
 * relation: the second IDs of runs, and which run started which.
 *
 * A run may have two IDs (docs/api.md, "Two names of one run"). The catalog has all rows of the
 * run under one of them, the canonical ID; the table aliases maps the other one to it. When an
 * ID proves to be an alias, all its rows are changed to the canonical ID. The log keeps the IDs
 * with which it was written, so SQL that compares with the log uses RELATION_NAME.
 *
 * Functions that write must be called within a transaction.
 *
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_RELATION_H
#define CATALOG_RELATION_H

#include "base/err.h"
#include "catalog/db.h"

#define RELATION_ID_MAX 128 /* characters of a run ID that may have an alias */

/* SQL expression: the canonical ID for an expression that is a run ID. */
#define RELATION_NAME(id)                                                                      \
    "coalesce((SELECT an.run_id FROM aliases an WHERE an.alias = " id "), " id ")"

/* SQL, after WITH RECURSIVE: the table family(id) with the run of the expression (a
 * canonical ID) and all runs that it started, directly or not. */
#define RELATION_FAMILY(id)                                                                    \
    "family(id) AS (SELECT " id " UNION SELECT pa.run_id FROM parents pa JOIN family f ON"     \
    " pa.parent_id = f.id)"

/*
 * The canonical ID of a run: out, which is then filled; or run_id itself, and out is not
 * written, if no alias is known (also on an error). run_id may be NULL.
 */
const char *relation_name(struct db *c, const char *run_id, char out[RELATION_ID_MAX + 1]);

/* Bind the canonical ID of a run. */
void relation_bind(struct db *c, struct sqlite3_stmt *sql, int at, const char *run_id);

/*
 * Record that alias and run_id are IDs of one run: all rows of alias are changed to run_id.
 *
 * returns  1: recorded, now or before; 0: one of the two belongs to another run, and nothing
 *          was changed; -1
 */
int relation_learn(struct db *c, const char *alias, const char *run_id,
                   struct err *err) MUST_CHECK;

/* Visit the aliases of a run, given by its canonical ID; fn returns -1 to fail. */
int relation_aliases(struct db *c, const char *run_id,
                     int (*fn)(void *ctx, const char *alias, struct err *err), void *ctx,
                     struct err *err) MUST_CHECK;

/* Record which run started a run; the first record is kept. */
int relation_set_parent(struct db *c, const char *run_id, const char *parent,
                        struct err *err) MUST_CHECK;

/* Whether a run is another one, or was started by it, directly or not; each by any of its IDs:
 * 1, 0 or -1. */
int relation_is_within(struct db *c, const char *run_id, const char *ancestor,
                       struct err *err) MUST_CHECK;

/* Visit each run that another run started, with its parent; fn returns -1 to fail. */
int relation_parents(struct db *c,
                     int (*fn)(void *ctx, const char *run_id, const char *parent,
                               struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

#endif
