/* SPDX-License-Identifier: MIT */
#include "copy/copy_manifest.h"

#include "base/jsonw.h"
#include "base/text.h"
#include "mask/json_mask.h"

#include <string.h>

#define ROW_MAX ((size_t)16 << 20)

/* What identifies, or is made anew. */
const char *const copy_manifest_spared[] = { "path",
                                             "run_id",
                                             "other_run_id",
                                             "parent_run_id",
                                             "artifact_id",
                                             "sha256",
                                             "xxh3_128",
                                             "duplicate_of",
                                             "checksum",
                                             "artifact_type",
                                             "step_id",
                                             "media_type",
                                             "origin",
                                             "created_at",
                                             "started_at",
                                             "finished_at",
                                             "fetched_at",
                                             "fetched_via",
                                             "modified_at",
                                             "status",
                                             "run_type",
                                             "notes",
                                             "counts",
                                             "size",
                                             "offset",
                                             "frame",
                                             "frame_level",
                                             "link",
                                             "encoded",
                                             "listed_size",
                                             "records",
                                             "reason",
                                             "http_status",
                                             "attempts",
                                             "checksum_mismatch",
                                             "run_ids",
                                             "types",
                                             "excluded_types",
                                             "records_missing",
                                             NULL };

/* A row of the manifest whose members were masked. */
struct masked_row {
    const char *list;
    uint64_t number;
    struct buf members; /* their names, as JSON strings with commas between */
};

struct making_copy {
    const struct copy_manifest *made;
    struct buf *out;
    struct buf row;               /* a masked row */
    struct buf masked;            /* rows of "masked", as JSON */
    const struct copy_file *file; /* of the row, or NULL */
};

static int body_stays(struct masker *m, const char *bytes, size_t len, struct buf *out,
                      struct err *err)
{
    (void)m;
    (void)bytes;
    (void)len;
    (void)out;
    (void)err;
    return 0;
}

static int put_raw(struct buf *out, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);

    return json_type(v) == JSON_STRING ? buf_add(out, raw - 1, len + 2, err)
                                       : buf_add(out, raw, len, err);
}

bool copy_manifest_same(struct json_value a, struct json_value b)
{
    struct json_value x = { 0 };
    struct json_value y = { 0 };
    size_t a_len;
    size_t b_len;
    const char *a_raw = json_raw(a, &a_len);
    const char *b_raw = json_raw(b, &b_len);

    if (json_type(a) != json_type(b) || json_count(a) != json_count(b))
        return false;
    if (json_type(a) != JSON_ARRAY && json_type(a) != JSON_OBJECT)
        return a_len == b_len && memcmp(a_raw, b_raw, a_len) == 0;
    while ((x = json_next(a, x)).doc && (y = json_next(b, y)).doc) {
        if ((json_type(a) == JSON_OBJECT && !copy_manifest_same(json_key(x), json_key(y))) ||
            !copy_manifest_same(x, y))
            return false;
    }
    return true;
}

/* Write a member's value; returns 1 if it is one that the copy has anew. */
static int put_new(struct making_copy *c, struct json_value member, struct err *err)
{
    const struct copy_file *file = c->file;
    struct json_value key = json_key(member);
    const struct copy_group *group = file ? file->group : NULL;
    char hex[SHA256_TEXT];

    if (!file)
        return 0;
    if (json_is(key, "path"))
        return jsonw_quote(c->out, file->new_path, strlen(file->new_path), err) < 0 ? -1 : 1;
    if (!group->changed)
        return 0;
    if (json_is(key, "size"))
        return buf_addf(c->out, err, "%llu", (unsigned long long)group->size) < 0 ? -1 : 1;
    if (json_is(key, "sha256")) {
        text_hex(hex, group->digest.sha256, SHA256_SIZE);
        return buf_addf(c->out, err, "\"%s\"", hex) < 0 ? -1 : 1;
    }
    if (json_is(key, "xxh3_128")) {
        text_hex(hex, group->digest.xxh3, XXH3_SIZE);
        return buf_addf(c->out, err, "\"%s\"", hex) < 0 ? -1 : 1;
    }
    if (!c->made->digests &&
        (json_is(key, "checksum") || json_is(key, "encoded") || json_is(key, "listed_size")))
        return buf_adds(c->out, "null", err) < 0 ? -1 : 1;
    return 0;
}

/* Write the members of a row, masked; names of masked ones are noted. */
static int put_members(struct making_copy *c, struct json_value old, struct json_value masked,
                       struct masked_row *note, struct err *err)
{
    struct json_value a = { 0 };
    struct json_value b = { 0 };
    bool first = true;

