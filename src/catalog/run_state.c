/* SPDX-License-Identifier: MIT */
#include "catalog/run_state.h"

#include "catalog/relation.h"

#include <stdbool.h>
#include <string.h>

static const char FIRST_INTENT[] = "SELECT name, runs FROM intents ORDER BY name LIMIT 1";

#define WEEK_MS  ((int64_t)7 * 24 * 3600 * 1000)
#define NIGHT_MS ((int64_t)20 * 3600 * 1000) /* at least, between two nights */

/* Put a row in or replace it. */
static int put(struct catalog *c, const struct state_row *row, const char *state,
               int64_t now_ms, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "INSERT INTO states(run_id, state, status, created_at, finished_at, listed_ms)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(run_id) DO UPDATE SET state = ?2,"
        " status = ?3, created_at = coalesce(?4, created_at),"
        " finished_at = coalesce(?5, finished_at), listed_ms = ?6, tries = 0,"
        " next_ms = 0",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    catalog_text(sql, 2, state);
    catalog_text(sql, 3, row->status);
    catalog_number(sql, 4, row->created_at);
    catalog_number(sql, 5, row->finished_at);
    catalog_number(sql, 6, now_ms);
    return catalog_do(c, sql, err);
}

/* What a list, or a record, has and we had not: its end, say. */
static int complete(struct catalog *c, const struct state_row *row, int64_t now_ms,
                    struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "UPDATE states SET status = coalesce(?2, status), created_at = coalesce(created_at, "
        "?3),"
        " finished_at = coalesce(finished_at, ?4), listed_ms = ?5 WHERE run_id = ?1",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    catalog_text(sql, 2, row->status);
    catalog_number(sql, 3, row->created_at);
    catalog_number(sql, 4, row->finished_at);
    catalog_number(sql, 5, now_ms);
    return catalog_do(c, sql, err);
}

int state_seen(struct catalog *c, const struct state_row *row, bool terminal, int64_t now_ms,
               struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT state, finished_at FROM states WHERE run_id = ?1", err);
    const char *next = terminal ? STATE_DUE : STATE_RUNNING;
    bool moved = true;
    int known;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, row->run_id);
    known = catalog_step(c, sql, err);
    if (known < 0)
        return -1;
    if (known) {
        const char *state = catalog_name(sql, 0);
        int64_t then = catalog_column_number(sql, 1);

        if (strcmp(state, STATE_SEALED) == 0 && row->finished_at != CATALOG_UNKNOWN &&
            then != CATALOG_UNKNOWN && row->finished_at != then)
            next = STATE_OPEN; /* it went on */
        else
            moved = (strcmp(state, STATE_RUNNING) == 0 && terminal) ||
                    strcmp(state, STATE_GONE) == 0 || strcmp(state, STATE_LOST) == 0;
        catalog_done(sql);
    }
    if ((moved ? put(c, row, next, now_ms, err) : complete(c, row, now_ms, err)) < 0)
        return -1;
    return !known;
}

int state_drop(struct catalog *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "DELETE FROM states WHERE run_id = ?1 AND state IN ('running', 'due')", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return catalog_do(c, sql, err);
}

int state_set(struct catalog *c, const char *run_id, const char *state, int64_t next_ms,
              const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "INSERT INTO states(run_id, state, next_ms, reason) VALUES(?1, ?2, ?3, ?4)"
                    " ON CONFLICT(run_id) DO UPDATE SET state = ?2, tries = 0, next_ms = ?3,"
                    " reason = ?4",
                    err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_text(sql, 2, state);
    catalog_number(sql, 3, next_ms);
    catalog_text(sql, 4, reason);
    return catalog_do(c, sql, err);
}

int state_nothing_new(struct catalog *c, const char *run_id, int64_t before_us, int64_t next_ms,
                      struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "SELECT coalesce(finished_at, ?2) < ?2 FROM states s WHERE run_id = ?1"
        " AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.run_id) AND NOT EXISTS"
        " (SELECT 1 FROM missing m WHERE m.run_id = s.run_id AND NOT m.final)",
        err);
    bool old;
    int rc;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_number(sql, 2, before_us);
    rc = catalog_step(c, sql, err);
    if (rc <= 0)
        return rc;
    old = catalog_column_number(sql, 0);
    catalog_done(sql);
    return state_set(c, run_id, old ? STATE_SEALED : STATE_OPEN, old ? 0 : next_ms,
                     "its list has nothing new", err) < 0
               ? -1
               : 1;
}

