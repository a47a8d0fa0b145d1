/* SPDX-License-Identifier: MIT */
#include "format/manifest_read.h"

#include "base/clock.h"
#include "base/text.h"
#include "format/suspect.h"

#include <string.h>

/* The next element in the grammar. */
enum {
    WANT_VALUE,
    WANT_FIRST, /* a value, or the end of an array */
    WANT_KEY,
    WANT_FIRST_KEY, /* a key, or the end of an object */
    WANT_COLON,
    WANT_NEXT, /* a comma, or the end of the container */
    WANT_END,
};

int manifest_read_check(void *ctx, enum manifest_read_section section, const char *text,
                        size_t len, struct err *err)
{
    (void)ctx;
    (void)section;
    (void)text;
    (void)len;
    (void)err;
    return 0;
}

void manifest_read_init(struct manifest_read *rows, manifest_read_fn *fn, void *ctx)
{
    *rows = (struct manifest_read){ .fn = fn, .ctx = ctx, .expect = WANT_VALUE };
    buf_init(&rows->token, MANIFEST_READ_ROW_MAX);
    buf_init(&rows->row, MANIFEST_READ_ROW_MAX);
}

void manifest_read_clear(struct manifest_read *rows)
{
    buf_clear(&rows->token);
    buf_clear(&rows->row);
}

static int broken(const char *what, struct err *err)
{
    return err_set(err, ERR_FORMAT, "the manifest is not valid JSON: %s", what);
}

static bool in_object(const struct manifest_read *rows)
{
    return rows->depth && (rows->objects[rows->depth / 8] >> rows->depth % 8 & 1);
}

static bool wants_value(const struct manifest_read *rows)
{
    return rows->expect == WANT_VALUE || rows->expect == WANT_FIRST;
}

/* Whether the value of a section is a scalar. */
static bool is_scalar(enum manifest_read_section section)
{
    return section >= MANIFEST_READ_CREATED && section <= MANIFEST_READ_CHILDREN;
}

/* Called at the end of a value. */
static void end_value(struct manifest_read *rows)
{
    rows->expect = rows->depth ? WANT_NEXT : WANT_END;
    if (rows->depth <= 1 || rows->section == MANIFEST_READ_FILTER || is_scalar(rows->section))
        rows->section = MANIFEST_READ_HEAD;
    if (rows->depth <= 1)
        rows->in_request = false;
}

/* The section of a key of the top-level object, or of "request"; keys: as the enum's names. */
static enum manifest_read_section section_of(const char *key, bool in_request)
{
    static const char *const keys[] = {
        "",           "\"created_at\"", "\"source\"",    "\"children\"",  "\"previous\"",
        "\"filter\"", "\"runs\"",       "\"documents\"", "\"artifacts\"", "\"missing\""
    };
    unsigned i = MANIFEST_READ_MISSING;

    while (i && (strcmp(key, keys[i]) != 0 ||
                 (i == MANIFEST_READ_FILTER || i == MANIFEST_READ_CHILDREN) != in_request))
        i--;
    return i;
}

/* Process a complete key. */
static int end_key(struct manifest_read *rows, struct err *err)
{
    const char *key = buf_text(&rows->token);

    rows->expect = WANT_COLON;
    if (rows->depth > 2 || (rows->depth == 2 && !rows->in_request))
        return 0;
    if (strchr(key, '\\'))
        return broken("a key of the top level or of \"request\" has escapes", err);
    if (rows->depth == 1)
        rows->in_request = strcmp(key, "\"request\"") == 0;
    rows->section = section_of(key, rows->depth == 2);
    if (rows->section == MANIFEST_READ_HEAD)
        return 0;
    if (rows->seen & 1U << rows->section)
        return err_set(err, ERR_FORMAT, "duplicate key %.20s in the manifest", key);
    rows->seen |= 1U << rows->section;
    return 0;
}

