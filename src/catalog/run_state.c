/* SPDX-License-Identifier: MIT */
#include "catalog/run_state.h"

#include "catalog/relation.h"

#include <stdbool.h>
#include <string.h>

static const char FIRST_INTENT[] = "SELECT name, runs FROM intents ORDER BY name LIMIT 1";

#define WEEK_MS  ((int64_t)7 * 24 * 3600 * 1000)
#define NIGHT_MS ((int64_t)20 * 3600 * 1000) /* minimum time between two nights */

/* Insert or replace a row. */
static int put(struct db *c, const struct run_state_row *row, const char *state, int64_t now_ms,
               struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT INTO states(run_id, state, status, created_at, finished_at, listed_ms)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(run_id) DO UPDATE SET state = ?2,"
               " status = ?3, created_at = coalesce(?4, created_at),"
               " finished_at = coalesce(?5, finished_at), listed_ms = ?6, tries = 0,"
               " next_ms = 0",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    db_text(sql, 2, state);
    db_text(sql, 3, row->status);
    db_number(sql, 4, row->created_at);
    db_number(sql, 5, row->finished_at);
    db_number(sql, 6, now_ms);
    return db_do(c, sql, err);
}

/* Fill in what was unknown so far, such as the end, from a list or a record. */
static int complete(struct db *c, const struct run_state_row *row, int64_t now_ms,
                    struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "UPDATE states SET status = coalesce(?2, status), created_at = coalesce(created_at, "
        "?3),"
        " finished_at = coalesce(finished_at, ?4), listed_ms = ?5 WHERE run_id = ?1",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    db_text(sql, 2, row->status);
    db_number(sql, 3, row->created_at);
    db_number(sql, 4, row->finished_at);
    db_number(sql, 5, now_ms);
    return db_do(c, sql, err);
}

int run_state_seen(struct db *c, const struct run_state_row *row, bool terminal, int64_t now_ms,
                   struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT state, finished_at FROM states WHERE run_id = ?1", err);
    const char *next = terminal ? RUN_STATE_DUE : RUN_STATE_RUNNING;
    bool moved = true;
    int known;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    known = db_step(c, sql, err);
    if (known < 0)
        return -1;
    if (known) {
        const char *state = db_name(sql, 0);
        int64_t then = db_column_number(sql, 1);

        if (strcmp(state, RUN_STATE_SEALED) == 0 && row->finished_at != DB_UNKNOWN &&
            then != DB_UNKNOWN && row->finished_at != then)
            next = RUN_STATE_OPEN; /* the run continued */
        else
            moved = (strcmp(state, RUN_STATE_RUNNING) == 0 && terminal) ||
                    strcmp(state, RUN_STATE_GONE) == 0 || strcmp(state, RUN_STATE_LOST) == 0 ||
                    strcmp(state, RUN_STATE_UNDECIDED) == 0;
        db_done(sql);
    }
    if ((moved ? put(c, row, next, now_ms, err) : complete(c, row, now_ms, err)) < 0)
        return -1;
    return !known;
}

int run_state_known(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "SELECT 1 FROM states WHERE run_id = ?1 UNION ALL"
                                      " SELECT 1 FROM runs WHERE run_id = ?1",
                                      err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_any(c, sql, err);
}

int run_state_drop(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "DELETE FROM states WHERE run_id = ?1 AND state IN ('" RUN_STATE_RUNNING
               "', '" RUN_STATE_DUE "', '" RUN_STATE_UNDECIDED "')",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_do(c, sql, err);
}

int run_state_undecided(struct db *c, const struct run_state_row *row, int64_t now_ms,
                        struct err *err)
{
    int known = run_state_known(c, row->run_id, err);

    if (known < 0)
        return -1;
    return known ? complete(c, row, now_ms, err)
                 : put(c, row, RUN_STATE_UNDECIDED, now_ms, err);
}

int run_state_kept(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM states WHERE run_id = ?1 AND state <> '" RUN_STATE_UNDECIDED
               "' UNION ALL SELECT 1 FROM runs WHERE run_id = ?1",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_any(c, sql, err);
}