    while ((a = json_next(old, a)).doc && (b = json_next(masked, b)).doc) {
        int rc = buf_adds(c->out, first ? "" : ", ", err);

        first = false;
        if (rc < 0 || put_raw(c->out, json_key(a), err) < 0 || buf_adds(c->out, ": ", err) < 0)
            return -1;
        rc = put_new(c, a, err);
        if (rc < 0 || (rc == 0 && put_raw(c->out, b, err) < 0))
            return -1;
        if (rc == 0 && !copy_manifest_same(a, b) &&
            (buf_adds(&note->members, note->members.len ? ", " : "", err) < 0 ||
             put_raw(&note->members, json_key(a), err) < 0))
            return -1;
    }
    return 0;
}

static int note_masked(struct making_copy *c, const struct masked_row *note, struct err *err)
{
    return buf_addf(&c->masked, err,
                    "%s\n      {\"list\": \"%s\", \"row\": %llu, \"members\": [%s]}",
                    c->masked.len ? "," : "", note->list, (unsigned long long)note->number,
                    buf_text(&note->members));
}

/* Write an object of the manifest, masked. */
static int put_row(struct making_copy *c, const char *list, uint64_t number,
                   struct json_value row, struct err *err)
{
    struct masked_row note = { .list = list, .number = number };
    struct masker *m = c->made->masker;
    size_t len;
    const char *text = json_raw(row, &len);
    struct json *old = json_parse(text, len, err);
    struct json *masked = NULL;
    int rc = -1;

    buf_reset(&c->row);
    buf_init(&note.members, ROW_MAX);
    m->spared = copy_manifest_spared;
    m->paths = 0;
    m->lists = false;
    if (old && json_mask(m, old, text, len, body_stays, &c->row, err) >= 0)
        masked = json_parse(buf_text(&c->row), c->row.len, err);
    m->spared = NULL;
    if (masked && buf_adds(c->out, "{", err) == 0 &&
        put_members(c, json_root(old), json_root(masked), &note, err) == 0)
        rc = buf_adds(c->out, "}", err);
    if (rc == 0 && note.members.len)
        rc = note_masked(c, &note, err);
    json_free(masked);
    json_free(old);
    buf_clear(&note.members);
    return rc;
}

/* Write a list of the manifest. */
static int put_list(struct making_copy *c, const char *name, struct json_value list,
                    struct err *err)
{
    struct json_value v = { 0 };
    bool files = strcmp(name, "artifacts") == 0 || strcmp(name, "documents") == 0;
    bool first = true;
    uint64_t number = 0;
    int rc = buf_adds(c->out, "[", err);

    for (; rc == 0 && (v = json_next(list, v)).doc; number++) {
        const char *path = files ? json_text(v, "path", c->made->plan->region) : NULL;

        c->file = path ? copy_plan_find(c->made->plan, path) : NULL;
        if (files && (!c->file || !copy_plan_stays(c->file)))
            continue;
        rc = buf_adds(c->out, first ? "\n    " : ",\n    ", err);
        first = false;
        if (rc == 0)
            rc = put_row(c, name, number, v, err);
    }
    c->file = NULL;
    return rc < 0 ? -1 : buf_adds(c->out, "]", err);
}

static int put_path(struct making_copy *c, const char *path, struct err *err)
{
    struct buf masked;
    int rc;

    buf_init(&masked, ROW_MAX);
    rc = text_mask(c->made->masker, path, strlen(path), &masked, err);
    if (rc >= 0)
        rc = jsonw_quote(c->out, buf_text(&masked), masked.len, err);
    buf_clear(&masked);
    return rc;
}

static int put_digest(struct making_copy *c, const char *key, const uint8_t *sha256,
                      struct err *err)
{
    char hex[SHA256_TEXT];

    text_hex(hex, sha256, SHA256_SIZE);
    return buf_addf(c->out, err, ", \"%s\": \"%s\"", key, hex);
}

static int put_place(struct making_copy *c, const struct copy_file *file, bool first,
                     struct err *err)
{
    return buf_addf(
        c->out, err, "%s\n      {\"list\": \"%s\", \"row\": %llu, \"path\": ", first ? "" : ",",
        file->document ? "documents" : "artifacts", (unsigned long long)file->number);
}

static int put_changed(struct making_copy *c, const struct copy_file *file, bool first,
                       struct err *err)
{
    const struct rules *rules = c->made->plan->rules;
    bool renamed = strcmp(file->path, file->new_path) != 0;
    const char *between = "";
    unsigned i;

    if (put_place(c, file, first, err) < 0 ||
        jsonw_quote(c->out, file->new_path, strlen(file->new_path), err) < 0 ||
        buf_addf(c->out, err, ", \"renamed\": %s, \"rules\": [", renamed ? "true" : "false") <
            0)
        return -1;
    for (i = 0; i < rules->count; i++) {
        if (!(file->group->rules >> i & 1))
            continue;
        if (buf_addf(c->out, err, "%s\"%s\"", between, rules->names[i]) < 0)
            return -1;
        between = ", ";
    }
    if (buf_adds(c->out, "]", err) < 0 ||
        put_digest(c, "sha256",
                   file->group->changed ? file->group->digest.sha256 : file->sha256, err) < 0)
        return -1;
    if (c->made->digests && put_digest(c, "original_sha256", file->sha256, err) < 0)
        return -1;
    return buf_adds(c->out, "}", err);
}

