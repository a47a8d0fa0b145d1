/* SPDX-License-Identifier: MIT */
#include "catalog/relation.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* The first column of a statement with one run ID bound: 1, 0 for no row, or -1. */
static int one_name(struct db *c, const char *text, const char *run_id,
                    char out[RELATION_ID_MAX + 1], struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, text, err);
    int rc;

    if (!sql)
        return -1;
    db_text(sql, 1, run_id);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        (void)snprintf(out, RELATION_ID_MAX + 1, "%s", db_name(sql, 0));
        db_done(sql);
    }
    return rc;
}

static const char CANONICAL[] = "SELECT run_id FROM aliases WHERE alias = ?1";

const char *relation_name(struct db *c, const char *run_id, char out[RELATION_ID_MAX + 1])
{
    if (!run_id || one_name(c, CANONICAL, run_id, out, NULL) <= 0)
        return run_id;
    return out;
}

void relation_bind(struct db *c, struct sqlite3_stmt *sql, int at, const char *run_id)
{
    char name[RELATION_ID_MAX + 1];
    const char *canonical = relation_name(c, run_id, name);

    if (canonical == name)
        (void)sqlite3_bind_text(sql, at, name, -1, SQLITE_TRANSIENT);
    else
        db_text(sql, at, run_id);
}

/*
 * The statements that merge a run's rows under ?1 into ?2. Of two states the more informative
 * one is kept: that of a run in a volume, else of a run that was in one, else of a run that was
 * only listed.
 */
static const char *const joins[] = {
    ("DELETE FROM states WHERE (SELECT count(*) FROM states WHERE run_id IN (?1, ?2)) = 2 AND"
     " run_id = (SELECT s.run_id FROM states s WHERE s.run_id IN (?1, ?2) ORDER BY"
     " CASE WHEN s.state = 'due' AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.run_id)"
     " THEN 0 ELSE 1 + instr('open   sealed pruned lost   running due    gone   "
     "undecided', s.state) END"
     " DESC, s.run_id = ?1 DESC LIMIT 1)"),
    "UPDATE states SET run_id = ?2 WHERE run_id = ?1",
    ("INSERT OR IGNORE INTO runs(run_id, volume, supplements, status, run_type, created_at,"
     " finished_at, failure_reason, prompt, artifacts, missing, bytes, title, output)"
     " SELECT ?2, volume, supplements, status, run_type, created_at, finished_at,"
     " failure_reason, prompt, artifacts, missing, bytes, title, output FROM runs WHERE"
     " run_id = ?1"),
    "UPDATE artifacts SET run_id = ?2 WHERE run_id = ?1",
    "UPDATE texts SET run_id = ?2 WHERE run_id = ?1 AND path IS NOT NULL",
    "DELETE FROM runs WHERE run_id = ?1 AND ?2 <> ?1",
    "UPDATE OR REPLACE missing SET run_id = ?2 WHERE run_id = ?1",
    "UPDATE OR REPLACE lost SET run_id = ?2 WHERE run_id = ?1",
    "UPDATE OR IGNORE holds SET run_id = ?2 WHERE run_id = ?1",
    "DELETE FROM holds WHERE run_id = ?1 AND ?2 <> ?1",
    "UPDATE OR IGNORE parents SET run_id = ?2 WHERE run_id = ?1",
    "DELETE FROM parents WHERE run_id = ?1 AND ?2 <> ?1",
    "UPDATE parents SET parent_id = ?2 WHERE parent_id = ?1",
    ("DELETE FROM missing WHERE run_id = ?2 AND ?2 <> ?1 AND reason <> 'changed' AND EXISTS "
     "(SELECT 1 FROM artifacts a"
     " WHERE a.run_id = ?2 AND a.artifact_id = missing.artifact_id)"),
    "INSERT INTO aliases(alias, run_id) VALUES(?1, ?2)",
};

int relation_learn(struct db *c, const char *alias, const char *run_id, struct err *err)
{
    char known[RELATION_ID_MAX + 1];
    struct sqlite3_stmt *sql;
    size_t i;
    int rc;

    if (strlen(alias) > RELATION_ID_MAX || strlen(run_id) > RELATION_ID_MAX ||
        strcmp(alias, run_id) == 0)
        return 0;
    rc = one_name(c, CANONICAL, alias, known, err);
    if (rc)
        return rc < 0 ? -1 : strcmp(known, run_id) == 0;
    /* a run has at most two IDs, and an alias maps to no other alias */
    sql = db_sql(c, "SELECT 1 FROM aliases WHERE run_id IN (?1, ?2) OR alias IN (?1, ?2)", err);
    if (!sql)
        return -1;
    db_text(sql, 1, alias);
    db_text(sql, 2, run_id);
    rc = db_any(c, sql, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    for (i = 0; i < sizeof(joins) / sizeof(*joins); i++) {
        sql = db_sql(c, joins[i], err);
        if (!sql)
            return -1;
        db_text(sql, 1, alias);
        db_text(sql, 2, run_id);
        if (db_do(c, sql, err) < 0)
            return -1;
    }
    return 1;
}

int relation_aliases(struct db *c, const char *run_id,
                     int (*fn)(void *ctx, const char *alias, struct err *err), void *ctx,
                     struct err *err)
{
    char alias[RELATION_ID_MAX + 1];
    int rc = one_name(c, "SELECT alias FROM aliases WHERE run_id = ?1", run_id, alias, err);

    return rc > 0 ? fn(ctx, alias, err) : rc;
}

int relation_set_parent(struct db *c, const char *run_id, const char *parent, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "INSERT OR IGNORE INTO parents(run_id, parent_id) SELECT ?1, ?2 WHERE ?1 <> ?2",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    relation_bind(c, sql, 2, parent);
    return db_do(c, sql, err);
}

int relation_is_within(struct db *c, const char *run_id, const char *ancestor, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "WITH RECURSIVE " RELATION_FAMILY("?2") " SELECT 1 FROM family WHERE id = ?1", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    relation_bind(c, sql, 2, ancestor);
    return db_any(c, sql, err);
}

int relation_parents(struct db *c,
                     int (*fn)(void *ctx, const char *run_id, const char *parent,
                               struct err *err),
                     void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT run_id, parent_id FROM parents", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        if (fn(ctx, db_name(sql, 0), db_name(sql, 1), err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}