int run_state_set(struct db *c, const char *run_id, const char *state, int64_t next_ms,
                  const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT INTO states(run_id, state, next_ms, reason) VALUES(?1, ?2, ?3, ?4)"
               " ON CONFLICT(run_id) DO UPDATE SET state = ?2, tries = 0, next_ms = ?3,"
               " reason = ?4",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, state);
    db_number(sql, 3, next_ms);
    db_text(sql, 4, reason);
    return db_do(c, sql, err);
}

int run_state_nothing_new(struct db *c, const char *run_id, int64_t before_us, int64_t next_ms,
                          struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT coalesce(finished_at, ?2) < ?2 FROM states s WHERE run_id = ?1"
               " AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.run_id) AND NOT EXISTS"
               " (SELECT 1 FROM missing m WHERE m.run_id = s.run_id AND NOT m.final)",
               err);
    bool old;
    int rc;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, before_us);
    rc = db_step(c, sql, err);
    if (rc <= 0)
        return rc;
    old = db_column_number(sql, 0);
    db_done(sql);
    return run_state_set(c, run_id, old ? RUN_STATE_SEALED : RUN_STATE_OPEN, old ? 0 : next_ms,
                         "its list has nothing new", err) < 0
               ? -1
               : 1;
}

int run_state_reopen(struct db *c, const char *run_id, int64_t next_ms, const char *reason,
                     struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE states SET state = '" RUN_STATE_OPEN "', next_ms = ?2, reason = ?3"
               " WHERE run_id = ?1 AND state = '" RUN_STATE_SEALED "'",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, next_ms);
    db_text(sql, 3, reason);
    return db_do(c, sql, err);
}

int run_state_put_off(struct db *c, const char *run_id, const char *state, int64_t now_ms,
                      const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE states SET state = ?6, tries = tries + 1, reason = ?4, next_ms = ?2 +"
               " min(?3 << min(tries, 20), ?5) WHERE run_id = ?1",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, now_ms);
    db_number(sql, 3, RUN_STATE_HOUR);
    db_text(sql, 4, reason);
    db_number(sql, 5, WEEK_MS);
    db_text(sql, 6, state);
    return db_do(c, sql, err);
}

int run_state_empty(struct db *c, const char *run_id, int64_t now_ms, int nights,
                    struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE states SET tries = tries + 1, next_ms = ?2, reason = '" RUN_STATE_EMPTY
               "', state = CASE WHEN tries + 1 >= ?3 THEN '" RUN_STATE_SEALED
               "' ELSE '" RUN_STATE_OPEN "' END WHERE run_id = ?1",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, now_ms + NIGHT_MS);
    db_number(sql, 3, nights);
    return db_do(c, sql, err) < 0 ? -1 : run_state_is(c, run_id, RUN_STATE_SEALED, err);
}

int run_state_asked(struct db *c, const char *run_id, int64_t now_ms, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "UPDATE states SET next_ms = ?2 WHERE run_id = ?1 AND state = '" RUN_STATE_RUNNING "'",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_number(sql, 2, now_ms + 1); /* not again in this sync */
    return db_do(c, sql, err);
}

int run_state_grown(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "UPDATE states SET state = '" RUN_STATE_DUE "', next_ms = 0 WHERE run_id = ?1", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_do(c, sql, err);
}

int64_t run_state_horizon(int64_t settle)
{
    return settle > WEEK_MS ? settle : WEEK_MS;
}

