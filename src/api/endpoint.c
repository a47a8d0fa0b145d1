/* SPDX-License-Identifier: MIT */
#include "api/endpoint.h"

#include "api/run.h"
#include "base/json.h"
#include "base/log.h"

#include <string.h>

/* In a path, {} is replaced by an ID, which is validated, and {*} by any text. */
static const struct {
    const char *name;
    const char *path;
} calls[ENDPOINTS] = {
    [ENDPOINT_WORKFLOW_RUN] = { "workflow-run", "/v1/workflows/runs/{}" },
    [ENDPOINT_TIMELINE] = { "timeline", "/v1/runs/{}/timeline" },
    [ENDPOINT_STEPS] = { "steps", "/api/v1/tasks/{}/steps" },
    [ENDPOINT_ACTIONS] = { "actions", "/api/v1/tasks/{}/actions" },
    [ENDPOINT_SESSION] = { "session", "/v1/browser_sessions/{}" },
    [ENDPOINT_SESSION_ACTIONS] = { "session-actions",
                                   "/v1/browser_sessions/{}/action_logs?page_size=100{*}" },
    [ENDPOINT_HEAL_EPISODES] = { "heal-episodes", "/v1/runs/{}/heal_episodes" },
    [ENDPOINT_FALLBACK_EPISODES] = { "fallback-episodes",
                                     "/v1/workflows/{}/fallback-episodes?page_size=100{*}" },
    [ENDPOINT_SCRIPT] = { "script", "/v1/scripts/{}/versions/{*}/detail" },
    [ENDPOINT_TAGS] = { "tags", "/v1/runs/{}/tags" },
    [ENDPOINT_TAG_HISTORY] = { "tag-history", "/v1/runs/{}/tags/history?limit=500" },
    [ENDPOINT_VERSION] = { "version", "/v1/version" },
    [ENDPOINT_TASK_V2] = { "task-v2", "/api/v2/tasks/{}" },
    [ENDPOINT_SCRIPT_VERSIONS] = { "script-versions", "/v1/scripts/{}/versions" },
    [ENDPOINT_WORKFLOW_TIMELINE] = { "timeline", "/api/v1/workflows/{}/runs/{*}/timeline" },
    [ENDPOINT_ARTIFACT] = { "artifact", "/v1/artifacts/{}" },
    [ENDPOINT_WORKFLOW_RUNS] = { "workflow-runs", "/v1/workflows/runs?page_size=100{*}" },
    [ENDPOINT_WORKFLOWS] = { "workflows", "/v1/workflows?page_size=100{*}" },
    [ENDPOINT_WORKFLOW_RUNS_OF] = { "workflow-runs", "/v1/workflows/{}/runs?page_size=100{*}" },
    [ENDPOINT_TASKS] = { "tasks", "/api/v1/tasks?page_size=100{*}" },
};

const char *endpoint_name(enum endpoint endpoint)
{
    return calls[endpoint].name;
}

size_t endpoint_names(const struct endpoint_filter *filter, const char *names[ENDPOINT_RECORDS])
{
    size_t count = 0;
    size_t i;

    for (i = 0; filter && i < ENDPOINT_RECORDS; i++) {
        if (filter->wanted[i])
            names[count++] = calls[i].name;
    }
    return count;
}

static int select_one(struct endpoint_filter *filter, const char *name, size_t len,
                      struct err *err)
{
    size_t i;

    for (i = 0; i < ENDPOINT_RECORDS; i++) {
        if (strlen(calls[i].name) == len && memcmp(calls[i].name, name, len) == 0) {
            filter->wanted[i] = true;
            return 0;
        }
    }
    (void)err_set(err, ERR_USAGE, "unknown record '%.*s'", (int)(len < 60 ? len : 60), name);
    return err_hint(err, "the records are workflow-run, timeline, steps, actions, session, "
                         "session-actions, heal-episodes, fallback-episodes, script, tags, "
                         "tag-history and version; or all, or none");
}

int endpoint_select(struct endpoint_filter *filter, const char *list, struct err *err)
{
    bool all = strcmp(list, "all") == 0;
    size_t named = 0;
    size_t i;

    for (i = 0; i < ENDPOINT_RECORDS; i++)
        filter->wanted[i] = all;
    if (all || strcmp(list, "none") == 0)
        return 0;
    while (*list) {
        size_t len = strcspn(list, ", ");

        if (len && select_one(filter, list, len, err) < 0)
            return -1;
        named += len > 0;
        list += len;
        list += *list != '\0';
    }
    return named ? 0
                 : err_set(err, ERR_USAGE,
                           "--records names no record; 'none' keeps none, 'all' keeps all");
}

int endpoint_url(const struct api *api, struct buf *url, enum endpoint endpoint, const char *id,
                 const char *more, struct err *err)
{
    const char *path = calls[endpoint].path;
    const char *at;

    buf_reset(url);
    if (buf_adds(url, api->base, err) < 0)
        return -1;
    for (; (at = strchr(path, '{')); path = strchr(at, '}') + 1) {
        bool any = at[1] == '*';

        if (!any && (!id || !run_id_valid(id)))
            return err_set(err, ERR_FORMAT, "malformed ID of a record");
        if (buf_add(url, path, (size_t)(at - path), err) < 0 ||
            buf_adds(url, any ? more ? more : "" : id, err) < 0)
            return -1;
    }
    return buf_adds(url, path, err);
}

/*
 * Whether a 404 means that the call does not exist (FastAPI's default message), not the object.
 */
static bool is_no_call(const struct request *request)
{
    struct json *doc;
    bool is;

    if (request->status == 405)
        return true;
    if (request->status != 404)
        return false;
    doc = json_parse(request->error, request->error_len, NULL);
    if (!doc)
        return false;
    is = json_is(json_get(json_root(doc), "detail"), "Not Found");
    json_free(doc);
    return is;
}

enum endpoint_verdict endpoint_judge(struct endpoints *server, enum endpoint endpoint,
                                     const struct request *request, const struct err *why)
{
    long status = request->status;

    if (!why->kind)
        return ENDPOINT_GOOD;
    if (status == 400 || status == 404 || status == 405 || status == 422) {
        if (is_no_call(request) && !server->absent[endpoint]) {
            server->absent[endpoint] = true;
            log_line(LOG_INFO, "%s does not offer '%s'", request->host, calls[endpoint].name);
        }
        return ENDPOINT_LACKED;
    }
    if (status == 401 || status == 403) {
        if (!server->told[endpoint])
            log_line(LOG_WARNING, "%s denied access to '%s': %s", request->host,
                     calls[endpoint].name, why->text);
        server->told[endpoint] = true;
        return ENDPOINT_DENIED;
    }
    return ENDPOINT_FAILED;
}
