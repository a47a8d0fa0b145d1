/* SPDX-License-Identifier: MIT */
#include "catalog/contents.h"

#include "base/text.h"
#include "catalog/relation.h"
#include "catalog/volume_name.h"

#include <stdio.h>
#include <string.h>

int contents_remove(struct db *c, const char *name, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM volumes WHERE name = ?1", err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    if (db_do(c, sql, err) < 0)
        return -1;
    sql = db_sql(c,
                 "DELETE FROM objects WHERE NOT EXISTS"
                 " (SELECT 1 FROM artifacts WHERE object = objects.id)",
                 err);
    return sql ? db_do(c, sql, err) : -1;
}

int contents_volume(struct db *c, const struct contents_volume *v, int64_t *id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "DELETE FROM volumes WHERE name = ?1", err);

    if (!sql)
        return -1;
    db_text(sql, 1, v->name);
    if (db_do(c, sql, err) < 0)
        return -1;
    sql = db_sql(c,
                 "INSERT INTO volumes(name, size, manifest_sha256, created_ms, entered_ms,"
                 " verified_ms, tail_sha256, log_id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                 " (SELECT coalesce(max(id), 0) FROM log))",
                 err);
    if (!sql)
        return -1;
    db_text(sql, 1, v->name);
    db_number(sql, 2, (int64_t)v->size);
    db_text(sql, 3, v->manifest_sha256);
    db_number(sql, 4, v->created_ms);
    db_number(sql, 5, v->entered_ms);
    db_number(sql, 6, v->verified_ms);
    if (v->tail)
        db_bytes(sql, 7, v->tail, SHA256_SIZE);
    if (db_do(c, sql, err) < 0)
        return -1;
    *id = db_last(c);
    return 0;
}

/* Run a statement for one part of a run: ?1 is the run, ?2 the part. */
static int do_part(struct db *c, struct sqlite3_stmt *sql, const char *run_id, const char *part,
                   struct err *err)
{
    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, part);
    return db_do(c, sql, err);
}

/* A part of a lost volume is in a volume again. */
static int found_again(struct db *c, const char *run_id, const char *part, struct err *err)
{
    return do_part(c, db_sql(c, "DELETE FROM lost WHERE run_id = ?1 AND part = ?2", err),
                   run_id, part, err);
}

int contents_run(struct db *c, int64_t volume, const struct contents_run *r, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT OR REPLACE INTO runs(run_id, volume, supplements, status, run_type,"
               " created_at, finished_at, failure_reason, prompt, artifacts, missing,"
               " title, output)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, r->run_id);
    db_number(sql, 2, volume);
    db_text(sql, 3, r->supplements);
    db_text(sql, 4, r->status);
    db_text(sql, 5, r->run_type);
    db_number(sql, 6, r->created_at);
    db_number(sql, 7, r->finished_at);
    db_text(sql, 8, r->failure_reason);
    db_text(sql, 9, r->prompt);
    db_number(sql, 10, (int64_t)r->artifacts);
    db_number(sql, 11, (int64_t)r->missing);
    db_text(sql, 12, r->title);
    db_text(sql, 13, r->output);
    return db_do(c, sql, err) < 0 ? -1 : found_again(c, r->run_id, "", err);
}

/* Find or create the object for a content. */
static int find_object(struct db *c, const struct contents_artifact *a, int64_t *id,
                       struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT id FROM objects WHERE sha256 = ?1", err);
    int rc;

    if (!sql)
        return -1;
    db_bytes(sql, 1, a->sha256, SHA256_SIZE);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        *id = db_column_number(sql, 0);
        db_done(sql);
    }
    if (rc)
        return rc < 0 ? -1 : 0;
    sql = db_sql(c, "INSERT INTO objects(sha256, size) VALUES(?1, ?2)", err);
    if (!sql)
        return -1;
    db_bytes(sql, 1, a->sha256, SHA256_SIZE);
    db_number(sql, 2, (int64_t)a->size);
    if (db_do(c, sql, err) < 0)
        return -1;
    *id = db_last(c);
    return 0;
}

