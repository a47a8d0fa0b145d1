/* SPDX-License-Identifier: MIT */
#include "format/rows.h"

#include "base/json.h"
#include "base/text.h"

#include <string.h>

#define KEY_MAX 64

void rows_init(struct rows *rows, rows_fn *fn, void *ctx)
{
    *rows = (struct rows){ .fn = fn, .ctx = ctx };
    buf_init(&rows->key, KEY_MAX);
    buf_init(&rows->row, ROWS_ROW_MAX);
}

void rows_clear(struct rows *rows)
{
    buf_clear(&rows->key);
    buf_clear(&rows->row);
}

/* Where a value at depth 1 begins; previous is the one that is an object itself. */
static enum rows_section section_of(const struct rows *rows, char c)
{
    const char *key = buf_text(&rows->key);

    if (rows->strange || strlen(key) != rows->key.len)
        return ROWS_HEAD;
    if (c == '{')
        return strcmp(key, "previous") == 0 ? ROWS_PREVIOUS : ROWS_HEAD;
    return strcmp(key, "runs") == 0        ? ROWS_RUNS
           : strcmp(key, "documents") == 0 ? ROWS_DOCUMENTS
           : strcmp(key, "artifacts") == 0 ? ROWS_ARTIFACTS
           : strcmp(key, "missing") == 0   ? ROWS_MISSING
                                           : ROWS_HEAD;
}

/* The depth inside of a section's rows. */
static unsigned row_depth(const struct rows *rows)
{
    return rows->section == ROWS_PREVIOUS ? 2 : 3;
}

/* Whether the scanner stands in a row that is to be kept. */
static bool in_row(const struct rows *rows)
{
    return rows->section != ROWS_HEAD && rows->depth >= row_depth(rows);
}

/* A bracket: rows in arrays begin and end at depth 3. */
static int bracket(struct rows *rows, char c, struct err *err)
{
    int rc = 0;

    if (c == '{' || c == '[') {
        if (rows->depth == 0 && c != '{')
            return err_set(err, ERR_FORMAT, "the manifest is no JSON object");
        if (rows->depth == 1)
            rows->section = section_of(rows, c);
        rows->depth++;
        rows->started = true;
        return in_row(rows) ? buf_add(&rows->row, &c, 1, err) : 0;
    }
    if (!rows->depth)
        return err_set(err, ERR_FORMAT, "the manifest's brackets do not match");
    if (in_row(rows) && buf_add(&rows->row, &c, 1, err) < 0)
        return -1;
    if (in_row(rows) && rows->depth == row_depth(rows)) {
        if (rows->fn)
            rc = rows->fn(rows->ctx, rows->section, buf_text(&rows->row), rows->row.len, err);
        buf_reset(&rows->row);
    }
    rows->depth--;
    if (rows->depth == 1)
        rows->section = ROWS_HEAD;
    rows->ended = rows->depth == 0;
    return rc;
}

/* One byte outside of strings. */
static int outside(struct rows *rows, char c, struct err *err)
{
    if (rows->ended && !strchr(" \t\r\n", c))
        return err_set(err, ERR_FORMAT, "something follows the manifest's end");
    switch (c) {
    case '"':
        rows->in_string = true;
        if (rows->depth == 1) {
            buf_reset(&rows->key);
            rows->strange = false;
        }
        break;
    case '{':
    case '[':
    case '}':
    case ']':
        return bracket(rows, c, err);
    default:
        break;
    }
    return in_row(rows) ? buf_add(&rows->row, &c, 1, err) : 0;
}

/* The bytes of a string up to its end or the end of what was fed; gives how many. */
static size_t string_span(const struct rows *rows, const char *bytes, size_t len)
{
    size_t i;

    if (rows->escaped)
        return 1;
    for (i = 0; i < len && bytes[i] != '"' && bytes[i] != '\\'; i++) {
    }
    return i ? i : 1;
}

int rows_feed(struct rows *rows, const char *bytes, size_t len, struct err *err)
{
    while (len) {
        size_t n = 1;
        int rc = 0;

        if (rows->in_string) {
            n = string_span(rows, bytes, len);
            if (in_row(rows))
                rc = buf_add(&rows->row, bytes, n, err);
            else if (rows->depth == 1 && *bytes != '"' &&
                     buf_add(&rows->key, bytes, n, NULL) < 0)
                rows->strange = true;
            if (n == 1 && !rows->escaped && *bytes == '"')
                rows->in_string = false;
            rows->escaped = n == 1 && !rows->escaped && *bytes == '\\';
        } else {
            rc = outside(rows, *bytes, err);
        }
        if (rc)
            return rc;
        bytes += n;
        len -= n;
    }
    return 0;
}

int rows_end(const struct rows *rows, struct err *err)
{
    return rows->ended ? 0 : err_set(err, ERR_FORMAT, "the manifest ends early");
}

