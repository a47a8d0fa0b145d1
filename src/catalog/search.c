/* SPDX-License-Identifier: MIT */
#include "catalog/search.h"

#include "base/buf.h"
#include "base/text.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/text_index.h"

#include <sqlite3.h>

#define SQL_MAX    ((size_t)4 << 20)
#define VALUES_MAX 30000 /* SQLite's own limit is 32766 */
#define WORDS_MAX  ((size_t)1024)

/* A statement being built: its text, and the values for its parameters. */
struct query {
    struct buf text;
    const struct search *search;
    struct db *catalog;
    sqlite3_stmt *sql;
    int bound;
    enum text_index_way way; /* how the text is searched */
    struct buf words;        /* the query of the index */
};

#define HAS "instr(lower(t.text), lower(?)) > 0"

/* Whether a row r of runs has a text: for statements that find few runs otherwise. */
#define HAS_TEXT                                                                               \
    "EXISTS (SELECT 1 FROM texts t WHERE t.run_id = r.run_id AND t.volume = r.volume AND " HAS \
    ")"

/* The rows of runs with a text, by enum text_index_way. The index ignores the case of all
 * letters, and what is found in a run's own row must be as typed but for that of ASCII. */
#define BY_INDEX "t.id IN (SELECT rowid FROM text_index WHERE text_index MATCH ?)"
static const char *const with_text[] = {
    [TEXT_INDEX_SCAN] = "NOT INDEXED WHERE " HAS,
    [TEXT_INDEX_CHECK] = "WHERE " BY_INDEX " AND " HAS,
    [TEXT_INDEX_EXACT] = "WHERE " BY_INDEX " AND (t.path IS NOT NULL OR " HAS ")",
};

/* The last known status of a run, which may be newer than its volume. */
#define STATUS                                                                                 \
    "coalesce((SELECT st.status FROM states st WHERE st.run_id = r.run_id), r.status)"

/* Whether few artifacts can match: the search begins with these. */
static bool is_narrow(const struct search *s)
{
    return !s->runs && (s->sha256 || s->artifact_id);
}

/* Called twice: first to build the text, then, with q->sql set, to bind the values. names:
 * not NULL if the texts are run IDs, which may be aliases in this catalog. */