int contents_artifact(struct db *c, int64_t volume, const struct contents_artifact *a,
                      struct err *err)
{
    struct sqlite3_stmt *sql;
    int64_t object;

    if (find_object(c, a, &object, err) < 0)
        return -1;
    sql = db_sql(c,
                 "INSERT INTO artifacts(run_id, volume, artifact_id, type, path, object,"
                 " created_at, listed, mismatch)"
                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                 err);
    if (!sql)
        return -1;
    relation_bind(c, sql, 1, a->run_id);
    db_number(sql, 2, volume);
    db_text(sql, 3, a->artifact_id);
    db_text(sql, 4, a->type);
    db_text(sql, 5, a->path);
    db_number(sql, 6, object);
    db_number(sql, 7, a->created_at);
    if (a->listed)
        db_bytes(sql, 8, a->listed, CONTENTS_LISTED);
    db_number(sql, 9, a->wrong);
    if (db_do(c, sql, err) < 0 ||
        found_again(c, a->run_id, a->artifact_id ? a->artifact_id : a->path, err) < 0)
        return -1;
    if (!a->artifact_id || a->wrong)
        return 0;
    return do_part(c,
                   db_sql(c, "DELETE FROM missing WHERE run_id = ?1 AND artifact_id = ?2", err),
                   a->run_id, a->artifact_id, err);
}

int contents_missing(struct db *c, const struct contents_missing *m, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT INTO missing(run_id, artifact_id, type, reason, tries, final)"
               " SELECT ?1, ?2, ?3, ?4, 1, ?5 WHERE NOT EXISTS (SELECT 1 FROM artifacts"
               " WHERE artifact_id = ?2 AND run_id = ?1) OR EXISTS (SELECT 1 FROM missing"
               " WHERE artifact_id = ?2 AND run_id = ?1) ON CONFLICT(run_id, artifact_id)"
               " DO UPDATE SET reason = ?4, tries = tries + 1, final = final OR ?5",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, m->run_id);
    db_text(sql, 2, m->artifact_id ? m->artifact_id : "");
    db_text(sql, 3, m->type);
    db_text(sql, 4, m->reason);
    db_number(sql, 5, m->final);
    return db_do(c, sql, err);
}

int contents_again(struct db *c, const struct contents_missing *m, unsigned most,
                   struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "INSERT INTO missing(run_id, artifact_id, type, reason, tries, final)"
               " VALUES(?1, ?2, ?3, ?4, 0, (SELECT count(*) FROM artifacts"
               " WHERE artifact_id = ?2 AND run_id = ?1) >= ?5)"
               " ON CONFLICT(run_id, artifact_id) DO UPDATE SET reason = excluded.reason,"
               " final = excluded.final WHERE NOT final",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, m->run_id);
    db_text(sql, 2, m->artifact_id);
    db_text(sql, 3, m->type);
    db_text(sql, 4, m->reason);
    db_number(sql, 5, most);
    return db_do(c, sql, err);
}

int contents_has_good(struct db *c, const char *run_id, const char *artifact_id,
                      struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM artifacts WHERE artifact_id = ?2 AND run_id = ?1 AND NOT"
               " mismatch AND NOT EXISTS (SELECT 1 FROM missing WHERE run_id = ?1 AND"
               " artifact_id = ?2)",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, artifact_id);
    return db_any(c, sql, err);
}

/* Parse a checksum of the service: SHA-256 in hex; others are ignored. */
static bool checksum_of(uint8_t out[SHA256_SIZE], const char *text)
{
    return text && text_unhex(out, SHA256_SIZE, text) == 0;
}