int state_reopen(struct catalog *c, const char *run_id, int64_t next_ms, const char *reason,
                 struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "UPDATE states SET state = '" STATE_OPEN "', next_ms = ?2, reason = ?3"
                    " WHERE run_id = ?1 AND state = '" STATE_SEALED "'",
                    err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_number(sql, 2, next_ms);
    catalog_text(sql, 3, reason);
    return catalog_do(c, sql, err);
}

int state_put_off(struct catalog *c, const char *run_id, const char *state, int64_t now_ms,
                  const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "UPDATE states SET state = ?6, tries = tries + 1, reason = ?4, next_ms = ?2 +"
        " min(?3 << min(tries, 20), ?5) WHERE run_id = ?1",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_number(sql, 2, now_ms);
    catalog_number(sql, 3, STATE_HOUR);
    catalog_text(sql, 4, reason);
    catalog_number(sql, 5, WEEK_MS);
    catalog_text(sql, 6, state);
    return catalog_do(c, sql, err);
}

int state_empty(struct catalog *c, const char *run_id, int64_t now_ms, int nights,
                struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "UPDATE states SET tries = tries + 1, next_ms = ?2, reason = '" STATE_EMPTY
                    "', state = CASE WHEN tries + 1 >= ?3 THEN '" STATE_SEALED
                    "' ELSE '" STATE_OPEN "' END WHERE run_id = ?1",
                    err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_number(sql, 2, now_ms + NIGHT_MS);
    catalog_number(sql, 3, nights);
    return catalog_do(c, sql, err) < 0 ? -1 : state_is(c, run_id, STATE_SEALED, err);
}

int state_asked(struct catalog *c, const char *run_id, int64_t now_ms, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "UPDATE states SET next_ms = ?2 WHERE run_id = ?1 AND state = '" STATE_RUNNING "'",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_number(sql, 2, now_ms + 1); /* not again in this sync */
    return catalog_do(c, sql, err);
}

int state_grown(struct catalog *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "UPDATE states SET state = '" STATE_DUE "', next_ms = 0 WHERE run_id = ?1", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return catalog_do(c, sql, err);
}

int64_t state_horizon(int64_t settle)
{
    return settle > WEEK_MS ? settle : WEEK_MS;
}

int state_each(struct catalog *c, const struct state_which *which,
               int (*fn)(void *ctx, const struct state_row *row, struct err *err), void *ctx,
               struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "SELECT run_id, state, status, created_at, finished_at, tries FROM states"
        " WHERE state = ?1 AND (next_ms <= ?2 OR next_ms > ?5)"
        " AND (?4 = 0 OR coalesce(listed_ms, 0) <> ?4) AND (?6 = 0 OR tries > 0 OR EXISTS"
        " (SELECT 1 FROM lost l WHERE l.run_id = states.run_id))"
        " ORDER BY CASE WHEN ?7 THEN next_ms END, created_at, run_id LIMIT ?3",
        err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    catalog_text(sql, 1, which->state);
    catalog_number(sql, 2, which->now_ms);
    catalog_number(sql, 3, (int64_t)which->most);
    catalog_number(sql, 4, which->seen_ms);
    catalog_number(sql, 5, which->now_ms + which->horizon);
    catalog_number(sql, 6, which->doubtful);
    catalog_number(sql, 7, which->in_turn);
    while (rc > 0 && (rc = catalog_step(c, sql, err)) > 0) {
        struct state_row row = { catalog_name(sql, 0),          catalog_name(sql, 1),
                                 catalog_column(sql, 2),        catalog_column_number(sql, 3),
                                 catalog_column_number(sql, 4), catalog_column_number(sql, 5) };

        if (fn(ctx, &row, err) < 0) {
            catalog_done(sql);
            return -1;
        }
    }
    return rc;
}

int state_is(struct catalog *c, const char *run_id, const char *state, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT 1 FROM states WHERE run_id = ?1 AND state = ?2", err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_text(sql, 2, state);
    return catalog_any(c, sql, err);
}

int state_vanished(struct catalog *c, const char *run_id, const char *reason, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "SELECT EXISTS (SELECT 1 FROM lost WHERE run_id = ?1),"
                    " EXISTS (SELECT 1 FROM runs WHERE run_id = ?1)",
                    err);
    int64_t lost;
    int64_t here;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    if (catalog_step(c, sql, err) <= 0)
        return -1;
    lost = catalog_column_number(sql, 0);
    here = catalog_column_number(sql, 1);
    catalog_done(sql);
    if (state_set(c, run_id,
                  lost   ? STATE_LOST
                  : here ? STATE_SEALED
                         : STATE_GONE,
                  0, here ? STATE_LEFT : reason, err) < 0)
        return -1;
    return lost > 0;
}

