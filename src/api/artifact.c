/* SPDX-License-Identifier: MIT */
#include "api/artifact.h"

#include "base/hashmap.h"
#include "base/json.h"
#include "net/url.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX ((size_t)4 << 20)

struct field {
    const char *name;
    size_t at;
    bool judged; /* what is fetched is judged by it: another type of value is an error */
};

#define FIELD(name)                                                                            \
    {                                                                                          \
#        name, offsetof(struct artifact, name), false                                          \
    }
#define JUDGED(name)                                                                           \
    {                                                                                          \
#        name, offsetof(struct artifact, name), true                                           \
    }

static const struct field texts[] = {
    FIELD(artifact_id),  JUDGED(artifact_type),
    FIELD(uri),          FIELD(bundle_key),
    JUDGED(checksum),    FIELD(task_id),
    FIELD(step_id),      FIELD(workflow_run_id),
    FIELD(run_id),       FIELD(browser_session_id),
    FIELD(signed_url),   FIELD(created_at),
    JUDGED(modified_at),
};
#define TEXTS (sizeof(texts) / sizeof(*texts))

static const char *file_path(const char *url)
{
    if (!url || strncmp(url, "file://", 7) != 0)
        return NULL;
    url += 7;
    if (strncmp(url, "localhost/", 10) == 0)
        url += 9;
    return *url == '/' ? url : NULL;
}

/* Whether a path is percent-encoded: it has escapes, and no character that must be escaped. */
static bool is_encoded(const char *path)
{
    bool escapes = false;

    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        if (c <= 0x20 || c >= 0x7f || strchr("?#\"<>", c))
            return false;
        escapes = escapes || c == '%';
    }
    return escapes;
}

int artifact_find_file(struct artifact *artifact, struct region *region, struct err *err)
{
    const char *path = file_path(artifact->uri);
    bool download = artifact->artifact_type && strcmp(artifact->artifact_type, "download") == 0;
    char *plain;

    if (!path)
        path = file_path(artifact->signed_url);
    artifact->file = path;
    if (!path || !download || !is_encoded(path))
        return 0;
    plain = region_text(region, path, err);
    if (!plain)
        return -1;
    if (url_path(path == file_path(artifact->uri) ? artifact->uri : artifact->signed_url, plain,
                 strlen(path) + 1))
        artifact->file = plain;
    return 0;
}

int artifact_url(const char **url, struct region *region, struct err *err)
{
    size_t odd = 0;
    const char *c;
    char *out;
    char *at;

    for (c = *url; c && *c; c++)
        odd += (unsigned char)*c <= 0x20 || *c == 0x7f;
    if (!odd || strncmp(*url, "http", 4) != 0)
        return 0;
    at = out = region_take(region, strlen(*url) + 2 * odd + 1, err);
    if (!out)
        return -1;
    for (c = *url; *c; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            at += snprintf(at, 4, "%%%02X", (unsigned char)*c);
        else
            *at++ = *c;
    }
    *at = '\0';
    *url = out;
    return 0;
}

/*
 * Skip what precedes the type in an object's name: ARTIFACT_ID_ or TIME_. NULL: neither is
 * there.
 */
static const char *type_in_name(const char *name, const char *artifact_id)
{
    const char *at = artifact_id && *artifact_id ? strstr(name, artifact_id) : NULL;
    size_t len;

    if (at)
        at += strlen(artifact_id);
    else if ((len = strspn(name, "0123456789-:.TZ")) >= sizeof("2026-01-20T11:52:29") - 1 &&
             name[4] == '-' && name[10] == 'T')
        at = name + len;
    return at && *at == '_' ? at + 1 : NULL;
}

/*
 * A server reports a type that it does not know as "unknown". Take the type from the object's
 * name in the URI: TIME_ARTIFACT_ID_TYPE or TIME_TYPE, and a suffix.
 */
static int find_type(struct artifact *row, struct region *region, struct err *err)
{
    const char *slash = row->uri ? strrchr(row->uri, '/') : NULL;
    const char *at = slash ? type_in_name(slash + 1, row->artifact_id) : NULL;
    size_t len;

    if (!at || row->bundle_key || !row->artifact_type ||
        strcmp(row->artifact_type, "unknown") != 0)
        return 0;
    len = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (!len || len > 60 || (at[len] && at[len] != '.'))
        return 0;
    row->artifact_type = region_copy(region, at, len, err);
    row->typed_by_uri = true;
    return row->artifact_type ? 0 : -1;
}