static int text(const char **out, struct json_value root, const char *name,
                struct region *region, struct err *err)
{
    char *value;

    if (json_string(json_get(root, name), region, &value, err) < 0)
        return -1;
    *out = value;
    return 0;
}

static uint64_t number(struct json_value root, const char *name)
{
    uint64_t value;

    return json_u64(json_get(root, name), &value) ? value : ROWS_NONE;
}

int rows_artifact(struct rows_artifact *out, const char *row, size_t len, struct region *region,
                  struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    const char *sha256 = NULL;
    int rc = -1;

    *out = (struct rows_artifact){ 0 };
    if (!doc)
        return -1;
    root = json_root(doc);
    if (text(&out->path, root, "path", region, err) < 0 ||
        text(&out->run_id, root, "run_id", region, err) < 0 ||
        text(&out->artifact_id, root, "artifact_id", region, err) < 0 ||
        text(&out->artifact_type, root, "artifact_type", region, err) < 0 ||
        text(&out->created_at, root, "created_at", region, err) < 0 ||
        text(&out->duplicate_of, root, "duplicate_of", region, err) < 0 ||
        text(&out->step_id, root, "step_id", region, err) < 0 ||
        text(&out->media_type, root, "media_type", region, err) < 0 ||
        text(&sha256, root, "sha256", region, err) < 0)
        goto out;
    (void)json_bool(json_get(root, "link"), &out->link);
    out->size = number(root, "size");
    out->frame = number(root, "frame");
    out->offset = number(root, "offset");
    if (!out->path || !out->run_id || out->size == ROWS_NONE || !sha256 ||
        text_unhex(out->sha256, SHA256_SIZE, sha256) < 0)
        (void)err_set(err, ERR_FORMAT,
                      "a row of the manifest lacks path, run_id, size or sha256");
    else
        rc = 0;
out:
    json_free(doc);
    return rc;
}

int rows_name(struct rows_name *out, enum rows_section section, const char *row, size_t len,
              struct region *region, struct err *err)
{
    bool previous = section == ROWS_PREVIOUS;
    struct json *doc = json_parse(row, len, err);
    const char *sha256 = NULL;
    int rc = -1;

    *out = (struct rows_name){ 0 };
    if (doc &&
        text(&out->name, json_root(doc), previous ? "archive" : "path", region, err) == 0 &&
        text(&sha256, json_root(doc), previous ? "manifest_sha256" : "sha256", region, err) ==
            0) {
        out->size = number(json_root(doc), "size");
        if (!out->name || !sha256 || text_unhex(out->sha256, SHA256_SIZE, sha256) < 0 ||
            (!previous && out->size == ROWS_NONE))
            (void)err_set(err, ERR_FORMAT,
                          "a row of the manifest lacks its name, size or digest");
        else
            rc = 0;
    }
    json_free(doc);
    return rc;
}

int rows_run(struct rows_run *out, const char *row, size_t len, struct region *region,
             struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    struct json_value counts;
    int rc = -1;

    *out = (struct rows_run){ 0 };
    if (!doc)
        return -1;
    root = json_root(doc);
    counts = json_get(root, "counts");
    if (text(&out->run_id, root, "run_id", region, err) < 0 ||
        text(&out->status, root, "status", region, err) < 0 ||
        text(&out->run_type, root, "run_type", region, err) < 0 ||
        text(&out->created_at, root, "created_at", region, err) < 0 ||
        text(&out->finished_at, root, "finished_at", region, err) < 0 ||
        text(&out->failure_reason, root, "failure_reason", region, err) < 0 ||
        text(&out->prompt, root, "prompt", region, err) < 0 ||
        text(&out->supplements, root, "supplements", region, err) < 0 ||
        text(&out->error, root, "error", region, err) < 0)
        goto out;
    (void)json_u64(json_get(counts, "archived"), &out->archived);
    (void)json_u64(json_get(counts, "missing"), &out->missing);
    rc = out->run_id ? 0 : err_set(err, ERR_FORMAT, "a run's row in the manifest lacks run_id");
out:
    json_free(doc);
    return rc;
}

int rows_missing(struct rows_missing *out, const char *row, size_t len, struct region *region,
                 struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    int rc = -1;

    *out = (struct rows_missing){ 0 };
    if (!doc)
        return -1;
    root = json_root(doc);
    if (text(&out->run_id, root, "run_id", region, err) == 0 &&
        text(&out->artifact_id, root, "artifact_id", region, err) == 0 &&
        text(&out->artifact_type, root, "artifact_type", region, err) == 0 &&
        text(&out->reason, root, "reason", region, err) == 0)
        rc = out->run_id && out->reason
                 ? 0
                 : err_set(err, ERR_FORMAT, "a row of missing lacks run_id or reason");
    json_free(doc);
    return rc;
}