/* Run a statement with a run's ID bound. */
static int with_run(struct catalog *c, struct sqlite3_stmt *sql, const char *run_id,
                    struct err *err)
{
    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return catalog_do(c, sql, err);
}

int state_pruned(struct catalog *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, "SELECT 1 FROM runs WHERE run_id = ?1", err);
    int there;

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    there = catalog_any(c, sql, err);
    if (there < 0)
        return -1;
    if (there)
        return with_run(c,
                        catalog_sql(c,
                                    "UPDATE states SET state = '" STATE_OPEN "', next_ms = 0,"
                                    " reason = 'a part of it was pruned' WHERE run_id = ?1 AND"
                                    " state = '" STATE_SEALED "'",
                                    err),
                        run_id, err);
    if (with_run(c, catalog_sql(c, "DELETE FROM lost WHERE run_id = ?1", err), run_id, err) < 0)
        return -1;
    return state_set(c, run_id, STATE_PRUNED, 0, NULL, err);
}

int state_lose(struct catalog *c, const char *run_id, const char *part, const char *volume,
               int64_t at_ms, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c,
        "INSERT OR REPLACE INTO lost(run_id, part, volume, at_ms) SELECT ?1, ?2, ?3, ?4 WHERE"
        " NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = ?1 AND (?2 = '' OR EXISTS"
        " (SELECT 1 FROM artifacts a WHERE a.run_id = r.run_id AND a.volume = r.volume AND"
        " coalesce(a.artifact_id, a.path) = ?2)))",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    catalog_text(sql, 2, part);
    catalog_text(sql, 3, volume);
    catalog_number(sql, 4, at_ms);
    if (catalog_do(c, sql, err) < 0)
        return -1;
    sql = catalog_sql(c,
                      "INSERT INTO states(run_id, state, reason) SELECT DISTINCT run_id,"
                      " '" STATE_DUE "', 'its volume is lost' FROM lost WHERE run_id = ?1"
                      " ON CONFLICT(run_id) DO UPDATE SET state = '" STATE_DUE "', tries = 0,"
                      " next_ms = 0, reason = excluded.reason WHERE state IN"
                      " ('" STATE_OPEN "', '" STATE_SEALED "', '" STATE_GONE "', '" STATE_LOST
                      "', '" STATE_PRUNED "')",
                      err);
    return with_run(c, sql, run_id, err);
}

/* The one number that a statement gives; CATALOG_UNKNOWN for none. */
static int number(struct catalog *c, struct sqlite3_stmt *sql, int64_t *out, struct err *err)
{
    int rc = catalog_step(c, sql, err);

    *out = CATALOG_UNKNOWN;
    if (rc > 0) {
        *out = catalog_column_number(sql, 0);
        catalog_done(sql);
    }
    return rc < 0 ? -1 : 0;
}

int64_t state_count(struct catalog *c, const char *state, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT count(*) FROM states WHERE state = ?1", err);
    int64_t count;

    if (!sql)
        return -1;
    catalog_text(sql, 1, state);
    return number(c, sql, &count, err) < 0 ? -1 : count;
}

#define IS_LOST                                                                                \
    " FROM lost l JOIN states s ON s.run_id = l.run_id WHERE s.state NOT IN"                   \
    " ('" STATE_DUE "', '" STATE_RUNNING "', '" STATE_OPEN "')"

int64_t state_count_lost(struct catalog *c, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, "SELECT count(DISTINCT l.run_id)" IS_LOST, err);
    int64_t count;

    if (!sql)
        return -1;
    return number(c, sql, &count, err) < 0 ? -1 : count;
}

int state_each_lost(struct catalog *c, bool untold,
                    int (*fn)(void *ctx, const char *run_id, const char *volume, int64_t parts,
                              struct err *err),
                    void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "SELECT l.run_id, max(l.volume), count(*)" IS_LOST
                    " AND (?1 = 0 OR l.told = 0) GROUP BY l.run_id ORDER BY l.run_id",
                    err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    catalog_number(sql, 1, untold);
    while (rc > 0 && (rc = catalog_step(c, sql, err)) > 0) {
        if (fn(ctx, catalog_name(sql, 0), catalog_name(sql, 1), catalog_column_number(sql, 2),
               err) < 0) {
            catalog_done(sql);
            return -1;
        }
    }
    return rc;
}