/* The texts of the row before, and as they are in the JSON: most rows repeat some of them. */
struct before {
    const char *text[TEXTS];
    const char *raw[TEXTS]; /* NULL: no text */
    size_t len[TEXTS];
};

static const char **text_of(struct artifact *row, size_t i)
{
    return (const char **)(void *)((char *)row + texts[i].at);
}

/* Whether a text is the same as in the row before; remembers it for the next row. */
static bool repeats(struct before *before, size_t i, struct json_value v)
{
    size_t len = 0;
    const char *raw = json_type(v) == JSON_STRING ? json_raw(v, &len) : NULL;
    bool same =
        raw && before->raw[i] && before->len[i] == len && memcmp(before->raw[i], raw, len) == 0;

    before->raw[i] = raw;
    before->len[i] = len;
    return same;
}

/* Read a row; *unread: it states a fact that is judged by, and cannot be read. */
static int read_row(struct artifact *row, struct before *before, struct json_value v,
                    struct region *region, bool *unread, struct err *err)
{
    struct json_value size = json_get(v, "file_size");
    size_t i;

    *row = (struct artifact){ 0 };
    *unread = false;
    for (i = 0; i < TEXTS; i++) {
        struct json_value value = json_get(v, texts[i].name);
        char *text;

        if (repeats(before, i, value)) {
            *text_of(row, i) = before->text[i];
            continue;
        }
        *unread = *unread ||
                  (texts[i].judged && json_stated(value) && json_type(value) != JSON_STRING);
        if (json_string(value, region, &text, err) < 0)
            return -1;
        if (text && *text)
            *text_of(row, i) = text;
        before->text[i] = *text_of(row, i);
    }
    row->sized = json_u64(size, &row->file_size);
    *unread = *unread || (json_stated(size) && !row->sized);
    (void)json_bool(json_get(v, "archived"), &row->archived);
    return artifact_url(&row->signed_url, region, err) < 0 || find_type(row, region, err) < 0
               ? -1
               : artifact_find_file(row, region, err);
}

/* Make room for the rows of a list, which are in its region, as their texts are. */
static int make_room(struct artifact_list *list, size_t rows, struct err *err)
{
    struct artifact *made;

    if (rows <= list->cap)
        return 0;
    if (rows > ROWS_MAX)
        return err_set(err, ERR_LIMIT, "more than %zu artifacts", ROWS_MAX);
    if (!list->region && !(list->region = region_new(err)))
        return -1;
    made = region_take(list->region, rows * sizeof(*made), err);
    if (!made)
        return -1;
    if (list->count)
        memcpy(made, list->rows, list->count * sizeof(*made));
    list->rows = made;
    list->cap = rows;
    return 0;
}

static int read_rows(struct artifact_list *list, struct json_value root, struct err *err)
{
    struct json_value v = json_next(root, (struct json_value){ 0 });
    struct before before = { 0 };
    size_t rows = 0;

    for (; json_type(v) != JSON_ABSENT; v = json_next(root, v))
        rows++;
    if (rows && make_room(list, rows, err) < 0)
        return -1;
    while ((v = json_next(root, v)).doc) {
        struct artifact *row = &list->rows[list->count];
        bool unread;

        if (read_row(row, &before, v, list->region, &unread, err) < 0)
            return -1;
        list->misnamed += json_wrong_text(json_get(v, "run_id"));
        list->unread += unread;
        if (row->artifact_id && strlen(row->artifact_id) <= ARTIFACT_ID_MAX)
            list->count++;
        else
            list->broken++;
    }
    return 0;
}

int artifact_list_parse(struct artifact_list *list, const char *json, size_t len,
                        struct err *err)
{
    return artifact_list_parse_on(NULL, list, json, len, err);
}

/* Whether two texts differ; one that is missing tells nothing. */
static bool differ(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) != 0;
}

bool artifact_changed(const struct artifact *before, const struct artifact *now)
{
    return (before->sized && now->sized && before->file_size != now->file_size) ||
           differ(before->modified_at, now->modified_at) ||
           differ(before->checksum, now->checksum) ||
           (before->uri && now->uri && strcmp(before->uri, now->uri) != 0);
}