/* Process a complete string or other scalar outside of rows. */
static int end_token(struct manifest_read *rows, struct err *err)
{
    const char *text = buf_text(&rows->token);
    bool key = rows->expect == WANT_KEY || rows->expect == WANT_FIRST_KEY;
    enum manifest_read_section section = rows->section;
    bool absent = section == MANIFEST_READ_PREVIOUS && strcmp(text, "null") == 0;
    int rc;

    if (json_check(text, rows->token.len, NULL, err) < 0)
        return err_wrap(err, "invalid manifest");
    if (key && *text == '"') {
        rc = end_key(rows, err);
    } else if (key || !wants_value(rows)) {
        rc = broken("unexpected value", err);
    } else if (is_scalar(section) &&
               rows->depth == (section == MANIFEST_READ_CHILDREN ? 2 : 1)) {
        end_value(rows);
        rc = rows->fn(rows->ctx, section, text, rows->token.len, err);
    } else if (!rows->depth || (section != MANIFEST_READ_HEAD && rows->depth <= 2 && !absent)) {
        rc = broken("expected an array or object", err);
    } else {
        end_value(rows);
        rc = 0;
    }
    buf_reset(&rows->token);
    return rc;
}

/* Whether a value that starts here, outside of rows, is a row. */
static bool is_row(const struct manifest_read *rows)
{
    return rows->section == MANIFEST_READ_PREVIOUS
               ? rows->depth == 1
               : rows->section != MANIFEST_READ_HEAD && rows->depth == 2;
}

static int add_to_row(struct manifest_read *rows, const char *bytes, size_t len,
                      struct err *err)
{
    if (rows->row.len + len > MANIFEST_READ_ROW_MAX)
        return err_set(err, ERR_FORMAT, "a row of the manifest is larger than %zu bytes",
                       (size_t)MANIFEST_READ_ROW_MAX);
    return buf_add(&rows->row, bytes, len, err);
}

/* Process an opening bracket outside of rows. */
static int open_bracket(struct manifest_read *rows, char c, struct err *err)
{
    if (!wants_value(rows))
        return broken("unexpected bracket", err);
    if ((!rows->depth || is_row(rows)) && c != '{')
        return broken("expected an object", err);
    if (rows->depth == 1 && is_scalar(rows->section))
        return broken("expected a string", err);
    if (rows->depth == 1 && rows->section >= MANIFEST_READ_RUNS && c != '[')
        return broken("expected an array", err);
    if (is_row(rows)) {
        rows->row_depth = 1;
        rows->row_at = rows->fed;
        return add_to_row(rows, &c, 1, err);
    }
    if (rows->depth + 1 >= JSON_DEPTH_MAX)
        return broken("nested too deeply", err);
    rows->depth++;
    rows->objects[rows->depth / 8] &= (uint8_t) ~(1U << rows->depth % 8);
    if (c == '{')
        rows->objects[rows->depth / 8] |= (uint8_t)(1U << rows->depth % 8);
    rows->expect = c == '{' ? WANT_FIRST_KEY : WANT_FIRST;
    return 0;
}

static int close_bracket(struct manifest_read *rows, char c, struct err *err)
{
    bool object = c == '}';

    if (!rows->depth || in_object(rows) != object ||
        (rows->expect != WANT_NEXT && rows->expect != (object ? WANT_FIRST_KEY : WANT_FIRST)))
        return broken("mismatched brackets", err);
    rows->depth--;
    end_value(rows);
    return 0;
}

/* Process one byte outside of rows and strings. */
static int feed_outside(struct manifest_read *rows, char c, struct err *err)
{
    bool blank = strchr(" \t\r\n", c) && c;
    bool mark = c && strchr("{}[],:\"", c);
    int rc = rows->token.len && (blank || mark) ? end_token(rows, err) : 0;

    if (rc || blank)
        return rc;
    if (rows->expect == WANT_END)
        return err_set(err, ERR_FORMAT, "unexpected data after the end of the manifest");
    switch (c) {
    case '{':
    case '[':
        return open_bracket(rows, c, err);
    case '}':
    case ']':
        return close_bracket(rows, c, err);
    case ',':
        if (rows->expect != WANT_NEXT)
            return broken("unexpected comma", err);
        rows->expect = in_object(rows) ? WANT_KEY : WANT_VALUE;
        return 0;
    case ':':
        if (rows->expect != WANT_COLON)
            return broken("unexpected colon", err);
        rows->expect = WANT_VALUE;
        return 0;
    default:
        rows->in_string = c == '"';
        return buf_add(&rows->token, &c, 1, err);
    }
}

