/* SPDX-License-Identifier: MIT */
#include "view/row_json.h"

#include "base/json.h"
#include "base/jsonw.h"
#include "base/path.h"
#include "base/text.h"
#include "format/payload_path.h"

#include <stdint.h>
#include <string.h>

/* A member of an array; text NULL: 0. */
struct member {
    const char *text;
    size_t max;
};

static int add_text(struct buf *out, const struct member *item, struct err *err)
{
    if (!item->text)
        return buf_adds(out, "0", err);
    return jsonw_quote(out, item->text, text_cut(item->text, strlen(item->text), item->max),
                       err);
}

/* Append members, without the last ones that are NULL, each after a comma. */
static int add_texts(struct buf *out, const struct member *items, size_t count, struct err *err)
{
    size_t i;

    while (count && !items[count - 1].text)
        count--;
    for (i = 0; i < count; i++) {
        if (buf_adds(out, ",", err) < 0 || add_text(out, &items[i], err) < 0)
            return -1;
    }
    return 0;
}

int row_json_path(struct buf *out, const char *path, const char *run_id, struct err *err)
{
    const char *below = payload_path_below(path, run_id);
    const char *at = below && !payload_path_is(below) ? below : path;

    return jsonw_quote(out, at, strlen(at), err);
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

/* The digit for a media type: which element shows it. */
static char kind_of(const char *media_type)
{
    static const char *const kinds[] = { "image/", "video/", "audio/" };
    size_t i;

    for (i = 0; media_type && i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strncmp(media_type, kinds[i], 6) == 0)
            return (char)('1' + i);
    }
    return '0';
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

    const struct member items[] = {
        { row->step_id, SIZE_MAX },
        { named ? NULL : row->artifact_id, SIZE_MAX },
        { typed                ? NULL
          : row->artifact_type ? row->artifact_type
                               : "",
          SIZE_MAX },
        { begins_with_time(name, row->created_at) ? NULL
          : row->created_at                       ? row->created_at
                                                  : "",
          SIZE_MAX },
        { row->suspect ? "x" : NULL, SIZE_MAX },
    };
    size_t count = sizeof(items) / sizeof(*items);
    char kind = kind_of(row->media_type);
    bool more = row->step_id || items[1].text || items[2].text || items[3].text || row->suspect;

    if (buf_adds(out, "[", err) < 0 || row_json_path(out, row->path, row->run_id, err) < 0 ||
        buf_addf(out, err, ",%llu", (unsigned long long)row->size) < 0 ||
        ((more || kind != '0') &&
         (buf_adds(out, ",", err) < 0 || buf_add(out, &kind, 1, err) < 0)) ||
        add_texts(out, items, count, err) < 0)
        return -1;
    return buf_adds(out, "]", err);
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
    unsigned part = *words < ROW_JSON_WORDS_MAX / 2 ? 1 : *words < ROW_JSON_WORDS_MAX ? 3 : 0;
    size_t title_max = part ? ROW_JSON_TITLE_MAX / part : 0;
    size_t reason_max = part ? ROW_JSON_REASON_MAX / part : 0;
    const struct member items[] = {
        { row->status, ROW_JSON_TITLE_MAX },
        { row->run_type, ROW_JSON_TITLE_MAX },
        { row->created_at, ROW_JSON_TIME_MAX },
        { row->error, ROW_JSON_TITLE_MAX },
        { row->other_run_id, SIZE_MAX },
        { row->parent_run_id, SIZE_MAX },
        { part ? row->title : NULL, title_max },
        { part ? row->failure_reason : NULL, reason_max },
    };

    *words += (row->title ? strnlen(row->title, title_max) : 0) +
              (row->failure_reason ? strnlen(row->failure_reason, reason_max) : 0);
    if (buf_adds(out, "[", err) < 0 ||
        jsonw_quote(out, row->run_id, strlen(row->run_id), err) < 0 ||
        add_texts(out, items, sizeof(items) / sizeof(*items), err) < 0)
        return -1;
    return buf_adds(out, "]", err);
}

/* Whether a member of a run's row is left out: it is empty, or the run's record has it. */
static bool is_dull(const char *key, size_t key_len, const char *value, size_t len)
{
    return (key_len == 6 &&
            (strncmp(key, "prompt", 6) == 0 || strncmp(key, "output", 6) == 0)) ||
           (len == 4 && strncmp(value, "null", 4) == 0) ||
           (len == 2 && strncmp(value, "[]", 2) == 0);
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

        if (is_dull(key, key_len, value, *quote ? 0 : value_len))
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
