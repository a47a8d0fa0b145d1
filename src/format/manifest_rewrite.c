/* SPDX-License-Identifier: MIT */
#include "format/manifest_rewrite.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/text.h"

#include <string.h>

/* The run ID of a row, or the ID itself; valid until the next call. */
static const char *run_of(const struct manifest_rewrite *r, struct json_value v)
{
    struct json_value id = json_type(v) == JSON_STRING ? v : json_get(v, "run_id");

    buf_reset(r->scratch);
    return json_append(id, r->scratch, NULL) < 0 ? "" : buf_text(r->scratch);
}

static bool is_of_kept(const struct manifest_rewrite *r, struct json_value v)
{
    return r->keep(r->ctx, run_of(r, v));
}

/* Copy a value's text. */
static int put_raw(struct buf *out, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    bool string = json_type(v) == JSON_STRING;

    return (string && buf_add(out, "\"", 1, err) < 0) || buf_add(out, raw, len, err) < 0 ||
                   (string && buf_add(out, "\"", 1, err) < 0)
               ? -1
               : 0;
}

static int put_key(struct buf *out, struct json_value member, bool first, struct err *err)
{
    if (!first && buf_adds(out, ", ", err) < 0)
        return -1;
    return put_raw(out, json_key(member), err) < 0 ? -1 : buf_adds(out, ": ", err);
}

static bool is_key(struct json_value member, const char *name)
{
    size_t len;
    const char *raw = json_raw(json_key(member), &len);

    return strlen(name) == len && memcmp(raw, name, len) == 0;
}

static int put_number(struct buf *out, uint64_t value, struct err *err)
{
    return value == MANIFEST_REWRITE_NONE
               ? buf_adds(out, "null", err)
               : buf_addf(out, err, "%llu", (unsigned long long)value);
}

/* Write an artifact's row with its new position and duplicate. */
static int put_artifact(struct buf *out, const struct manifest_rewrite_row *k, struct err *err)
{
    struct json_value v = { 0 };
    bool first = true;
    int rc = buf_adds(out, "{", err);

    while (rc == 0 && (v = json_next(k->row, v)).doc) {
        rc = put_key(out, v, first, err);
        first = false;
        if (rc < 0)
            break;
        if (is_key(v, "frame"))
            rc = put_number(out, k->frame, err);
        else if (is_key(v, "frame_level"))
            rc = put_number(out, k->level, err);
        else if (is_key(v, "offset"))
            rc = put_number(out, k->offset, err);
        else if (is_key(v, "link"))
            rc = buf_adds(out, k->link ? "true" : "false", err);
        else if (is_key(v, "duplicate_of"))
            rc = k->first ? jsonw_quote(out, k->first, strlen(k->first), err)
                          : buf_adds(out, "null", err);
        else
            rc = put_raw(out, v, err);
    }
    return rc < 0 ? -1 : buf_adds(out, "}", err);
}

/* Write a document's row with its new position, which rows of 0.1 do not have. */
static int put_document(struct buf *out, const struct manifest_rewrite_row *k, struct err *err)
{
    struct json_value v = { 0 };
    int rc = buf_adds(out, "{", err);

    while (rc == 0 && (v = json_next(k->row, v)).doc) {
        if (is_key(v, "offset"))
            continue;
        rc = put_key(out, v, true, err) < 0 || put_raw(out, v, err) < 0
                 ? -1
                 : buf_adds(out, ", ", err);
    }
    if (rc < 0 || buf_adds(out, "\"offset\": ", err) < 0 || put_number(out, k->offset, err) < 0)
        return -1;
    return buf_adds(out, "}", err);
}

/* Write the members of a list that belong to kept runs: rows with run_id, or run IDs. */
static int put_of_runs(const struct manifest_rewrite *r, struct buf *out,
                       struct json_value list, struct err *err)
{
    struct json_value v = { 0 };
    bool first = true;
    int rc = buf_adds(out, "[", err);

    while (rc == 0 && (v = json_next(list, v)).doc) {
        if (!is_of_kept(r, v))
            continue;
        rc = buf_adds(out, first ? "\n    " : ",\n    ", err);
        first = false;
        if (rc == 0)
            rc = put_raw(out, v, err);
    }
    return rc < 0 ? -1 : buf_adds(out, "]", err);
}