/* Process a complete row. */
static int end_row(struct manifest_read *rows, struct err *err)
{
    enum manifest_read_section section = rows->section;
    bool parsed = section == MANIFEST_READ_ARTIFACTS ||
                  section == MANIFEST_READ_DOCUMENTS; /* by the callback */
    int rc = parsed ? 0 : json_check(buf_text(&rows->row), rows->row.len, NULL, err);

    end_value(rows);
    if (rc == 0)
        rc = rows->fn(rows->ctx, section, buf_text(&rows->row), rows->row.len, err);
    buf_reset(&rows->row);
    return rc;
}

/*
 * Process bytes of a row outside of strings, up to the next significant one; *taken: how many.
 */
static int feed_row(struct manifest_read *rows, const char *bytes, size_t len, size_t *taken,
                    struct err *err)
{
    size_t n = 0;
    char c;

    while (n < len && !strchr("{}[]\"", bytes[n]))
        n++;
    *taken = n < len ? n + 1 : n;
    if (add_to_row(rows, bytes, *taken, err) < 0)
        return -1;
    if (n == len)
        return 0;
    c = bytes[n];
    if (!c)
        return broken("NUL byte in a row", err);
    if (c == '"')
        rows->in_string = true;
    else if (c == '{' || c == '[')
        rows->row_depth++;
    else
        rows->row_depth--;
    return rows->row_depth ? 0 : end_row(rows, err);
}

/* Process bytes of a string, up to its end or the end of the input; *taken: how many. */
static int feed_string(struct manifest_read *rows, const char *bytes, size_t len, size_t *taken,
                       struct err *err)
{
    size_t n = 1;
    bool end;

    if (!rows->escaped) {
        for (n = 0; n < len && bytes[n] != '"' && bytes[n] != '\\'; n++) {
        }
        n += n == 0;
    }
    end = n == 1 && !rows->escaped && *bytes == '"';
    rows->escaped = n == 1 && !rows->escaped && *bytes == '\\';
    rows->in_string = !end;
    *taken = n;
    if (rows->row_depth)
        return add_to_row(rows, bytes, n, err);
    if (buf_add(&rows->token, bytes, n, err) < 0)
        return -1;
    return end ? end_token(rows, err) : 0;
}

int manifest_read_feed(struct manifest_read *rows, const char *bytes, size_t len,
                       struct err *err)
{
    while (len) {
        size_t n = 1;
        int rc = rows->in_string   ? feed_string(rows, bytes, len, &n, err)
                 : rows->row_depth ? feed_row(rows, bytes, len, &n, err)
                                   : feed_outside(rows, *bytes, err);

        if (rc)
            return rc;
        bytes += n;
        len -= n;
        rows->fed += n;
    }
    return 0;
}

int manifest_read_end(const struct manifest_read *rows, struct err *err)
{
    if (rows->expect != WANT_END || rows->token.len)
        return err_set(err, ERR_FORMAT, "the manifest is truncated");
    return rows->seen & 1U << MANIFEST_READ_ARTIFACTS
               ? 0
               : err_set(err, ERR_FORMAT, "the manifest has no array \"artifacts\"");
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

    return json_u64(json_get(root, name), &value) ? value : MANIFEST_READ_NONE;
}

