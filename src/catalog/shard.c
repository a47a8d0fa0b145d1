/* SPDX-License-Identifier: MIT */
#include "catalog/shard.h"

#include "base/mem.h"
#include "base/text.h"
#include "catalog/audit_log.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define NUMBER_MAX UINT32_MAX        /* of a scheduler's variables */
#define FAMILY_MAX 64                /* ancestors of a run; more are a cycle */
#define RUNS_MAX   ((size_t)1 << 24) /* forgotten at a change */

#define JOB_INDEX  "JOB_COMPLETION_INDEX"
#define TASK       "SLURM_ARRAY_TASK_"
#define TASK_ID    TASK "ID"
#define TASK_MIN   TASK "MIN"
#define TASK_MAX   TASK "MAX"
#define TASK_STEP  TASK "STEP"
#define TASK_COUNT TASK "COUNT"

/* The environment of a process. */
struct environment {
    shard_env_fn *get;
    void *ctx;
};

/* Read a number from an environment variable. */
static int read_number(const struct environment *env, const char *name, uint64_t *out,
                       struct err *err)
{
    const char *value = env->get(env->ctx, name);
    char shown[64];

    if (!value)
        return err_set(err, ERR_USAGE, "%s is not set", name);
    if (text_u64(value, NUMBER_MAX, out, err) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "%s is '%s': expected a number from 0 to %u", name,
                   text_shown(shown, sizeof(shown), value), NUMBER_MAX);
}

/* A pod of an Indexed Job; n: the number of shards, 0: not given. */
static int by_kubernetes(struct shard *out, const struct environment *env, uint64_t n,
                         struct err *err)
{
    uint64_t index;

    if (!n)
        return err_set(err, ERR_USAGE,
                       "Kubernetes sets " JOB_INDEX " but not the number of shards; give "
                       "auto/N, N being the Job's completions");
    if (read_number(env, JOB_INDEX, &index, err) < 0)
        return -1;
    if (index >= n)
        return err_set(err, ERR_USAGE,
                       JOB_INDEX " is %" PRIu64 ": expected a number below %" PRIu64
                                 ", the number of shards",
                       index, n);
    *out = (struct shard){ index + 1, n };
    return 0;
}

/* The variables of a SLURM job array. */
struct array_task {
    uint64_t id;
    uint64_t min;
    uint64_t max;
    uint64_t step;
    uint64_t count;
};

/* Check that the task is one of a regular array, of which each index is a shard. */
static int check_task(const struct array_task *t, uint64_t n, struct err *err)
{
    if (!t->step)
        return err_set(err, ERR_USAGE, TASK_STEP " is 0");
    if (!t->count || t->count > SHARD_MOST)
        return err_set(err, ERR_USAGE,
                       TASK_COUNT " is %" PRIu64 ": expected a number from 1 to %d", t->count,
                       SHARD_MOST);
    if (t->id < t->min)
        return err_set(err, ERR_USAGE,
                       TASK_ID " is %" PRIu64 ", which is below " TASK_MIN ", %" PRIu64, t->id,
                       t->min);
    if (t->max < t->min || (t->max - t->min) % t->step ||
        (t->max - t->min) / t->step + 1 != t->count)
        return err_set(err, ERR_USAGE,
                       TASK_COUNT " is %" PRIu64 ", but the array from " TASK_MIN " %" PRIu64
                                  " to " TASK_MAX " %" PRIu64 " by " TASK_STEP " %" PRIu64
                                  " has another number of tasks; use an array such as 1-8",
                       t->count, t->min, t->max, t->step);
    if ((t->id - t->min) % t->step || t->id > t->max)
        return err_set(err, ERR_USAGE,
                       TASK_ID " is %" PRIu64 ", which is not in the array from " TASK_MIN
                               " %" PRIu64 " to " TASK_MAX " %" PRIu64 " by " TASK_STEP
                               " %" PRIu64,
                       t->id, t->min, t->max, t->step);
    if (n && n != t->count)
        return err_set(err, ERR_USAGE,
                       TASK_COUNT " is %" PRIu64 ", but the number of shards is %" PRIu64
                                  "; to run one shard alone, give K/N",
                       t->count, n);
    return 0;
}

/* A task of a job array; n: the number of shards, 0: that of the array's tasks. */
static int by_slurm(struct shard *out, const struct environment *env, uint64_t n,
                    struct err *err)
{
    struct array_task t = { 0 };

    if (read_number(env, TASK_ID, &t.id, err) < 0 ||
        read_number(env, TASK_MIN, &t.min, err) < 0 ||
        read_number(env, TASK_STEP, &t.step, err) < 0 ||
        read_number(env, TASK_COUNT, &t.count, err) < 0)
        return -1;
    t.max = t.min + (t.count ? t.count - 1 : 0) * t.step;
    if (env->get(env->ctx, TASK_MAX) && read_number(env, TASK_MAX, &t.max, err) < 0)
        return -1;
    if (check_task(&t, n, err) < 0)
        return -1;
    *out = (struct shard){ (t.id - t.min) / t.step + 1, t.count };
    return 0;
}