int contents_listing(uint8_t out[CONTENTS_LISTED], const struct contents_listing *l,
                     struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint8_t digest[SHA256_SIZE] = { 0 };
    int64_t modified = db_us(l->modified_at);

    if (!sha)
        return -1;
    sha256_add(sha, &l->size, sizeof(l->size));
    if (checksum_of(digest, l->checksum))
        sha256_add(sha, digest, sizeof(digest));
    else
        sha256_add(sha, &modified, sizeof(modified));
    sha256_end(sha, digest);
    sha256_free(sha);
    memcpy(out, digest, CONTENTS_LISTED);
    return 0;
}

/* The start of the sync that made a volume, in microseconds. */
static int64_t begun_us(const char *volume)
{
    struct volume_name parts;

    return volume_name_parse(&parts, volume) ? db_us(parts.stamp) : DB_UNKNOWN;
}

int contents_is_listed(struct db *c, const char *run_id, const char *artifact_id,
                       const struct contents_listing *listing, bool *none, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT a.listed, o.sha256, a.mismatch, v.name FROM artifacts a"
               " JOIN objects o ON o.id = a.object JOIN volumes v ON v.id = a.volume"
               " WHERE a.artifact_id = ?2 AND a.run_id = ?1",
               err);
    int64_t modified = db_us(listing->modified_at);
    uint8_t wanted[SHA256_SIZE];
    uint8_t words[CONTENTS_LISTED];
    bool summed = checksum_of(wanted, listing->checksum);
    bool any = false;
    int rc = 1;

    *none = false;
    if (!sql || contents_listing(words, listing, err) < 0)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, artifact_id);
    while ((rc = db_step(c, sql, err)) > 0) {
        uint8_t had[CONTENTS_LISTED];
        uint8_t sha256[SHA256_SIZE];
        bool known = db_column_bytes(sql, 0, had, CONTENTS_LISTED);
        bool read = db_column_bytes(sql, 1, sha256, SHA256_SIZE);
        int64_t begun = begun_us(db_name(sql, 3));

        any = true;
        if ((summed && read && memcmp(sha256, wanted, SHA256_SIZE) == 0) ||
            (!db_column_number(sql, 2) &&
             (known ? memcmp(had, words, CONTENTS_LISTED) == 0
                    : !summed && modified != DB_UNKNOWN && begun != DB_UNKNOWN &&
                          modified < begun))) {
            db_done(sql);
            return 1;
        }
    }
    if (rc < 0)
        return -1;
    *none = !any;
    return any ? 0 : -1;
}

int contents_end(struct db *c, int64_t volume, const char *manifest_sha256, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE runs SET bytes = (SELECT coalesce(sum(o.size), 0) FROM artifacts a"
               " JOIN objects o ON o.id = a.object WHERE a.run_id = runs.run_id AND"
               " a.volume = runs.volume) WHERE volume = ?1",
               err);

    if (!sql)
        return -1;
    db_number(sql, 1, volume);
    if (db_do(c, sql, err) < 0)
        return -1;
    sql = db_sql(c, "UPDATE volumes SET manifest_sha256 = ?2 WHERE id = ?1", err);
    if (!sql)
        return -1;
    db_number(sql, 1, volume);
    db_text(sql, 2, manifest_sha256);
    return db_do(c, sql, err);
}

int contents_has(struct db *c, const char *name, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, "SELECT 1 FROM volumes WHERE name = ?1", err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    return db_any(c, sql, err);
}

int contents_holds(struct db *c, const char *name, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c,
                                      "SELECT 1 FROM volumes v JOIN runs r ON r.volume ="
                                      " v.id WHERE v.name = ?1 AND r.run_id = ?2",
                                      err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    relation_bind(c, sql, 2, run_id);
    return db_any(c, sql, err);
}

int contents_manifest(struct db *c, const char *name, char sha256[SHA256_TEXT], struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT manifest_sha256 FROM volumes WHERE name = ?1", err);
    int rc;

    sha256[0] = '\0';
    if (!sql)
        return -1;
    db_text(sql, 1, name);
    rc = db_step(c, sql, err);
    if (rc > 0) {
        (void)snprintf(sha256, SHA256_TEXT, "%s", db_name(sql, 0));
        db_done(sql);
    }
    return rc;
}

