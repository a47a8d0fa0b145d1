/* SPDX-License-Identifier: MIT */
/*
 * relation: the other names of runs, and which run has started which.
 *
 * A run may have two names (docs/api.md, "Two names of one run"). The catalog has all of its
 * rows under one of them, the canonical one; the table aliases leads from the other one to it.
 * When a name proves to be an alias, all rows under it become rows of the canonical name. The
 * log keeps the names under which it was written, so whoever compares with it uses
 * RELATION_NAME.
 *
 * To be called within a transaction where it writes.
 *
 * Errors   the catalog's
 * Owns     nothing; texts are lent for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_RELATION_H
#define CATALOG_RELATION_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stddef.h>

#define RELATION_ID_MAX 128 /* characters of a run ID that may have another name */

/* SQL: the canonical name of a run, for an expression that is a run ID. */
#define RELATION_NAME(id)                                                                      \
    "coalesce((SELECT an.run_id FROM aliases an WHERE an.alias = " id "), " id ")"

/* SQL, behind WITH RECURSIVE: the table family(id), the run that the expression names (by its
 * canonical name) and all that it has started, directly or not. */
#define RELATION_FAMILY(id)                                                                    \
    "family(id) AS (SELECT " id " UNION SELECT pa.run_id FROM parents pa JOIN family f ON"     \
    " pa.parent_id = f.id)"

/* Write the canonical name of a run; the name itself when it has no other, or none is known.
 * Gives out. */
const char *relation_name(struct db *c, const char *run_id, char out[RELATION_ID_MAX + 1]);

/* Bind the canonical name of a run. */
void relation_bind(struct db *c, struct sqlite3_stmt *sql, int at, const char *run_id);

/*
 * Learn that a run has two names: what is in the catalog under alias becomes that of run_id.
 *
 * returns  1: they are one run, now or already; 0: one of the two belongs to another run, and
 *          nothing was changed; -1
 */
int relation_learn(struct db *c, const char *alias, const char *run_id,
                   struct err *err) MUST_CHECK;

/* The aliases of a run, by its canonical name; fn gives -1 to fail. */
int relation_aliases(struct db *c, const char *run_id,
                     int (*fn)(void *ctx, const char *alias, struct err *err), void *ctx,
                     struct err *err) MUST_CHECK;

/* Note which run has started a run; the first that is noted stays. */
int relation_set_parent(struct db *c, const char *run_id, const char *parent,
                        struct err *err) MUST_CHECK;

/* Each run that another one has started, with that one; fn gives -1 to fail. */
int relation_parents(struct db *c,
                     int (*fn)(void *ctx, const char *run_id, const char *parent,
                               struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

/* The run that has started a run: 1, 0 for none that is known, or -1. */
int relation_parent(struct db *c, const char *run_id, char parent[RELATION_ID_MAX + 1],
                    struct err *err) MUST_CHECK;

#endif