int artifact_list_parse_on(struct pagefile *file, struct artifact_list *list, const char *json,
                           size_t len, struct err *err)
{
    struct artifact_list made = { 0 };
    struct json *doc = json_parse(json, len, err);
    int rc = -1;

    if (!doc)
        return -1;
    if (json_type(json_root(doc)) != JSON_ARRAY) {
        (void)err_set(err, ERR_FORMAT, "not a JSON array");
        goto out;
    }
    made.region = region_on(file, err);
    if (!made.region || read_rows(&made, json_root(doc), err) < 0)
        goto out;
    *list = made;
    made = (struct artifact_list){ 0 };
    rc = 0;
out:
    artifact_list_clear(&made);
    json_free(doc);
    return rc;
}

struct joining {
    struct buf *out;
    struct hashmap *seen; /* the facts of rows: see set_facts */
    struct buf key;
    bool any;
};

/*
 * Set the key to the facts that tell artifacts and their versions apart. Of the URL only the
 * part before its query counts: the same row is signed anew for each list.
 */
static int set_facts(struct joining *j, struct json_value row, struct err *err)
{
    static const char *const facts[] = { "artifact_id", "uri",      "bundle_key",
                                         "file_size",   "checksum", "modified_at",
                                         "signed_url" };
    size_t i;

    buf_reset(&j->key);
    for (i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        struct json_value v = json_get(row, facts[i]);
        size_t len = 0;
        const char *raw =
            json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL ? "" : json_raw(v, &len);
        const char *query =
            strcmp(facts[i], "signed_url") == 0 && len ? memchr(raw, '?', len) : NULL;

        if (query)
            len = (size_t)(query - raw);
        if (buf_add(&j->key, raw, len, err) < 0 || buf_adds(&j->key, "\n", err) < 0)
            return -1;
    }
    return 0;
}

/* Append a row unless one with the same facts was appended before. */
static int join_row(struct joining *j, struct json_value row, struct err *err)
{
    struct json_value id = json_get(row, "artifact_id");
    bool named = json_type(id) == JSON_STRING && !json_wrong_text(id);
    size_t len;
    const char *raw = json_raw(row, &len);

    if (json_type(row) != JSON_OBJECT)
        return 0;
    if (set_facts(j, row, err) < 0)
        return -1;
    if (named && hashmap_get(j->seen, j->key.data, j->key.len))
        return 0;
    if ((named && hashmap_add(j->seen, j->key.data, j->key.len, j, err) < 0) ||
        (j->any && buf_adds(j->out, ",", err) < 0))
        return -1;
    j->any = true;
    return buf_add(j->out, raw, len, err);
}

static int join_rows(struct joining *j, const struct buf *list, struct err *err)
{
    struct json *doc = json_parse(buf_text(list), list->len, err);
    struct json_value v = { 0 };
    int rc = doc ? 0 : -1;

    if (rc == 0 && json_type(json_root(doc)) == JSON_OBJECT)
        rc = join_row(j, json_root(doc), err);
    else if (rc == 0)
        while (rc == 0 && (v = json_next(json_root(doc), v)).doc)
            rc = join_row(j, v, err);
    json_free(doc);
    return rc;
}

int artifact_list_join(struct buf *out, const struct buf *lists, size_t count, struct err *err)
{
    struct joining j = { .out = out, .seen = hashmap_new(err) };
    int rc = j.seen ? buf_adds(out, "[", err) : -1;
    size_t i;

    buf_init(&j.key, ARTIFACT_LIST_MAX);
    for (i = 0; rc == 0 && i < count; i++)
        rc = join_rows(&j, &lists[i], err);
    hashmap_free(j.seen);
    buf_clear(&j.key);
    return rc < 0 ? -1 : buf_adds(out, "]", err);
}

int artifact_list_add(struct artifact_list *list, const struct artifact *row, struct err *err)
{
    /* rows that are replaced stay in the region: few are ever added */
    if (list->count == list->cap &&
        make_room(list, list->count + list->count / 4 + 16, err) < 0)
        return -1;
    list->rows[list->count++] = *row;
    return 0;
}

void artifact_list_clear(struct artifact_list *list)
{
    region_free(list->region);
    *list = (struct artifact_list){ 0 };
}
