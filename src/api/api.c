/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/proxy.h"
#include "redact/redact.h"

#include <stdio.h>
#include <string.h>

#define ELSEWHERE ": is this a Skyvern API? (--base-url)"

/* Refuse a proxy over plain http, where it could read the key. */
static int check_proxy(const struct api *api, struct err *err)
{
    const char *name = "";
    const char *proxy = proxy_of(api->origin, &name);

    if (!proxy || api->secure || !api->key || api->insecure_key)
        return 0;
    (void)err_set(
        err, ERR_USAGE,
        "refused: the proxy set by %s would read the API key, since '%.200s' uses plain http",
        name, api->base);
    return err_hint(err, "use https, add the host to no_proxy, or use --insecure-key");
}

int api_init(struct api *api, const char *base, struct secret *key, struct err *err)
{
    api->key = key;
    api->base = url_base(base, err);
    if (!api->base || url_origin(api->origin, api->base, err) < 0)
        return err_wrap(err, "invalid base URL '%.200s'", base);
    api->secure = url_is_secure(api->base);
    return check_proxy(api, err);
}

void api_clear(struct api *api)
{
    mem_free(api->base);
    secret_free(api->key);
    *api = (struct api){ 0 };
}

int api_url_run(const struct api *api, struct buf *url, const char *run_id, struct err *err)
{
    buf_reset(url);
    return buf_addf(url, err, "%s/v1/runs/%s", api->base, run_id);
}

int api_url_list(const struct api *api, struct buf *url, const char *run_id,
                 const struct kind_filter *filter, bool narrow, struct err *err)
{
    char mark = '?';
    size_t i;

    buf_reset(url);
    if (buf_addf(url, err, "%s/v1/runs/%s/artifacts", api->base, run_id) < 0)
        return -1;
    for (i = 0; narrow && i < filter->wanted_count; i++) {
        if (!kind_filter_match(filter, filter->wanted[i]))
            continue;
        if (buf_addf(url, err, "%cartifact_type=%s", mark, filter->wanted[i]) < 0)
            return -1;
        mark = '&';
    }
    return 0;
}

int api_url_tasks(const struct api *api, struct buf *url, struct err *err)
{
    buf_reset(url);
    return buf_addf(url, err, "%s/v1/run/tasks", api->base);
}

/* Append one query parameter for each value. */
static int add_query(struct buf *url, const char *name, const char *const *values, size_t count,
                     struct err *err)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (!values[i])
            continue;
        if (buf_addf(url, err, "&%s=", name) < 0 || url_encode(url, values[i], err) < 0)
            return -1;
    }
    return 0;
}

int api_url_runs(const struct api *api, struct buf *url, const struct api_runs *what,
                 unsigned page, unsigned page_size, struct err *err)
{
    buf_reset(url);
    if (buf_addf(url, err, "%s/v1/runs?page=%u&page_size=%u", api->base, page, page_size) < 0 ||
        add_query(url, "status", what->statuses, what->status_count, err) < 0 ||
        add_query(url, "run_type", what->types, what->type_count, err) < 0 ||
        add_query(url, "tags", what->tags, what->tag_count, err) < 0 ||
        add_query(url, "search_key", &what->search, 1, err) < 0)
        return -1;
    return add_query(url, "workflow_permanent_id", &what->workflow, 1, err);
}

int api_url_content(const struct api *api, struct buf *url, const char *artifact_id,
                    struct err *err)
{
    const char *c;

    buf_reset(url);
    for (c = artifact_id; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == '/' || *c == 0x7f)
            return err_set(err, ERR_FORMAT, "malformed artifact ID");
    }
    if (buf_addf(url, err, "%s/v1/artifacts/", api->base) < 0 ||
        url_encode(url, artifact_id, err) < 0)
        return -1;
    return buf_adds(url, "/content", err);
}

