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

/* Whether a file's name begins with a time: "2026-01-20T11:52:29.27" as
 * "20260120T115229.270000Z_". */
static bool begins_with_time(const char *name, const char *time)
{
    if (!time || strlen(time) < sizeof("2026-01-20T11:52:29") - 1 || strpbrk(time, "Z+_"))
        return false;
    for (; *time; time++) {
        if (*time == '-' || *time == ':')
            continue;
        if (*time != *name++)
            return false;
    }
    return strncmp(name, "Z_", 2) == 0;
}

int row_json_artifact(struct buf *out, const struct manifest_read_artifact *row,
                      struct err *err)
{
    const char *name = path_base(row->path);
    const char *id = strchr(name, '_');
    size_t id_len = row->artifact_id ? strlen(row->artifact_id) : 0;
    size_t type_len = row->artifact_type ? strlen(row->artifact_type) : 0;
    bool named = id && id_len && strncmp(id + 1, row->artifact_id, id_len) == 0 &&
                 strcmp(id + 1 + id_len, path_ext(name)) == 0;
    bool typed = type_len && (size_t)(name - row->path) > type_len + 1 &&
                 name[-(ptrdiff_t)type_len - 2] == '/' &&
                 strncmp(name - type_len - 1, row->artifact_type, type_len) == 0;

    if (buf_adds(out, "{", err) < 0 || add_member(out, "p", row->path, SIZE_MAX, err) < 0 ||
        (!named && add_member(out, "i", row->artifact_id, SIZE_MAX, err) < 0) ||
        (!typed && add_member(out, "t", row->artifact_type ? row->artifact_type : "", SIZE_MAX,
                              err) < 0) ||
        add_member(out, "s", row->step_id, SIZE_MAX, err) < 0 ||
        (!begins_with_time(name, row->created_at) &&
         add_member(out, "c", row->created_at ? row->created_at : "", SIZE_MAX, err) < 0) ||
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