static int put_documents(const struct manifest_rewrite *r, struct buf *out, struct err *err)
{
    char hex[SHA256_TEXT];
    bool first = true;
    size_t i;
    int rc = buf_adds(out, "[", err);

    for (i = 0; rc == 0 && i < r->count; i++) {
        if (!r->rows[i].document)
            continue;
        rc = buf_adds(out, first ? "\n    " : ",\n    ", err);
        first = false;
        if (rc == 0)
            rc = put_document(out, &r->rows[i], err);
    }
    for (i = 0; rc == 0 && r->view && i < r->view->count; i++) {
        const struct manifest_view *view = &r->view->files[i];

        text_hex(hex, view->sha256, SHA256_SIZE);
        rc = buf_addf(
            out, err, "%s{\"path\": \"%s\", \"size\": %llu, \"sha256\": \"%s\", \"offset\": ",
            first ? "\n    " : ",\n    ", view->path, (unsigned long long)view->size, hex);
        if (rc == 0)
            rc = put_number(out, view->offset, err);
        if (rc == 0)
            rc = buf_adds(out, "}", err);
        first = false;
    }
    return rc < 0 ? -1 : buf_adds(out, "]", err);
}

static int put_artifacts(const struct manifest_rewrite *r, struct buf *out, struct err *err)
{
    bool first = true;
    size_t i;
    int rc = buf_adds(out, "[", err);

    for (i = 0; rc == 0 && i < r->count; i++) {
        if (r->rows[i].document)
            continue;
        rc = buf_adds(out, first ? "\n    " : ",\n    ", err);
        first = false;
        if (rc == 0)
            rc = put_artifact(out, &r->rows[i], err);
    }
    return rc < 0 ? -1 : buf_adds(out, "]", err);
}

static int put_totals(const struct manifest_rewrite *r, struct buf *out, struct err *err)
{
    struct json_value list = json_get(r->root, "missing");
    struct json_value v = { 0 };
    uint64_t artifacts = 0;
    uint64_t bytes = 0;
    uint64_t duplicates = 0;
    uint64_t missing = 0;
    size_t i;

    for (i = 0; i < r->count; i++) {
        if (r->rows[i].document)
            continue;
        artifacts++;
        bytes += r->rows[i].size;
        duplicates += r->rows[i].first != NULL;
    }
    while ((v = json_next(list, v)).doc)
        missing += is_of_kept(r, v);
    return buf_addf(out, err,
                    "{\"artifacts\": %llu, \"unique\": %llu, \"bytes\": %llu, "
                    "\"stored_bytes\": %llu, \"downloaded_bytes\": 0, \"duplicates\": %llu, "
                    "\"missing\": %llu}",
                    (unsigned long long)artifacts, (unsigned long long)(artifacts - duplicates),
                    (unsigned long long)bytes, (unsigned long long)r->stored,
                    (unsigned long long)duplicates, (unsigned long long)missing);
}

/* Write the request, reduced to the kept runs. */
static int put_request(const struct manifest_rewrite *r, struct buf *out,
                       struct json_value request, struct err *err)
{
    struct json_value v = { 0 };
    bool first = true;
    int rc = buf_adds(out, "{", err);

    while (rc == 0 && (v = json_next(request, v)).doc) {
        rc = put_key(out, v, first, err);
        first = false;
        if (rc == 0)
            rc = is_key(v, "run_ids") ? put_of_runs(r, out, v, err) : put_raw(out, v, err);
    }
    return rc < 0 ? -1 : buf_adds(out, "}", err);
}

static int put_member(const struct manifest_rewrite *r, struct buf *out, struct json_value v,
                      struct err *err)
{
    char when[CLOCK_TEXT_MAX];

    if (is_key(v, "tool"))
        return jsonw_quote(out, r->tool, strlen(r->tool), err);
    if (is_key(v, "created_at"))
        return buf_addf(out, err, "\"%s\"", clock_format(when, clock_wall(), CLOCK_RFC3339));
    if (is_key(v, "request"))
        return put_request(r, out, v, err);
    if (is_key(v, "runs") || is_key(v, "missing"))
        return put_of_runs(r, out, v, err);
    if (is_key(v, "documents"))
        return put_documents(r, out, err);
    if (is_key(v, "artifacts"))
        return put_artifacts(r, out, err);
    return is_key(v, "totals") ? put_totals(r, out, err) : put_raw(out, v, err);
}

int manifest_rewrite(const struct manifest_rewrite *r, struct buf *out, struct err *err)
{
    struct json_value v = { 0 };
    bool first = true;
    int rc;

    buf_reset(out);
    rc = buf_adds(out, "{\n  ", err);
    while (rc == 0 && (v = json_next(r->root, v)).doc) {
        rc = first ? 0 : buf_adds(out, ",\n  ", err);
        if (rc == 0)
            rc = put_key(out, v, true, err);
        first = false;
        if (rc == 0)
            rc = put_member(r, out, v, err);
    }
    return rc < 0 ? -1 : buf_adds(out, "\n}\n", err);
}