bool api_content_id(const char *url, char *out, size_t size)
{
    char path[URL_MAX];
    const char *at =
        url && url_path(url, path, sizeof(path)) ? strstr(path, "/v1/artifacts/") : NULL;
    size_t len;

    if (!at)
        return false;
    at += strlen("/v1/artifacts/");
    len = strcspn(at, "/");
    if (!len || len >= size || strcmp(at + len, "/content") != 0)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

void api_sign(const struct api *api, struct request *request)
{
    request->key = secret_peek(api->key);
    request->key_origin = api->origin;
    request->key_insecure = api->insecure_key;
}

/*
 * Extract the error message of an API response: {"detail": "text"} or {"detail":
 * [{"msg": "text"}]}.
 */
static void detail_of(const struct api *api, const struct request *request, char *out,
                      size_t size)
{
    struct redact what = { secret_peek(api->key), false, NULL };
    struct buf clean;

    struct json *doc = json_parse(request->error, request->error_len, NULL);
    struct buf text;
    struct json_value detail;

    out[0] = '\0';
    if (!doc)
        return;
    buf_init(&text, REQUEST_ERROR_MAX);
    buf_init(&clean, redact_room(REQUEST_ERROR_MAX));
    detail = json_get(json_root(doc), "detail");
    if (json_type(detail) == JSON_ARRAY)
        detail = json_get(json_next(detail, (struct json_value){ 0 }), "msg");
    if (json_append(detail, &text, NULL) == 0 && text.len &&
        redact_text(&clean, buf_text(&text), text.len, &what, NULL) == 0)
        (void)text_shown(out, size, buf_text(&clean));
    buf_clear(&clean);
    buf_clear(&text);
    json_free(doc);
}

/*
 * Whether a 404 means that the server has no such route, and so is not the API: the response
 * has no message; or it has the default message of a web framework, and the request names no
 * record that could be unknown.
 */
static bool no_route(const struct api *api, const struct request *request, const char *detail)
{
    size_t len = strlen(api->base);
    bool of_no_run = request->post || (strncmp(request->url, api->base, len) == 0 &&
                                       strncmp(request->url + len, "/v1/runs?", 9) == 0);

    return !*detail || (of_no_run && strcmp(detail, "Not Found") == 0);
}

int api_check(const struct api *api, const struct request *request, struct err *err)
{
    char shown[URL_SHOWN_MAX];
    char detail[200];

    if (request_check(request, err) == 0)
        return 0;
    if (request->err.kind)
        return -1;
    detail_of(api, request, detail, sizeof(detail));
    if (request->status == 401 || request->status == 403) {
        (void)err_set(err, ERR_DENIED, "%s refused the API key (%ld%s%s)", request->host,
                      request->status, *detail ? ": " : "", detail);
        (void)err_hint(err, "%s",
                       api->key ? "check SKYVERN_API_KEY and --base-url"
                                : "set SKYVERN_API_KEY");
        if (err)
            err->http = request->status;
    } else if (request->status == 404 && no_route(api, request, detail)) {
        (void)err_set(err, ERR_HTTP, "404 from %s" ELSEWHERE, url_shown(shown, request->url));
        if (err)
            err->http = request->status;
    } else if (*detail && err) {
        (void)snprintf(err->text + strlen(err->text), sizeof(err->text) - strlen(err->text),
                       ": %s", detail);
    }
    return -1;
}

int api_check_body(const struct request *request, const char *body, size_t len, struct err *err)
{
    char shown[URL_SHOWN_MAX];
    size_t i = 0;

    while (i < len && strchr(" \t\r\n", body[i]) && body[i])
        i++;
    if (i == len || (body[i] && strchr("{[\"-0123456789tfn", body[i])))
        return 0; /* an empty body is judged by the caller */
    return err_set(err, ERR_FORMAT, "%s answered %s" ELSEWHERE, url_shown(shown, request->url),
                   body[i] == '<' ? "HTML, not JSON" : "no JSON");
}