int contents_verified(struct db *c, const char *name, int64_t verified_ms, const uint8_t *tail,
                      struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "UPDATE volumes SET verified_ms = ?2, tail_sha256 = coalesce(?3,"
               " tail_sha256) WHERE name = ?1",
               err);

    if (!sql)
        return -1;
    db_text(sql, 1, name);
    db_number(sql, 2, verified_ms);
    if (tail)
        db_bytes(sql, 3, tail, SHA256_SIZE);
    return db_do(c, sql, err);
}

int contents_settled(struct db *c, const char *run_id, const char *artifact_id, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT 1 FROM artifacts WHERE artifact_id = ?2 AND run_id = ?1 AND NOT EXISTS"
               " (SELECT 1 FROM missing WHERE run_id = ?1 AND artifact_id = ?2) UNION ALL"
               " SELECT 1 FROM missing WHERE run_id = ?1 AND artifact_id = ?2 AND final",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    db_text(sql, 2, artifact_id);
    return db_any(c, sql, err);
}

typedef int volume_fn(void *ctx, const struct contents_volume *volume, struct err *err);

#define VOLUME                                                                                 \
    "SELECT v.name, v.size, v.manifest_sha256, v.created_ms, v.entered_ms, v.verified_ms,"     \
    " v.tail_sha256 FROM volumes v"

/* Visit the rows of a statement that begins with VOLUME. */
static int each_volume(struct db *c, struct sqlite3_stmt *sql, volume_fn *fn, void *ctx,
                       struct err *err)
{
    int rc = 1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        uint8_t tail[SHA256_SIZE];
        struct contents_volume volume = { .name = db_name(sql, 0),
                                          .size = (uint64_t)db_column_number(sql, 1),
                                          .manifest_sha256 = db_name(sql, 2),
                                          .created_ms = db_column_number(sql, 3),
                                          .entered_ms = db_column_number(sql, 4),
                                          .verified_ms = db_column_number(sql, 5) };