static int each_text(struct query *q, const char *column, const char *const *texts,
                     size_t count, struct db *names, struct err *err)
{
    size_t i;

    if (!count)
        return 0;
    if (count > VALUES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d values", VALUES_MAX);
    if (!q->sql && buf_addf(&q->text, err, " AND %s IN (", column) < 0)
        return -1;
    for (i = 0; i < count; i++) {
        if (q->sql && names)
            relation_bind(names, q->sql, ++q->bound, texts[i]);
        else if (q->sql)
            db_text(q->sql, ++q->bound, texts[i]);
        else if (buf_adds(&q->text, i ? ",?" : "?", err) < 0)
            return -1;
    }
    return q->sql ? 0 : buf_adds(&q->text, ")", err);
}

static int one(struct query *q, const char *condition, const char *text, int64_t number,
               struct err *err)
{
    if (!q->sql)
        return buf_addf(&q->text, err, " AND %s", condition);
    if (text)
        db_text(q->sql, ++q->bound, text);
    else
        db_number(q->sql, ++q->bound, number);
    return 0;
}

static int conditions(struct query *q, struct err *err)
{
    const struct search *s = q->search;

    if (each_text(q, "r.run_id", s->run_ids, s->run_count, q->catalog, err) < 0 ||
        each_text(q, STATUS, s->statuses, s->status_count, NULL, err) < 0 ||
        (!s->runs && each_text(q, "a.type", s->types, s->type_count, NULL, err) < 0) ||
        (s->since != DB_UNKNOWN && one(q, "r.created_at >= ?", NULL, s->since, err) < 0) ||
        (s->until != DB_UNKNOWN && one(q, "r.created_at < ?", NULL, s->until, err) < 0) ||
        (s->artifact_id && one(q, "a.artifact_id = ?", s->artifact_id, 0, err) < 0))
        return -1;
    if (s->text && is_narrow(s) && one(q, HAS_TEXT, s->text, 0, err) < 0)
        return -1;
    if (s->sha256) {
        if (!q->sql)
            return buf_adds(&q->text, " AND o.sha256 = ?", err);
        db_bytes(q->sql, ++q->bound, s->sha256, SHA256_SIZE);
    }
    return 0;
}

#define HEAD "SELECT v.name, r.run_id, " STATUS ", r.failure_reason, r.created_at"
#define TAIL                                                                                   \
    ", (SELECT an.alias FROM aliases an WHERE an.run_id = r.run_id),"                          \
    " (SELECT pa.parent_id FROM parents pa WHERE pa.run_id = r.run_id)"

/* Begin with the runs that have the text, if one is searched; or bind it. */
static int from_runs(struct query *q, struct err *err)
{
    const char *text = q->search->text;

    if (!text)
        return q->sql ? 0 : buf_adds(&q->text, " FROM runs r", err);
    if (!q->sql)
        return buf_addf(&q->text, err,
                        " FROM (SELECT DISTINCT t.run_id, t.volume FROM texts t %s) f"
                        " CROSS JOIN runs r ON r.run_id = f.run_id AND r.volume = f.volume",
                        with_text[q->way]);
    if (q->way != TEXT_INDEX_SCAN)
        db_text(q->sql, ++q->bound, buf_text(&q->words));
    db_text(q->sql, ++q->bound, text);
    return 0;
}

/* Called twice, as each_text. */
static int from(struct query *q, struct err *err)
{
    const struct search *s = q->search;

    if (is_narrow(s))
        return q->sql ? 0
                      : buf_adds(&q->text,
                                 " FROM artifacts a JOIN objects o ON o.id = a.object"
                                 " JOIN runs r ON r.run_id = a.run_id AND r.volume = a.volume"
                                 " JOIN volumes v ON v.id = a.volume WHERE 1",
                                 err);
    if (from_runs(q, err) < 0)
        return -1;
    if (q->sql)
        return 0;
    return buf_adds(&q->text,
                    s->runs ? " JOIN volumes v ON v.id = r.volume WHERE 1"
                            : " CROSS JOIN artifacts a ON a.run_id = r.run_id AND"
                              " a.volume = r.volume JOIN objects o ON o.id = a.object"
                              " JOIN volumes v ON v.id = r.volume WHERE 1",
                    err);
}

static int make(struct query *q, struct err *err)
{
    const struct search *s = q->search;

    if (buf_adds(&q->text,
                 s->runs ? HEAD ", NULL, NULL, NULL, r.bytes, NULL" TAIL
                                ", r.run_type, r.title, r.prompt"
                         : HEAD ", a.path, a.artifact_id, a.type, o.size, o.sha256" TAIL,
                 err) < 0 ||
        from(q, err) < 0 || conditions(q, err) < 0 ||
        buf_adds(&q->text, " ORDER BY r.created_at DESC", err) < 0)
        return -1;
    return s->limit ? buf_addf(&q->text, err, " LIMIT %llu", (unsigned long long)s->limit) : 0;
}

static void read_row(sqlite3_stmt *sql, struct search_row *row)
{
    const void *sha256 = sqlite3_column_blob(sql, 9);

    *row = (struct search_row){ .volume = db_name(sql, 0),
                                .run_id = db_name(sql, 1),
                                .status = db_column(sql, 2),
                                .failure_reason = db_column(sql, 3),
                                .created_at = db_column_number(sql, 4),
                                .path = db_column(sql, 5),
                                .artifact_id = db_column(sql, 6),
                                .type = db_column(sql, 7),
                                .size = (uint64_t)sqlite3_column_int64(sql, 8),
                                .other = db_column(sql, 10),
                                .parent = db_column(sql, 11) };
    if (sqlite3_column_count(sql) > 12) {
        row->run_type = db_column(sql, 12);
        row->title = db_column(sql, 13);
        row->prompt = db_column(sql, 14);
    }
    if (sha256 && sqlite3_column_bytes(sql, 9) == SHA256_SIZE)
        text_hex(row->sha256, sha256, SHA256_SIZE);
}

static void clear(struct query *q)
{
    (void)sqlite3_finalize(q->sql);
    buf_clear(&q->words);
    buf_clear(&q->text);
}

/* Make the statement of a search, after the words of `before`, and bind its values. */
static int prepare(struct query *q, struct db *c, const struct search *search,
                   const char *before, struct err *err)
{
    int way = TEXT_INDEX_SCAN;

    *q = (struct query){ .search = search, .catalog = c };
    buf_init(&q->text, SQL_MAX);
    buf_init(&q->words, WORDS_MAX);
    if (search->text && !is_narrow(search))
        way = text_index_query(&q->words, search->text, err);
    if (way < 0 || buf_adds(&q->text, before, err) < 0)
        return -1;
    q->way = (enum text_index_way)way;
    if (make(q, err) < 0 || !(q->sql = db_once(c, buf_text(&q->text), err)))
        return -1;
    return from(q, err) < 0 || conditions(q, err) < 0 ? -1 : 0;
}

/* Any text has the empty one: it is no condition. */
static struct search without_empty(const struct search *search)
{
    struct search own = *search;

    if (own.text && !*own.text)
        own.text = NULL;
    return own;
}

int search_run(struct db *c, const struct search *search,
               int (*fn)(void *ctx, const struct search_row *row, struct err *err), void *ctx,
               struct err *err)
{
    const struct search own = without_empty(search);
    struct query q;
    struct search_row row;
    int rc = prepare(&q, c, &own, "", err) < 0 ? -1 : 1;

    while (rc > 0 && (rc = db_step(c, q.sql, err)) > 0) {
        read_row(q.sql, &row);
        if (fn(ctx, &row, err) < 0)
            rc = -1;
    }
    clear(&q);
    return rc;
}

int search_plan(struct db *c, const struct search *search, struct buf *plan, struct err *err)
{
    const struct search own = without_empty(search);
    struct query q;
    int rc = prepare(&q, c, &own, "EXPLAIN QUERY PLAN ", err) < 0 ? -1 : 1;

    while (rc > 0 && (rc = db_step(c, q.sql, err)) > 0) {
        if (buf_addf(plan, err, "%s\n", db_name(q.sql, 3)) < 0)
            rc = -1;
    }
    clear(&q);
    return rc;
}

int search_types(struct db *c, void (*fn)(void *ctx, const char *type, uint64_t count),
                 void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT type, count(*) FROM artifacts GROUP BY type ORDER BY type", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0)
        fn(ctx, db_column(sql, 0), (uint64_t)sqlite3_column_int64(sql, 1));
    return rc;
}

/* SQL condition for a row s of states: sealed because of its lists, and complete. */
#define IS_SAFE                                                                                \
    "s.state = '" RUN_STATE_SEALED "' AND coalesce(s.reason, '') NOT IN ('" RUN_STATE_LEFT     \
    "', '" RUN_STATE_EMPTY "') AND EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.run_id)"    \
    " AND NOT EXISTS (SELECT 1 FROM missing m WHERE m.run_id = s.run_id)"                      \
    " AND NOT EXISTS (SELECT 1 FROM lost l WHERE l.run_id = s.run_id)"

int search_sealed(struct db *c, int64_t before,
                  int (*fn)(void *ctx, const char *run_id, struct err *err), void *ctx,
                  struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT s.run_id FROM states s WHERE s.finished_at < ?1 AND " IS_SAFE
               " AND NOT EXISTS (WITH RECURSIVE " RELATION_FAMILY(
                   "s.run_id") " SELECT 1 FROM family f JOIN states s ON s.run_id = f.id "
                               "WHERE s.state <> 'gone'"
                               " AND NOT (" IS_SAFE ")) ORDER BY s.finished_at, s.run_id",
               err);
    int rc = sql ? 1 : -1;

    if (!sql)
        return -1;
    db_number(sql, 1, before);
    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        if (fn(ctx, db_name(sql, 0), err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

/* SQL expression to order volumes by age: by the time in the name, which a rewritten volume
 * keeps, and within a second by the order of import. */
#define MADE(v) "(substr(" v ".name, 1, 31), " v ".id)"

int search_newer(struct db *c, const char *run_id, const char *name, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM volumes x JOIN runs r ON r.run_id = ?1 JOIN volumes v ON"
               " v.id = r.volume WHERE x.name = ?2 AND " MADE("v") " > " MADE("x"),
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, name);
    return db_any(c, sql, err);
}

int search_differs(struct db *c, const char *run_id, const char *status, int64_t finished_at,
                   struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT 1 FROM (SELECT r.status, r.finished_at FROM runs r JOIN volumes v ON v.id ="
        " r.volume WHERE r.run_id = ?1 ORDER BY substr(v.name, 1, 31) DESC, v.id DESC LIMIT 1)"
        " n WHERE (?2 IS NOT NULL AND n.status IS NOT ?2) OR (?3 IS NOT NULL AND"
        " n.finished_at IS NOT ?3)",
        err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, status);
    db_number(sql, 3, finished_at);
    return db_any(c, sql, err);
}