int state_told_lost(struct catalog *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "UPDATE lost SET told = 1 WHERE told = 0 AND run_id IN"
                    " (SELECT l.run_id" IS_LOST ")",
                    err);

    return sql ? catalog_do(c, sql, err) : -1;
}

int64_t state_oldest(struct catalog *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT min(created_at) FROM states WHERE state = '" STATE_DUE "'", err);
    int64_t oldest = CATALOG_UNKNOWN;

    if (sql && number(c, sql, &oldest, err) < 0)
        oldest = CATALOG_UNKNOWN;
    return oldest;
}

int state_frontier(struct catalog *c, const char *filter, struct frontier *frontier,
                   struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT from_us, until_us FROM frontiers WHERE filter = ?1", err);
    int rc;

    *frontier = (struct frontier){ CATALOG_UNKNOWN, CATALOG_UNKNOWN };
    if (!sql)
        return -1;
    catalog_text(sql, 1, filter);
    rc = catalog_step(c, sql, err);
    if (rc > 0) {
        frontier->from = catalog_column_number(sql, 0);
        frontier->until = catalog_column_number(sql, 1);
        catalog_done(sql);
    }
    return rc < 0 ? -1 : 0;
}

int state_set_frontier(struct catalog *c, const char *filter, const struct frontier *frontier,
                       struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "INSERT OR REPLACE INTO frontiers(filter, from_us, until_us) VALUES(?1, ?2, ?3)",
        err);

    if (!sql)
        return -1;
    catalog_text(sql, 1, filter);
    catalog_number(sql, 2, frontier->from);
    catalog_number(sql, 3, frontier->until);
    return catalog_do(c, sql, err);
}

int state_intend(struct catalog *c, const char *name, const char *runs, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "INSERT OR REPLACE INTO intents(name, runs) VALUES(?1, ?2)", err);

    if (!sql)
        return -1;
    catalog_text(sql, 1, name);
    catalog_text(sql, 2, runs);
    return catalog_do(c, sql, err);
}

int state_intended(struct catalog *c, const char *name, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, "DELETE FROM intents WHERE name = ?1", err);

    if (!sql)
        return -1;
    catalog_text(sql, 1, name);
    return catalog_do(c, sql, err);
}

int state_intent(struct catalog *c, const char **name, const char **runs, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, FIRST_INTENT, err);
    int rc;

    if (!sql)
        return -1;
    rc = catalog_step(c, sql, err);
    if (rc > 0) {
        *name = catalog_column(sql, 0);
        *runs = catalog_column(sql, 1);
    }
    return rc;
}

void state_intent_done(struct catalog *c)
{
    struct sqlite3_stmt *sql = catalog_sql(c, FIRST_INTENT, NULL);

    if (sql)
        catalog_done(sql);
}

int state_sync_begin(struct catalog *c, int64_t now_ms, int64_t *id, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "UPDATE syncs SET outcome = 'killed' WHERE outcome IS NULL", err);

    if (!sql || catalog_do(c, sql, err) < 0)
        return -1;
    sql = catalog_sql(c, "INSERT INTO syncs(began_ms) VALUES(?1)", err);
    if (!sql)
        return -1;
    catalog_number(sql, 1, now_ms);
    if (catalog_do(c, sql, err) < 0)
        return -1;
    *id = catalog_last(c);
    return 0;
}

int state_sync_end(struct catalog *c, int64_t now_ms, const struct state_sync *sync,
                   struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c,
                    "UPDATE syncs SET ended_ms = ?2, outcome = ?3, error = ?4, runs = ?5,"
                    " artifacts = ?6, bytes = ?7, missing = ?8, damaged = ?9 WHERE id = ?1",
                    err);

    if (!sql)
        return -1;
    catalog_number(sql, 1, sync->id);
    catalog_number(sql, 2, now_ms);
    catalog_text(sql, 3, sync->outcome);
    catalog_text(sql, 4, sync->error);
    catalog_number(sql, 5, (int64_t)sync->runs);
    catalog_number(sql, 6, (int64_t)sync->artifacts);
    catalog_number(sql, 7, (int64_t)sync->bytes);
    catalog_number(sql, 8, (int64_t)sync->missing);
    catalog_number(sql, 9, (int64_t)sync->damaged);
    return catalog_do(c, sql, err);
}