int run_state_each(struct db *c, const struct run_state_which *which,
                   int (*fn)(void *ctx, const struct run_state_row *row, struct err *err),
                   void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT run_id, state, status, created_at, finished_at FROM states"
        " WHERE state = ?1 AND here(run_id) AND (next_ms <= ?2 OR next_ms > ?5)"
        " AND (?4 = 0 OR coalesce(listed_ms, 0) <> ?4) AND (?6 = 0 OR tries > 0 OR EXISTS"
        " (SELECT 1 FROM lost l WHERE l.run_id = states.run_id))"
        " ORDER BY CASE WHEN ?7 THEN next_ms END, created_at, run_id LIMIT ?3",
        err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    db_text(sql, 1, which->state);
    db_number(sql, 2, which->now_ms);
    db_number(sql, 3, (int64_t)which->most);
    db_number(sql, 4, which->seen_ms);
    db_number(sql, 5, which->now_ms + which->horizon);
    db_number(sql, 6, which->doubtful);
    db_number(sql, 7, which->in_turn);
    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        struct run_state_row row = { db_name(sql, 0), db_name(sql, 1), db_column(sql, 2),
                                     db_column_number(sql, 3), db_column_number(sql, 4) };

        if (fn(ctx, &row, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int run_state_is(struct db *c, const char *run_id, const char *state, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT 1 FROM states WHERE run_id = ?1 AND state = ?2", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, state);
    return db_any(c, sql, err);
}

int run_state_vanished(struct db *c, const char *run_id, const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "SELECT EXISTS (SELECT 1 FROM lost WHERE run_id = ?1),"
                                      " EXISTS (SELECT 1 FROM runs WHERE run_id = ?1)",
                                      err);
    int64_t lost;
    int64_t here;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    if (db_step(c, sql, err) <= 0)
        return -1;
    lost = db_column_number(sql, 0);
    here = db_column_number(sql, 1);
    db_done(sql);
    if (run_state_set(c, run_id,
                      lost   ? RUN_STATE_LOST
                      : here ? RUN_STATE_SEALED
                             : RUN_STATE_GONE,
                      0, here ? RUN_STATE_LEFT : reason, err) < 0)
        return -1;
    return lost > 0;
}

/* Run a statement with a run's ID bound. */
static int with_run(struct db *c, struct sqlite3_stmt *sql, const char *run_id, struct err *err)
{
    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return db_do(c, sql, err);
}

int run_state_pruned(struct db *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT 1 FROM runs WHERE run_id = ?1", err);
    int there;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    there = db_any(c, sql, err);
    if (there < 0)
        return -1;
    if (there)
        return with_run(c,
                        db_sql(c,
                               "UPDATE states SET state = '" RUN_STATE_OPEN "', next_ms = 0,"
                               " reason = 'a part of it was pruned' WHERE run_id = ?1 AND"
                               " state = '" RUN_STATE_SEALED "'",
                               err),
                        run_id, err);
    if (with_run(c, db_sql(c, "DELETE FROM lost WHERE run_id = ?1", err), run_id, err) < 0)
        return -1;
    return run_state_set(c, run_id, RUN_STATE_PRUNED, 0, NULL, err);
}

int run_state_forget(struct db *c, const char *run_id, struct err *err)
{
    return with_run(c, db_sql(c, "DELETE FROM states WHERE run_id = ?1", err), run_id, err);
}

int run_state_lose(struct db *c, const char *run_id, const char *part, const char *volume,
                   int64_t at_ms, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "INSERT OR REPLACE INTO lost(run_id, part, volume, at_ms) SELECT ?1, ?2, ?3, ?4 WHERE"
        " NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = ?1 AND (?2 = '' OR EXISTS"
        " (SELECT 1 FROM artifacts a WHERE a.run_id = r.run_id AND a.volume = r.volume AND"
        " coalesce(a.artifact_id, a.path) = ?2)))",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, part);
    db_text(sql, 3, volume);
    db_number(sql, 4, at_ms);
    if (db_do(c, sql, err) < 0)
        return -1;
    sql = db_sql(c,
                 "INSERT INTO states(run_id, state, reason) SELECT DISTINCT run_id,"
                 " '" RUN_STATE_DUE "', 'its volume is lost' FROM lost WHERE run_id = ?1"
                 " ON CONFLICT(run_id) DO UPDATE SET state = '" RUN_STATE_DUE "', tries = 0,"
                 " next_ms = 0, reason = excluded.reason WHERE state IN"
                 " ('" RUN_STATE_OPEN "', '" RUN_STATE_SEALED "', '" RUN_STATE_GONE
                 "', '" RUN_STATE_LOST "', '" RUN_STATE_PRUNED "')",
                 err);
    return with_run(c, sql, run_id, err);
}

/* The single number that a statement returns; DB_UNKNOWN for none. */
static int number(struct db *c, struct sqlite3_stmt *sql, int64_t *out, struct err *err)
{
    int rc = db_step(c, sql, err);

    *out = DB_UNKNOWN;
    if (rc > 0) {
        *out = db_column_number(sql, 0);
        db_done(sql);
    }
    return rc < 0 ? -1 : 0;
}

int64_t run_state_count(struct db *c, const char *state, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT count(*) FROM states WHERE state = ?1 AND here(run_id)", err);
    int64_t count;

    if (!sql)
        return -1;
    db_text(sql, 1, state);
    return number(c, sql, &count, err) < 0 ? -1 : count;
}

#define IS_LOST                                                                                \
    " FROM lost l JOIN states s ON s.run_id = l.run_id WHERE s.state NOT IN"                   \
    " ('" RUN_STATE_DUE "', '" RUN_STATE_RUNNING "', '" RUN_STATE_OPEN "')"

int64_t run_state_count_lost(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT count(DISTINCT l.run_id)" IS_LOST, err);
    int64_t count;

    if (!sql)
        return -1;
    return number(c, sql, &count, err) < 0 ? -1 : count;
}

int run_state_each_lost(struct db *c, bool untold,
                        int (*fn)(void *ctx, const char *run_id, const char *volume,
                                  int64_t parts, struct err *err),
                        void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT l.run_id, max(l.volume), count(*)" IS_LOST
               " AND (?1 = 0 OR l.told = 0) GROUP BY l.run_id ORDER BY l.run_id",
               err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    db_number(sql, 1, untold);
    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        if (fn(ctx, db_name(sql, 0), db_name(sql, 1), db_column_number(sql, 2), err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int run_state_told_lost(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "UPDATE lost SET told = 1 WHERE told = 0 AND run_id IN"
                                      " (SELECT l.run_id" IS_LOST ")",
                                      err);

    return sql ? db_do(c, sql, err) : -1;
}

int64_t run_state_oldest(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT min(created_at) FROM states WHERE state = '" RUN_STATE_DUE "' AND here(run_id)",
        err);
    int64_t oldest = DB_UNKNOWN;

    if (sql && number(c, sql, &oldest, err) < 0)
        oldest = DB_UNKNOWN;
    return oldest;
}

int run_state_frontier(struct db *c, const char *filter, struct frontier *frontier,
                       struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT from_us, until_us FROM frontiers WHERE filter = ?1", err);
    int rc;

    *frontier = (struct frontier){ DB_UNKNOWN, DB_UNKNOWN };
    if (!sql)
        return -1;
    db_text(sql, 1, filter);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        frontier->from = db_column_number(sql, 0);
        frontier->until = db_column_number(sql, 1);
        db_done(sql);
    }
    return rc < 0 ? -1 : 0;
}

int run_state_set_frontier(struct db *c, const char *filter, const struct frontier *frontier,
                           struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "INSERT OR REPLACE INTO frontiers(filter, from_us, until_us) VALUES(?1, ?2, ?3)",
        err);

    if (!sql)
        return -1;
    db_text(sql, 1, filter);
    db_number(sql, 2, frontier->from);
    db_number(sql, 3, frontier->until);
    return db_do(c, sql, err);
}

int run_state_intend(struct db *c, const char *name, const char *runs, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "INSERT OR REPLACE INTO intents(name, runs) VALUES(?1, ?2)", err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    db_text(sql, 2, runs);
    return db_do(c, sql, err);
}

int run_state_intended(struct db *c, const char *name, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM intents WHERE name = ?1", err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    return db_do(c, sql, err);
}

int run_state_intent(struct db *c, const char **name, const char **runs, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, FIRST_INTENT, err);
    int rc;

    if (!sql)
        return -1;
    rc = db_step(c, sql, err);
    if (rc > 0) {
        *name = db_column(sql, 0);
        *runs = db_column(sql, 1);
    }
    return rc;
}

void run_state_intent_done(struct db *c)
{
    struct sqlite3_stmt *sql = db_sql(c, FIRST_INTENT, NULL);

    if (sql)
        db_done(sql);
}
