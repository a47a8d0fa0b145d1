/* SPDX-License-Identifier: MIT */
#include "vault/annals.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "vault/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)
#define LINE_MAX ((size_t)64 << 10)

/* A run that is in no volume is not archived again. */
static int set_pruned(struct catalog *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, "SELECT 1 FROM runs WHERE run_id = ?1", err);
    int rc;

    if (!sql)
        return -1;
    catalog_text(sql, 1, run_id);
    rc = catalog_step(c, sql, err);
    if (rc > 0)
        catalog_done(sql);
    if (rc)
        return rc < 0 ? -1 : 0;
    return state_set(c, run_id, STATE_PRUNED, 0, NULL, err);
}

static int set_hold(struct catalog *c, const struct annals_entry *e, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "INSERT OR REPLACE INTO holds(run_id, reason, since_ms) VALUES(?1, ?2, ?3)", err);

    if (!sql)
        return -1;
    catalog_text(sql, 1, e->run_id);
    catalog_text(sql, 2, e->reason ? e->reason : "");
    catalog_number(sql, 3, e->at_ms);
    return catalog_do(c, sql, err);
}

static int drop_hold(struct catalog *c, const char *run_id, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(c, "DELETE FROM holds WHERE run_id = ?1", err);

    if (!sql)
        return -1;
    catalog_text(sql, 1, run_id);
    return catalog_do(c, sql, err);
}

/* Into the catalog: its log, and what follows. */
static int apply(struct catalog *c, const struct annals_entry *e, struct err *err)
{
    struct sqlite3_stmt *sql = catalog_sql(
        c, "INSERT INTO log(at_ms, what, run_id, volume, reason) VALUES(?1, ?2, ?3, ?4, ?5)",
        err);

    if (!sql)
        return -1;
    catalog_number(sql, 1, e->at_ms);
    catalog_text(sql, 2, e->what);
    catalog_text(sql, 3, e->run_id);
    catalog_text(sql, 4, e->volume);
    catalog_text(sql, 5, e->reason);
    if (catalog_do(c, sql, err) < 0)
        return -1;
    if (e->run_id && strcmp(e->what, ANNALS_HOLD) == 0)
        return set_hold(c, e, err);
    if (e->run_id && strcmp(e->what, ANNALS_RELEASE) == 0)
        return drop_hold(c, e->run_id, err);
    if (e->run_id && strcmp(e->what, ANNALS_PRUNE) == 0)
        return set_pruned(c, e->run_id, err);
    return 0;
}

/* Append a line to the file, flushed; a line that a crash tore is ended first. */
static int append(const char *dir, const struct annals_entry *e, struct err *err)
{
    char *path = mem_format(err, "%s/" ANNALS_NAME, dir);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    struct jsonw w;
    struct buf line;
    off_t size;
    char last = '\n';
    int rc = -1;

    buf_init(&line, LINE_MAX);
    if (fd < 0) {
        if (path)
            (void)err_sys(err, "cannot write '%s'", path);
        goto out;
    }
    jsonw_init(&w, buf_put, &line);
    jsonw_object(&w, NULL, JSONW_INLINE);
    jsonw_u64(&w, "at_ms", (uint64_t)e->at_ms);
    jsonw_text(&w, "what", e->what);
    jsonw_text(&w, "run_id", e->run_id);
    jsonw_text(&w, "volume", e->volume);
    jsonw_text(&w, "reason", e->reason);
    jsonw_close(&w);
    if (jsonw_end(&w, err) < 0)
        goto out;
    size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        last = '\n';
    if ((last != '\n' && file_write(fd, "\n", 1, err) < 0) ||
        file_write(fd, line.data, line.len, err) < 0)
        (void)err_wrap(err, "'%s'", path);
    else if (fsync(fd) < 0)
        (void)err_sys(err, "cannot sync '%s'", path);
    else
        rc = 0;
out:
    buf_clear(&line);
    file_close(&fd);
    mem_free(path);
    return rc;
}

int annals_add(struct catalog *c, const char *dir, const struct annals_entry *entry,
               struct err *err)
{
    return append(dir, entry, err) < 0 ? -1 : apply(c, entry, err);
}

static const char *text_of(struct json_value object, const char *key, struct region *region)
{
    char *text = NULL;
    struct err ignored;

    return json_string(json_get(object, key), region, &text, &ignored) < 0 ? NULL : text;
}

static int take_line(struct catalog *c, const char *line, size_t len, struct err *err)
{
    struct json *doc = json_parse(line, len, NULL);
    struct region *region = doc ? region_new(err) : NULL;
    struct annals_entry e = { 0 };
    uint64_t at = 0;
    int rc = doc && !region ? -1 : 0;

    if (region && json_type(json_root(doc)) == JSON_OBJECT) {
        struct json_value root = json_root(doc);

        (void)json_u64(json_get(root, "at_ms"), &at);
        e.at_ms = (int64_t)at;
        e.what = text_of(root, "what", region);
        e.run_id = text_of(root, "run_id", region);
        e.volume = text_of(root, "volume", region);
        e.reason = text_of(root, "reason", region);
        if (e.what)
            rc = apply(c, &e, err);
    } else if (len) {
        log_line(LOG_WARNING, ANNALS_NAME ": a line that cannot be read is passed over");
    }
    region_free(region);
    json_free(doc);
    return rc;
}

int annals_read(struct catalog *c, const char *dir, struct err *err)
{
    char *path = mem_format(err, "%s/" ANNALS_NAME, dir);
    struct buf text;
    const char *at;
    int rc = path ? 0 : -1;

    buf_init(&text, FILE_MAX);
    if (rc == 0 && file_load(path, &text, err) < 0) {
        rc = err->os == ENOENT ? 0 : -1;
        if (rc == 0)
            err_clear(err);
    }
    if (rc == 0)
        rc = catalog_begin(c, err);
    for (at = buf_text(&text); rc == 0 && *at; at += *at == '\n') {
        size_t len = strcspn(at, "\n");

        rc = take_line(c, at, len, err);
        at += len;
    }
    if (rc == 0)
        rc = catalog_commit(c, err);
    else
        catalog_rollback(c);
    buf_clear(&text);
    mem_free(path);
    return rc;
}

bool annals_held(struct catalog *c, const char *run_id, char *reason, size_t size)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT reason FROM holds WHERE run_id = ?1", NULL);

    if (!sql)
        return true; /* when that cannot be told, it is */
    catalog_text(sql, 1, run_id);
    if (catalog_step(c, sql, NULL) <= 0)
        return false;
    if (reason)
        (void)snprintf(reason, size, "%s", catalog_column(sql, 0));
    catalog_done(sql);
    return true;
}

int annals_holds(struct catalog *c,
                 int (*fn)(void *ctx, const struct annals_entry *hold, struct err *err),
                 void *ctx, struct err *err)
{
    struct sqlite3_stmt *sql =
        catalog_sql(c, "SELECT run_id, reason, since_ms FROM holds ORDER BY run_id", err);
    int rc = sql ? 1 : -1;

    while (rc > 0 && (rc = catalog_step(c, sql, err)) > 0) {
        struct annals_entry hold = { .what = ANNALS_HOLD,
                                     .run_id = catalog_column(sql, 0),
                                     .reason = catalog_column(sql, 1),
                                     .at_ms = catalog_column_number(sql, 2) };

        if (fn(ctx, &hold, err) < 0) {
            catalog_done(sql);
            return -1;
        }
    }
    return rc;
}