int manifest_read_artifact(struct manifest_read_artifact *out, const char *row, size_t len,
                           struct region *region, struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    const char *sha256 = NULL;
    int rc = -1;

    *out = (struct manifest_read_artifact){ 0 };
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
        text(&out->uri, root, "uri", region, err) < 0 ||
        text(&out->bundle_key, root, "bundle_key", region, err) < 0 ||
        text(&out->checksum, root, "checksum", region, err) < 0 ||
        text(&out->modified_at, root, "modified_at", region, err) < 0 ||
        text(&sha256, root, "sha256", region, err) < 0)
        goto out;
    (void)json_bool(json_get(root, "link"), &out->link);
    (void)json_bool(json_get(root, "checksum_mismatch"), &out->mismatch);
    out->suspect = json_has(json_get(root, "notes"), SUSPECT_NOTE);
    out->listed_size = number(root, "listed_size");
    out->told = json_type(json_get(root, "modified_at")) != JSON_ABSENT;
    out->size = number(root, "size");
    out->frame = number(root, "frame");
    out->level = number(root, "frame_level");
    out->offset = number(root, "offset");
    if (!out->path || !out->run_id || out->size == MANIFEST_READ_NONE || !sha256 ||
        text_unhex(out->sha256, SHA256_SIZE, sha256) < 0)
        (void)err_set(err, ERR_FORMAT,
                      "an artifact's row in the manifest lacks path, run_id, size or sha256");
    else
        rc = 0;
out:
    json_free(doc);
    return rc;
}

int manifest_read_name(struct manifest_read_name *out, enum manifest_read_section section,
                       const char *row, size_t len, struct region *region, struct err *err)
{
    bool previous = section == MANIFEST_READ_PREVIOUS;
    struct json *doc = json_parse(row, len, err);
    const char *sha256 = NULL;
    int rc = -1;

    *out = (struct manifest_read_name){ 0 };
    if (doc &&
        text(&out->name, json_root(doc), previous ? "archive" : "path", region, err) == 0 &&
        text(&sha256, json_root(doc), previous ? "manifest_sha256" : "sha256", region, err) ==
            0) {
        out->size = number(json_root(doc), "size");
        out->offset = number(json_root(doc), "offset");
        if (!out->name || !sha256 || text_unhex(out->sha256, SHA256_SIZE, sha256) < 0 ||
            (!previous && out->size == MANIFEST_READ_NONE))
            (void)err_set(err, ERR_FORMAT,
                          "a row in the manifest lacks its name, size or digest");
        else
            rc = 0;
    }
    json_free(doc);
    return rc;
}

/* Copy an array of strings; any other value is malformed. */
static int texts(char ***out, size_t *count, struct json_value root, const char *name,
                 struct region *region, struct err *err)
{
    struct json_value list = json_get(root, name);
    struct json_value v = { 0 };
    size_t n = 0;

    if (json_type(list) != JSON_ARRAY)
        return err_set(err, ERR_FORMAT, "the manifest's filter has no array '%s'", name);
    while ((v = json_next(list, v)).doc) {
        if (json_type(v) != JSON_STRING)
            return err_set(err, ERR_FORMAT,
                           "'%s' of the manifest's filter has a member that is not a string",
                           name);
        n++;
    }
    *out = region_take(region, (n + 1) * sizeof(**out), err);
    if (!*out)
        return -1;
    while ((v = json_next(list, v)).doc) {
        if (json_string(v, region, &(*out)[*count], err) < 0)
            return -1;
        ++*count;
    }
    return 0;
}

/* Whether a filter has no such limit: it is null or absent. */
static bool is_none(struct json_value limit)
{
    return json_type(limit) == JSON_ABSENT || json_type(limit) == JSON_NULL;
}

/* Get a limit of a filter. A limit that cannot be parsed is an error, and not ignored. */
static int filter_size(uint64_t *out, struct json_value root, const char *name, struct err *err)
{
    *out = number(root, name);
    return is_none(json_get(root, name)) || *out != MANIFEST_READ_NONE
               ? 0
               : err_set(err, ERR_FORMAT, "'%s' of the manifest's filter is not a size", name);
}

static int filter_time(int64_t *out, struct json_value root, const char *name,
                       struct region *region, struct err *err)
{
    const char *value = NULL;

    if (text(&value, root, name, region, err) < 0)
        return -1;
    *out = clock_us(value);
    return is_none(json_get(root, name)) || *out != CLOCK_NONE
               ? 0
               : err_set(err, ERR_FORMAT, "'%s' of the manifest's filter is not a time", name);
}