static int put_removed(struct making_copy *c, const struct copy_file *file, bool first,
                       struct err *err)
{
    if (put_place(c, file, first, err) < 0 || put_path(c, file->path, err) < 0 ||
        buf_addf(c->out, err, ", \"rule\": \"%s\"",
                 c->made->plan->rules->names[file->group->removed]) < 0 ||
        (c->made->digests && put_digest(c, "original_sha256", file->sha256, err) < 0))
        return -1;
    return buf_adds(c->out, "}", err);
}

static bool is_changed(const struct copy_file *file)
{
    return copy_plan_stays(file) &&
           (file->group->changed || strcmp(file->path, file->new_path) != 0);
}

static int put_files(struct making_copy *c, const char *name, bool removed, struct err *err)
{
    const struct copy_plan *plan = c->made->plan;
    bool first = true;
    size_t i;
    int rc = buf_addf(c->out, err, ",\n    \"%s\": [", name);

    for (i = 0; rc == 0 && i < plan->count; i++) {
        const struct copy_file *file = plan->files[i];

        if (removed ? copy_plan_stays(file) : !is_changed(file))
            continue;
        rc = removed ? put_removed(c, file, first, err) : put_changed(c, file, first, err);
        first = false;
    }
    return rc < 0 ? -1 : buf_adds(c->out, "]", err);
}

/* Write the member that says what the copy is. */
static int put_redaction(struct making_copy *c, struct err *err)
{
    const struct rules *rules = c->made->plan->rules;
    const struct masker *m = c->made->masker;
    char hex[SHA256_TEXT];
    bool first = true;
    unsigned i;

    text_hex(hex, c->made->sha256, SHA256_SIZE);
    if (buf_addf(c->out, err,
                 ",\n  \"redaction\": {\n    \"original_manifest_sha256\": \"%s\",\n    "
                 "\"digests\": %s,\n    \"rules\": [",
                 hex, c->made->digests ? "true" : "false") < 0)
        return -1;
    for (i = 0; i < rules->count; i++) {
        if (!rules->on[i])
            continue;
        if (buf_addf(c->out, err, "%s\n      {\"name\": \"%s\", \"masks\": %llu}",
                     first ? "" : ",", rules->names[i], (unsigned long long)m->counts[i]) < 0)
            return -1;
        first = false;
    }
    if (buf_adds(c->out, "]", err) < 0 || put_files(c, "changed", false, err) < 0 ||
        put_files(c, "removed", true, err) < 0)
        return -1;
    return buf_addf(c->out, err, ",\n    \"masked_rows\": [%s]\n  }", buf_text(&c->masked));
}

static int put_top(struct making_copy *c, struct json_value v, struct err *err)
{
    static const char *const lists[] = { "runs", "documents", "artifacts", "missing", NULL };
    size_t i;

    for (i = 0; lists[i]; i++) {
        if (json_is(json_key(v), lists[i]))
            return put_list(c, lists[i], v, err);
    }
    if (json_is(json_key(v), "previous"))
        return buf_adds(c->out, "null", err);
    if (json_type(v) == JSON_OBJECT)
        return put_row(c, json_is(json_key(v), "request") ? "request" : "totals", 0, v, err);
    if (json_is(json_key(v), "source") && json_type(v) == JSON_STRING) {
        size_t len;
        const char *raw = json_raw(v, &len);

        return buf_adds(c->out, "\"", err) < 0 ||
                       text_mask_string(c->made->masker, raw, len, c->out, err) < 0
                   ? -1
                   : buf_adds(c->out, "\"", err);
    }
    return put_raw(c->out, v, err);
}

int copy_manifest_make(const struct copy_manifest *made, struct buf *out, struct err *err)
{
    struct making_copy c = { .made = made, .out = out };
    struct json_value v = { 0 };
    bool first = true;
    int rc;

    buf_init(&c.row, ROW_MAX);
    buf_init(&c.masked, (size_t)1 << 28);
    rc = buf_adds(out, "{", err);
    while (rc == 0 && (v = json_next(json_root(made->plan->doc), v)).doc) {
        if (json_is(json_key(v), "redaction"))
            continue; /* of an original that is a copy itself */
        rc = buf_adds(out, first ? "\n  " : ",\n  ", err);
        first = false;
        if (rc == 0)
            rc = put_raw(out, json_key(v), err);
        if (rc == 0)
            rc = buf_adds(out, ": ", err);
        if (rc == 0)
            rc = put_top(&c, v, err);
    }
    if (rc == 0)
        rc = put_redaction(&c, err);
    if (rc == 0)
        rc = buf_adds(out, "\n}\n", err);
    buf_clear(&c.masked);
    buf_clear(&c.row);
    return rc;
}