        if (db_column_bytes(sql, 6, tail, SHA256_SIZE))
            volume.tail = tail;
        if (fn(ctx, &volume, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int contents_volumes(struct db *c, volume_fn *fn, void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(c, VOLUME " ORDER BY v.name", err);

    return sql ? each_volume(c, sql, fn, ctx, err) : -1;
}

int contents_volumes_of(struct db *c, const char *run_id, volume_fn *fn, void *ctx,
                        struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "WITH RECURSIVE " RELATION_FAMILY(
                   "?1") " " VOLUME " WHERE v.id IN (SELECT r.volume FROM"
                         " runs r JOIN family f ON f.id = r.run_id) ORDER BY v.name",
               err);

    if (!sql)
        return -1;
    relation_bind(c, sql, 1, run_id);
    return each_volume(c, sql, fn, ctx, err);
}

/* Visit the rows of a statement with two text columns. */
static int each_pair(struct db *c, struct sqlite3_stmt *sql,
                     int (*fn)(void *ctx, const char *a, const char *b, struct err *err),
                     void *ctx, struct err *err)
{
    int rc = 1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        if (fn(ctx, db_name(sql, 0), db_name(sql, 1), err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int contents_parts(struct db *c, const char *volume,
                   int (*fn)(void *ctx, const char *run_id, const char *part, struct err *err),
                   void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql = db_sql(
        c,
        "SELECT r.run_id, '' FROM runs r JOIN volumes v ON v.id = r.volume WHERE v.name = ?1 "
        "AND"
        " NOT EXISTS (SELECT 1 FROM runs o WHERE o.run_id = r.run_id AND o.volume <> v.id)"
        " UNION ALL SELECT a.run_id, coalesce(a.artifact_id, a.path) FROM volumes v"
        " JOIN runs r ON r.volume = v.id JOIN artifacts a ON a.run_id = r.run_id AND"
        " a.volume = v.id WHERE v.name = ?1 AND NOT EXISTS (SELECT 1 FROM artifacts o WHERE"
        " o.run_id = a.run_id AND o.volume <> v.id AND coalesce(o.artifact_id, o.path) ="
        " coalesce(a.artifact_id, a.path))",
        err);

    if (!sql)
        return -1;
    db_text(sql, 1, volume);
    return each_pair(c, sql, fn, ctx, err);
}

int contents_supplements(struct db *c,
                         int (*fn)(void *ctx, const char *run_id, const char *volume,
                                   struct err *err),
                         void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT run_id, supplements FROM runs WHERE supplements IS NOT NULL"
               " ORDER BY run_id",
               err);

    return sql ? each_pair(c, sql, fn, ctx, err) : -1;
}

/* The first column of the first row of a statement with one text bound. */
static bool first_text(struct db *c, const char *text, const char *bound, char *out,
                       size_t size)
{
    struct sqlite3_stmt *sql = db_sql(c, text, NULL);

    if (!sql)
        return false;
    db_text(sql, 1, bound);
    if (db_step(c, sql, NULL) <= 0)
        return false;
    (void)snprintf(out, size, "%s", db_name(sql, 0));
    db_done(sql);
    return true;
}

bool contents_volume_of(struct db *c, const char *run_id, char *out, size_t size)
{
    static const char sql[] = "SELECT v.name FROM runs r JOIN volumes v ON v.id = r.volume"
                              " WHERE r.run_id = ?1 ORDER BY v.id DESC";

    char name[RELATION_ID_MAX + 1];

    return first_text(c, sql, relation_name(c, run_id, name), out, size);
}

bool contents_volume_with(struct db *c, const char *artifact_id, char *out, size_t size)
{
    static const char sql[] = "SELECT v.name FROM artifacts a JOIN volumes v ON v.id = a.volume"
                              " WHERE a.artifact_id = ?1 ORDER BY v.id DESC";

    return first_text(c, sql, artifact_id, out, size);
}

bool contents_newest(struct db *c, char *name, size_t size, char sha256[SHA256_TEXT])
{
    struct sqlite3_stmt *sql =
        db_sql(c, "SELECT name, manifest_sha256 FROM volumes ORDER BY id DESC LIMIT 1", NULL);

    if (!sql || db_step(c, sql, NULL) <= 0)
        return false;
    (void)snprintf(name, size, "%s", db_name(sql, 0));
    (void)snprintf(sha256, SHA256_TEXT, "%s", db_name(sql, 1));
    db_done(sql);
    return true;
}

int contents_runs(struct db *c,
                  int (*fn)(void *ctx, const struct contents_kept *run, struct err *err),
                  void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT run_id, max(status), max(coalesce(finished_at, created_at))"
               " FROM runs GROUP BY run_id",
               err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        struct contents_kept run = { db_name(sql, 0), db_column(sql, 1),
                                     db_column_number(sql, 2) };

        if (fn(ctx, &run, err) < 0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}

int contents_run_sizes(struct db *c,
                       int (*fn)(void *ctx, const char *volume, const char *run_id,
                                 uint64_t bytes, struct err *err),
                       void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        db_sql(c,
               "SELECT v.name, r.run_id, r.bytes FROM volumes v JOIN runs r ON r.volume = v.id"
               " ORDER BY v.name, r.run_id",
               err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = db_step(c, sql, err)) > 0) {
        int64_t bytes = db_column_number(sql, 2);

        if (fn(ctx, db_name(sql, 0), db_name(sql, 1), bytes > 0 ? (uint64_t)bytes : 0, err) <
            0) {
            db_done(sql);
            return -1;
        }
    }
    return rc;
}