int manifest_read_filter(struct manifest_filter *out, const char *row, size_t len,
                         struct region *region, struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    char **lists[4] = { NULL };
    struct json_value root;
    int rc = -1;

    *out = (struct manifest_filter){ 0 };
    if (!doc)
        return -1;
    root = json_root(doc);
    if (filter_size(&out->larger_than, root, "larger_than", err) == 0 &&
        filter_size(&out->smaller_than, root, "smaller_than", err) == 0 &&
        texts(&lists[0], &out->type_count, root, "types", region, err) == 0 &&
        texts(&lists[1], &out->excluded_count, root, "excluded_types", region, err) == 0 &&
        texts(&lists[2], &out->name_count, root, "names", region, err) == 0 &&
        texts(&lists[3], &out->step_count, root, "steps", region, err) == 0 &&
        filter_time(&out->newer_us, root, "newer_than", region, err) == 0 &&
        filter_time(&out->older_us, root, "older_than", region, err) == 0)
        rc = 0;
    out->types = lists[0];
    out->excluded = lists[1];
    out->names = lists[2];
    out->steps = lists[3];
    json_free(doc);
    return rc;
}

/* Copy a run's notes; values other than strings are skipped. */
static int keep_notes(struct manifest_read_run *out, struct json_value notes,
                      struct region *region, struct err *err)
{
    const struct json_value first = json_next(notes, (struct json_value){ 0 });
    struct json_value note;
    size_t count = 0;
    char **kept;

    for (note = first; json_type(note) != JSON_ABSENT; note = json_next(notes, note))
        count += json_type(note) == JSON_STRING;
    if (!count)
        return 0;
    kept = region_take(region, count * sizeof(*kept), err);
    if (!kept)
        return -1;
    out->notes = kept;
    for (note = first; json_type(note) != JSON_ABSENT; note = json_next(notes, note)) {
        if (json_type(note) != JSON_STRING)
            continue;
        if (json_string(note, region, &kept[out->note_count], err) < 0)
            return -1;
        out->note_count++;
    }
    return 0;
}

bool manifest_read_noted(const struct manifest_read_run *run, const char *word)
{
    size_t i;

    for (i = 0; i < run->note_count; i++) {
        if (strcmp(run->notes[i], word) == 0)
            return true;
    }
    return false;
}

int manifest_read_run(struct manifest_read_run *out, const char *row, size_t len,
                      struct region *region, struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    struct json_value counts;
    int rc = -1;

    *out = (struct manifest_read_run){ 0 };
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
        text(&out->title, root, "title", region, err) < 0 ||
        text(&out->output, root, "output", region, err) < 0 ||
        text(&out->other_run_id, root, "other_run_id", region, err) < 0 ||
        text(&out->parent_run_id, root, "parent_run_id", region, err) < 0 ||
        text(&out->supplements, root, "supplements", region, err) < 0 ||
        text(&out->error, root, "error", region, err) < 0 ||
        keep_notes(out, json_get(root, "notes"), region, err) < 0)
        goto out;
    out->named = json_type(json_get(root, "other_run_id")) != JSON_ABSENT;
    (void)json_u64(json_get(counts, "archived"), &out->archived);
    (void)json_u64(json_get(counts, "missing"), &out->missing);
    rc = out->run_id ? 0 : err_set(err, ERR_FORMAT, "a run's row in the manifest lacks run_id");
out:
    json_free(doc);
    return rc;
}

int manifest_read_missing(struct manifest_read_missing *out, const char *row, size_t len,
                          struct region *region, struct err *err)
{
    struct json *doc = json_parse(row, len, err);
    struct json_value root;
    int rc = -1;

    *out = (struct manifest_read_missing){ 0 };
    if (!doc)
        return -1;
    root = json_root(doc);
    if (text(&out->run_id, root, "run_id", region, err) == 0 &&
        text(&out->artifact_id, root, "artifact_id", region, err) == 0 &&
        text(&out->artifact_type, root, "artifact_type", region, err) == 0 &&
        text(&out->reason, root, "reason", region, err) == 0)
        rc = out->run_id && out->reason
                 ? 0
                 : err_set(err, ERR_FORMAT,
                           "a row of missing items in the manifest lacks run_id or reason");
    json_free(doc);
    return rc;
}
