/* SPDX-License-Identifier: MIT */
#include "api/task_request.h"

#include "base/json.h"
#include "base/jsonw.h"

#include <stdbool.h>
#include <string.h>

struct task_body {
    struct buf *out;
    bool filled;
    const char *names[16]; /* fields already written, which --data does not override */
    size_t count;
    struct err *err;
};

/* Begin a field: write comma, name and colon. */
static int name(struct task_body *b, const char *key)
{
    const char *comma = b->filled ? "," : "";

    b->filled = true;
    return buf_addf(b->out, b->err, "%s\"%s\":", comma, key);
}

static int text(struct task_body *b, const char *key, const char *value)
{
    if (!value)
        return 0;
    b->names[b->count++] = key;
    return name(b, key) < 0 ? -1 : jsonw_quote(b->out, value, strlen(value), b->err);
}

static int number(struct task_body *b, const char *key, uint64_t value)
{
    if (!value)
        return 0;
    b->names[b->count++] = key;
    return name(b, key) < 0 ? -1 : buf_addf(b->out, b->err, "%llu", (unsigned long long)value);
}

/* Write a JSON text unchanged, after validation. */
static int raw(struct task_body *b, const char *key, const char *json, const char *what)
{
    if (!json)
        return 0;
    if (json_check(json, strlen(json), NULL, b->err) < 0) {
        b->err->kind = ERR_USAGE;
        return err_wrap(b->err, "%s", what);
    }
    b->names[b->count++] = key;
    return name(b, key) < 0 ? -1 : buf_adds(b->out, json, b->err);
}

static int headers(struct task_body *b, const char *const *list, size_t count)
{
    size_t i;

    if (!count)
        return 0;
    b->names[b->count++] = "extra_http_headers";
    if (name(b, "extra_http_headers") < 0)
        return -1;
    for (i = 0; i < count; i++) {
        const char *mark = strchr(list[i], '=');

        if (!mark || mark == list[i])
            return err_set(b->err, ERR_USAGE, "--header '%.100s': expected NAME=VALUE",
                           list[i]);
        if (buf_adds(b->out, i ? "," : "{", b->err) < 0 ||
            jsonw_quote(b->out, list[i], (size_t)(mark - list[i]), b->err) < 0 ||
            buf_adds(b->out, ":", b->err) < 0 ||
            jsonw_quote(b->out, mark + 1, strlen(mark + 1), b->err) < 0)
            return -1;
    }
    return buf_adds(b->out, "}", b->err);
}

static bool is_set(const struct task_body *b, const char *key, size_t len)
{
    size_t i;

    for (i = 0; i < b->count; i++) {
        if (strlen(b->names[i]) == len && memcmp(b->names[i], key, len) == 0)
            return true;
    }
    return false;
}

/* Write the fields of the object json that are not written yet. */
static int merge(struct task_body *b, const char *json)
{
    struct json *doc = json_parse(json, strlen(json), b->err);
    struct json_value v = { 0 };
    int rc = 0;

    if (!doc) {
        b->err->kind = ERR_USAGE;
        return err_wrap(b->err, "--data: expected a JSON object");
    }
    if (json_type(json_root(doc)) != JSON_OBJECT) {
        json_free(doc);
        return err_set(b->err, ERR_USAGE, "--data: expected a JSON object");
    }
    while (rc == 0 && (v = json_next(json_root(doc), v)).doc) {
        size_t key_len;
        size_t len;
        const char *key = json_raw(json_key(v), &key_len);
        const char *value = json_raw(v, &len);
        const char *quote = json_type(v) == JSON_STRING ? "\"" : "";

        if (is_set(b, key, key_len))
            continue;
        rc = buf_addf(b->out, b->err, "%s\"%.*s\":%s", b->filled ? "," : "", (int)key_len, key,
                      quote);
        if (rc == 0)
            rc = buf_add(b->out, value, len, b->err);
        if (rc == 0)
            rc = buf_adds(b->out, quote, b->err);
        b->filled = true;
    }
    json_free(doc);
    return rc;
}

int task_request_write(const struct task_request *t, struct buf *out, struct err *err)
{
    struct task_body b = { .out = out, .err = err };
    bool proxy_object = t->proxy_location && t->proxy_location[0] == '{';

    if (buf_adds(out, "{", err) < 0 || text(&b, "prompt", t->prompt) < 0 ||
        text(&b, "url", t->url) < 0 || text(&b, "engine", t->engine) < 0 ||
        text(&b, "title", t->title) < 0 || number(&b, "max_steps", t->max_steps) < 0 ||
        text(&b, "webhook_url", t->webhook_url) < 0 ||
        text(&b, "browser_session_id", t->browser_session_id) < 0 ||
        text(&b, "browser_profile_id", t->browser_profile_id) < 0 ||
        (proxy_object ? raw(&b, "proxy_location", t->proxy_location, "--proxy-location")
                      : text(&b, "proxy_location", t->proxy_location)) < 0 ||
        raw(&b, "data_extraction_schema", t->schema_json, "--extraction-schema") < 0 ||
        raw(&b, "error_code_mapping", t->error_codes_json, "--error-codes") < 0 ||
        headers(&b, t->headers, t->header_count) < 0 ||
        (t->data_json && merge(&b, t->data_json) < 0))
        return -1;
    return buf_adds(out, "}", err);
}