/* Take the shard from the scheduler that started the process. */
static int by_scheduler(struct shard *out, const struct environment *env, uint64_t n,
                        struct err *err)
{
    bool kubernetes = env->get(env->ctx, JOB_INDEX) != NULL;
    bool slurm = env->get(env->ctx, TASK_ID) != NULL;

    if (kubernetes && slurm)
        return err_set(err, ERR_USAGE,
                       "both " JOB_INDEX " (Kubernetes) and " TASK_ID " (SLURM) are set; give "
                       "K/N");
    if (kubernetes)
        return by_kubernetes(out, env, n, err);
    if (slurm)
        return by_slurm(out, env, n, err);
    return err_set(err, ERR_USAGE,
                   "neither " JOB_INDEX " (an Indexed Job of Kubernetes) nor " TASK_ID
                   " (a job array of SLURM) is set");
}

int shard_parse(struct shard *out, const char *text, shard_env_fn *get, void *ctx,
                struct err *err)
{
    const struct environment env = { get, ctx };
    char shown[64];
    uint64_t n = 0;

    (void)text_shown(shown, sizeof(shown), text);
    if (strncmp(text, "auto", 4) != 0)
        return text_part(text, SHARD_MOST, &out->k, &out->n, err);
    if (text[4] && (text[4] != '/' || text_u64(text + 5, SHARD_MOST, &n, NULL) < 0 || !n))
        return err_set(err, ERR_USAGE, "'%s': expected auto or auto/N with N from 1 to %d",
                       shown, SHARD_MOST);
    return by_scheduler(out, &env, n, err) < 0 ? err_wrap(err, "'%s'", shown) : 0;
}

const char *shard_text(char out[SHARD_TEXT_MAX], const struct shard *shard)
{
    (void)snprintf(out, SHARD_TEXT_MAX, "%" PRIu64 "/%" PRIu64, shard->k, shard->n);
    return out;
}

bool shard_divides(const struct shard *shard)
{
    return shard->n > 1;
}

uint64_t shard_hash(const char *run_id)
{
    return XXH64(run_id, strlen(run_id), 0);
}

bool shard_takes(const struct shard *shard, const char *run_id)
{
    return !shard_divides(shard) || shard_hash(run_id) % shard->n == shard->k - 1;
}

/* A shard in words, for messages. */
static const char *words(char out[SHARD_TEXT_MAX + 8], const struct shard *shard)
{
    char text[SHARD_TEXT_MAX];

    if (shard_divides(shard))
        (void)snprintf(out, SHARD_TEXT_MAX + 8, "shard %s", shard_text(text, shard));
    else
        (void)snprintf(out, SHARD_TEXT_MAX + 8, "all runs");
    return out;
}

int shard_choose(const struct shard_choice *choice, struct shard *use, struct err *err)
{
    static const struct shard all = { 1, 1 };
    const struct shard now = choice->recorded.n ? choice->recorded : all;
    const struct shard *asked = &choice->asked;
    char texts[2][SHARD_TEXT_MAX + 8];

    if (!asked->n || (asked->k == now.k && asked->n == now.n)) {
        *use = now;
        return 0;
    }
    if (!choice->change && (choice->recorded.n || choice->filled))
        return err_set(err, ERR_USAGE, "'%.200s' is filled with %s, not with %s: %s",
                       choice->dir, words(texts[0], &now), words(texts[1], asked),
                       choice->bucket
                           ? "all machines must give the same N; --reshard changes it"
                           : "each shard needs a directory of its own; --reshard "
                             "changes what this one is filled with");
    *use = *asked;
    return 0;
}

/* The shard of the table: 1; 0: none; -1. */
static int own(struct db *c, struct shard *shard, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT k, n FROM shard", err);
    int rc = sql ? db_step(c, sql, err) : -1;

    *shard = (struct shard){ 0 };
    if (rc > 0) {
        *shard = (struct shard){ (uint64_t)db_column_number(sql, 0),
                                 (uint64_t)db_column_number(sql, 1) };
        db_done(sql);
    }
    return rc;
}

int shard_set_own(struct db *c, const struct shard *shard, struct err *err)
{
    struct sqlite3_stmt *sql;
    struct shard was;
    int known = own(c, &was, err);

    if (known < 0 || (known && was.k == shard->k && was.n == shard->n))
        return known < 0 ? -1 : 0;
    sql = db_sql(c, "INSERT OR REPLACE INTO shard(id, k, n) VALUES(1, ?1, ?2)", err);
    if (!sql)
        return -1;
    db_number(sql, 1, (int64_t)shard->k);
    db_number(sql, 2, (int64_t)shard->n);
    return db_do(c, sql, err) < 0 ? -1 : known;
}

