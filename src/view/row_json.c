/* SPDX-License-Identifier: MIT */
#include "view/row_json.h"

#include "base/json.h"
#include "base/jsonw.h"
#include "base/path.h"

#include <string.h>

static int add_member(struct buf *out, const char *key, const char *text, size_t max,
                      struct err *err)
{
    size_t len = text ? strlen(text) : 0;

    if (!text)
        return 0;
    if (len > max) { /* at a character */
        len = max;
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    if (buf_addf(out, err, "\"%s\":", key) < 0 || jsonw_quote(out, text, len, err) < 0)
        return -1;
    return buf_adds(out, ",", err);
}

int row_json_artifact(struct buf *out, const struct manifest_read_artifact *row,
                      struct err *err)
{
    const char *name = strchr(path_base(row->path), '_');
    size_t len = row->artifact_id ? strlen(row->artifact_id) : 0;
    bool named = name && len && strncmp(name + 1, row->artifact_id, len) == 0 &&
                 strcmp(name + 1 + len, path_ext(path_base(row->path))) == 0;

    if (buf_adds(out, "{", err) < 0 || add_member(out, "p", row->path, SIZE_MAX, err) < 0 ||
        (!named && add_member(out, "i", row->artifact_id, SIZE_MAX, err) < 0) ||
        add_member(out, "t", row->artifact_type, SIZE_MAX, err) < 0 ||
        add_member(out, "s", row->step_id, SIZE_MAX, err) < 0 ||
        add_member(out, "c", row->created_at, SIZE_MAX, err) < 0 ||
        add_member(out, "m", row->media_type, SIZE_MAX, err) < 0 ||
        (row->suspect && buf_adds(out, "\"x\":true,", err) < 0))
        return -1;
    return buf_addf(out, err, "\"z\":%llu}", (unsigned long long)row->size);
}

bool row_json_failed(const struct manifest_read_run *row)
{
    static const char *const words[] = { "failed", "terminated", "timed_out" };
    size_t i;

    for (i = 0; row->status && i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(row->status, words[i]) == 0)
            return true;
    }
    return row->error != NULL;
}

int row_json_short(struct buf *out, const struct manifest_read_run *row, uint64_t *words,
                   struct err *err)
{
    bool full = *words >= ROW_JSON_WORDS_MAX;
    const char *title = full ? NULL : row->title;
    const char *reason = full ? NULL : row->failure_reason;

    *words += (title ? strnlen(title, ROW_JSON_TITLE_MAX) : 0) +
              (reason ? strnlen(reason, ROW_JSON_REASON_MAX) : 0);
    if (buf_adds(out, "{", err) < 0 ||
        add_member(out, "other_run_id", row->other_run_id, SIZE_MAX, err) < 0 ||
        add_member(out, "parent_run_id", row->parent_run_id, SIZE_MAX, err) < 0 ||
        add_member(out, "status", row->status, ROW_JSON_TITLE_MAX, err) < 0 ||
        add_member(out, "run_type", row->run_type, ROW_JSON_TITLE_MAX, err) < 0 ||
        add_member(out, "created_at", row->created_at, ROW_JSON_TITLE_MAX, err) < 0 ||
        add_member(out, "error", row->error, ROW_JSON_TITLE_MAX, err) < 0 ||
        add_member(out, "title", title, ROW_JSON_TITLE_MAX, err) < 0 ||
        add_member(out, "failure_reason", reason, ROW_JSON_REASON_MAX, err) < 0 ||
        buf_adds(out, "\"run_id\":", err) < 0 ||
        jsonw_quote(out, row->run_id, strlen(row->run_id), err) < 0)
        return -1;
    return buf_adds(out, "}", err);
}

int row_json_long(struct buf *out, const char *text, size_t len, struct err *err)
{
    struct json *doc = json_parse(text, len, err);
    struct json_value v = { 0 };
    bool first = true;
    int rc = doc ? buf_adds(out, "{", err) : -1;

    while (rc == 0 && (v = json_next(json_root(doc), v)).doc) {
        size_t key_len;
        size_t value_len;
        const char *key = json_raw(json_key(v), &key_len);
        const char *value = json_raw(v, &value_len);
        const char *quote = json_type(v) == JSON_STRING ? "\"" : "";

        if ((key_len == 6 && strncmp(key, "prompt", 6) == 0) ||
            (key_len == 6 && strncmp(key, "output", 6) == 0))
            continue;
        if (buf_adds(out, first ? "\"" : ",\"", err) < 0 ||
            buf_add(out, key, key_len, err) < 0 || buf_adds(out, "\":", err) < 0 ||
            buf_adds(out, quote, err) < 0 || buf_add(out, value, value_len, err) < 0 ||
            buf_adds(out, quote, err) < 0)
            rc = -1;
        first = false;
    }
    json_free(doc);
    return rc < 0 ? -1 : buf_adds(out, "}", err);
}