/* The number that a statement of two parameters returns, or -1. */
static int64_t count_of(struct db *c, const char *text, int64_t one, int64_t two,
                        struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, text, err);
    int64_t count = -1;

    if (!sql)
        return -1;
    db_number(sql, 1, one);
    db_number(sql, 2, two);
    if (db_step(c, sql, err) > 0) {
        count = db_column_number(sql, 0);
        db_done(sql);
    }
    return count;
}

int64_t shard_members(struct db *c, uint64_t n, uint64_t k, struct err *err)
{
    return count_of(c,
                    "SELECT count(DISTINCT part) FROM log WHERE what = '" AUDIT_LOG_SHARD
                    "' AND part LIKE '%/' || ?1 AND (?2 = 0 OR part = ?2 || '/' || ?1)",
                    (int64_t)n, (int64_t)k, err);
}

int shard_recorded(struct db *c, struct shard *shard, int64_t *at_ms, struct err *err)
{
    struct shard mine;
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT part, at_ms FROM log WHERE what = '" AUDIT_LOG_SHARD
               "' ORDER BY at_ms DESC, id DESC LIMIT 1",
               err);
    int rc = sql ? db_step(c, sql, err) : -1;

    *shard = (struct shard){ 0 };
    if (rc > 0) {
        rc = text_part(db_name(sql, 0), SHARD_MOST, &shard->k, &shard->n, err);
        if (at_ms)
            *at_ms = db_column_number(sql, 1);
        db_done(sql);
    }
    if (rc == 0 && shard->n)
        rc = own(c, &mine, err);
    if (rc > 0 && mine.n == shard->n)
        *shard = mine;
    return rc < 0 ? -1 : 0;
}

int64_t shard_records(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT count(*) FROM log WHERE what = '" AUDIT_LOG_SHARD "'", err);
    int64_t count = sql && db_step(c, sql, err) > 0 ? db_column_number(sql, 0) : -1;

    if (count >= 0)
        db_done(sql);
    return count;
}

int64_t shard_records_after(struct db *c, int64_t known, uint64_t n, struct err *err)
{
    return count_of(c,
                    "SELECT count(*) FROM (SELECT part FROM log WHERE what = '" AUDIT_LOG_SHARD
                    "' ORDER BY id LIMIT -1 OFFSET ?1) WHERE part NOT LIKE '%/' || ?2",
                    known, (int64_t)n, err);
}

int shard_is_filled(struct db *c, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT 1 FROM volumes UNION ALL SELECT 1 FROM states LIMIT 1", err);

    return sql ? db_any(c, sql, err) : -1;
}

/* Replace a run's canonical ID by that of the run that started it: 1; 0: no run did; -1. */
static int climb(struct db *c, char id[RELATION_ID_MAX + 1], struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c, "SELECT " RELATION_NAME("p.parent_id") " FROM parents p WHERE p.run_id = ?1", err);
    int rc;

    if (!sql)
        return -1;
    db_text(sql, 1, id);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        char parent[RELATION_ID_MAX + 1];

        (void)snprintf(parent, sizeof(parent), "%s", db_name(sql, 0));
        db_done(sql);
        (void)snprintf(id, RELATION_ID_MAX + 1, "%s", parent);
    }
    return rc;
}

int shard_has(struct db *c, const struct shard *shard, const char *run_id, struct err *err)
{
    char name[RELATION_ID_MAX + 1];
    char id[RELATION_ID_MAX + 1];
    int rc = 1;
    int i;

    if (!shard_divides(shard))
        return 1;
    (void)snprintf(id, sizeof(id), "%s", relation_name(c, run_id, name));
    for (i = 0; rc > 0 && i < FAMILY_MAX; i++)
        rc = climb(c, id, err);
    return rc < 0 ? -1 : shard_takes(shard, id);
}

/* Collect the runs that no volume has or had, and that are not in the shard. */
static int collect_others(struct db *c, const struct shard *shard, struct text_list *others,
                          struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT s.run_id FROM states s WHERE s.state IN ('" RUN_STATE_RUNNING
        "', '" RUN_STATE_DUE "', '" RUN_STATE_UNDECIDED "', '" RUN_STATE_GONE
        "') AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.run_id) AND NOT EXISTS"
        " (SELECT 1 FROM lost l WHERE l.run_id = s.run_id)",
        err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        int has = shard_has(c, shard, db_name(sql, 0), err);

        if (has < 0 || (!has && text_list_add(others, db_name(sql, 0), RUNS_MAX, err) < 0)) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int shard_joined(struct db *c, const struct shard *shard, struct err *err)
{
    struct shard mine;
    int known = own(c, &mine, err);

    if (known < 0)
        return -1;
    return known && mine.n == shard->n ? 0 : shard_changed(c, shard, err);
}

int shard_changed(struct db *c, const struct shard *shard, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM frontiers", err);
    struct text_list others = { 0 };
    size_t i;
    int rc = sql ? db_do(c, sql, err) : -1;

    if (rc == 0)
        rc = collect_others(c, shard, &others, err);
    for (i = 0; rc == 0 && i < others.count; i++)
        rc = run_state_forget(c, others.at[i], err);
    text_list_clear(&others);
    return rc;
}
