/* SPDX-License-Identifier: MIT */
#include "api/run.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX     100000
#define ATTEMPTS_MAX 1000

struct field {
    const char *name;
    size_t at;
};

#define FIELD(name)                                                                            \
    {                                                                                          \
#        name, offsetof(struct run, name)                                                      \
    }

static const struct field texts[] = {
    FIELD(run_id),
    FIELD(task_id),
    FIELD(status),
    FIELD(run_type),
    FIELD(created_at),
    FIELD(modified_at),
    FIELD(started_at),
    FIELD(finished_at),
    FIELD(failure_reason),
    FIELD(app_url),
    FIELD(recording_url),
    FIELD(browser_session_id),
    FIELD(browser_profile_id),
    FIELD(title),
    FIELD(next_attempt_at),
    FIELD(script_id),
};

/* Alternative names and places of fields, used if the field is not set yet. */
static const struct {
    const char *outer;
    const char *name;
    size_t at;
} others[] = {
    { NULL, "workflow_run_id", offsetof(struct run, run_id) },
    { NULL, "workflow_title", offsetof(struct run, title) },
    { "run_request", "title", offsetof(struct run, title) },
    { "run_request", "prompt", offsetof(struct run, prompt) },
    { "task_v2", "prompt", offsetof(struct run, prompt) },
    { "task_v2", "task_id", offsetof(struct run, task_v2_id) },
    { "task_v2", "observer_cruise_id", offsetof(struct run, task_v2_id) },
    { "workflow", "workflow_permanent_id", offsetof(struct run, workflow_permanent_id) },
    { NULL, "workflow_permanent_id", offsetof(struct run, workflow_permanent_id) },
    { NULL, "workflow_id", offsetof(struct run, workflow_permanent_id) },
    { "run_request", "workflow_id", offsetof(struct run, workflow_permanent_id) },
    { "script_run", "script_id", offsetof(struct run, script_id) },
    { "script_run", "script_revision_id", offsetof(struct run, script_revision_id) },
};

static const struct field parts[] = {
    { "output", offsetof(struct run, output_json) },
    { "errors", offsetof(struct run, errors_json) },
    { "outputs", offsetof(struct run, output_json) },
};

bool run_id_valid(const char *id)
{
    return text_is_id(id);
}

/* All statuses that the API documents; scripts/gen-docs reads this table, too. */
static const struct {
    const char *name;
    bool terminal;
} statuses[] = {
    { "created", false },   { "queued", false },   { "running", false },
    { "paused", false },    { "completed", true }, { "failed", true },
    { "terminated", true }, { "timed_out", true }, { "canceled", true },
};

const char *run_status_near(const char *word)
{
    struct text_nearest nearest = text_nearest(word);
    size_t i;

    for (i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        text_nearer(&nearest, statuses[i].name);
    if (nearest.best && !nearest.limit)
        return NULL;
    return nearest.best ? nearest.best : "";
}

const char *run_statuses(char out[RUN_STATUSES_MAX])
{
    size_t i;

    *out = '\0';
    for (i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        (void)snprintf(out + strlen(out), RUN_STATUSES_MAX - strlen(out), "%s%s", i ? ", " : "",
                       statuses[i].name);
    return out;
}

bool run_is_terminal(const char *status)
{
    size_t i;

    for (i = 0; status && i < sizeof(statuses) / sizeof(*statuses); i++) {
        if (strcmp(status, statuses[i].name) == 0)
            return statuses[i].terminal;
    }
    return false;
}

bool run_is_completed(const char *status)
{
    return status && strcmp(status, "completed") == 0;
}

bool run_is_retried(const char *status, bool said)
{
    return said && !run_is_completed(status);
}

bool run_is_over(const struct run *run)
{
    return run_is_terminal(run->status) && !run->retry_pending;
}

static int text_of(const char **out, struct json_value v, struct region *region,
                   struct err *err)
{
    char *text;

    if (json_string(v, region, &text, err) < 0)
        return -1;
    *out = text && *text ? text : NULL;
    return 0;
}

static int read_texts(struct run *run, struct json_value root, struct err *err)
{
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (text_of((const char **)(void *)((char *)run + texts[i].at),
                    json_get(root, texts[i].name), run->region, err) < 0)
            return -1;
    }
    for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
        const char **at = (const char **)(void *)((char *)run + others[i].at);
        struct json_value v = others[i].outer ? json_get(root, others[i].outer) : root;

        if (!*at && text_of(at, json_get(v, others[i].name), run->region, err) < 0)
            return -1;
    }
    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct json_value v = json_get(root, parts[i].name);
        size_t len;
        const char *raw = json_raw(v, &len);
        char *copy;

        if (json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL ||
            *(const char **)(void *)((char *)run + parts[i].at))
            continue;
        if (json_type(v) == JSON_STRING) { /* include the quotes */
            raw--;
            len += 2;
        }
        copy = region_copy(run->region, raw, len, err);
        if (!copy)
            return -1;
        *(const char **)(void *)((char *)run + parts[i].at) = copy;
    }
    return 0;
}

/*
 * Find an array and allocate room for its elements of size bytes; returns 1, or 0 if the array
 * is empty or absent. Another type of value is counted in run->unread.
 */
static int begin_array(void **out, struct json_value *list, struct run *run,
                       struct json_value root, const char *name, size_t size, struct err *err)
{
    size_t count;

    *list = json_get(root, name);
    run->unread += json_stated(*list) && json_type(*list) != JSON_ARRAY;
    count = json_type(*list) == JSON_ARRAY ? json_count(*list) : 0;
    if (count > LIST_MAX)
        return err_set(err, ERR_LIMIT, "more than %d %s", LIST_MAX, name);
    if (!count)
        return 0;
    *out = region_take(run->region, count * size, err);
    return *out ? 1 : -1;
}

/* Read an array of strings; null is skipped, other elements are counted in run->unread. */
static int read_list(const char ***out, size_t *out_count, struct run *run,
                     struct json_value root, const char *name, struct err *err)
{
    struct json_value list;
    struct json_value v = { 0 };
    void *room;
    int rc = begin_array(&room, &list, run, root, name, sizeof(**out), err);

    if (rc <= 0)
        return rc;
    *out = room;
    while ((v = json_next(list, v)).doc) {
        const char **slot = &(*out)[*out_count];

        if (text_of(slot, v, run->region, err) < 0)
            return -1;
        run->unread += json_stated(v) && json_type(v) != JSON_STRING;
        if (*slot)
            ++*out_count;
    }
    return 0;
}

/*
 * Read a file; *unread: nothing says where it is, or what it is judged by is of another type.
 */
static int read_file(struct run_file *file, struct json_value v, struct region *region,
                     bool *unread, struct err *err)
{
    struct json_value checksum = json_get(v, "checksum");
    struct json_value size = json_get(v, "file_size");

    if (text_of(&file->url, json_get(v, "url"), region, err) < 0 ||
        text_of(&file->checksum, checksum, region, err) < 0 ||
        text_of(&file->filename, json_get(v, "filename"), region, err) < 0 ||
        text_of(&file->modified_at, json_get(v, "modified_at"), region, err) < 0 ||
        text_of(&file->artifact_id, json_get(v, "artifact_id"), region, err) < 0)
        return -1;
    file->sized = json_u64(size, &file->file_size);
    *unread = (!file->url && !file->artifact_id) ||
              (json_stated(checksum) && json_type(checksum) != JSON_STRING) ||
              (json_stated(size) && !file->sized);
    return 0;
}

/* Read an array of files; null is skipped. */
static int read_files(struct run_file **out, size_t *out_count, struct run *run,
                      struct json_value root, const char *name, struct err *err)
{
    struct json_value list;
    struct json_value v = { 0 };
    void *room;
    int rc = begin_array(&room, &list, run, root, name, sizeof(**out), err);

    if (rc <= 0)
        return rc;
    *out = room;
    while ((v = json_next(list, v)).doc) {
        bool unread;

        if (!json_stated(v))
            continue;
        if (read_file(&(*out)[(*out_count)++], v, run->region, &unread, err) < 0)
            return -1;
        run->unread += unread;
    }
    return 0;
}

static int read_attempts(struct run *run, struct json_value list, struct err *err)
{
    size_t count = json_type(list) == JSON_ARRAY ? json_count(list) : 0;
    struct json_value v = { 0 };

    if (count > ATTEMPTS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d attempts", ATTEMPTS_MAX);
    if (!count)
        return 0;
    run->attempts = region_take(run->region, count * sizeof(*run->attempts), err);
    if (!run->attempts)
        return -1;
    while ((v = json_next(list, v)).doc) {
        struct run_attempt *a = &run->attempts[run->attempt_count++];

        if (text_of(&a->status, json_get(v, "status"), run->region, err) < 0 ||
            text_of(&a->failure_reason, json_get(v, "failure_reason"), run->region, err) < 0 ||
            text_of(&a->started_at, json_get(v, "started_at"), run->region, err) < 0 ||
            text_of(&a->finished_at, json_get(v, "finished_at"), run->region, err) < 0 ||
            text_of(&a->decision, json_get(v, "retry_decision"), run->region, err) < 0)
            return -1;
        (void)json_u64(json_get(v, "attempt_number"), &a->number);
    }
    return 0;
}

int run_parse(struct run *run, const char *json, size_t len, struct err *err)
{
    struct run made = { 0 };
    struct json *doc = json_parse(json, len, err);
    struct json_value root;
    struct json_value recording;
    int rc = -1;

    if (!doc)
        return -1;
    root = json_root(doc);
    if (json_type(root) != JSON_OBJECT) {
        (void)err_set(err, ERR_FORMAT, "not a JSON object");
        goto out;
    }
    made.region = region_new(err);
    if (!made.region || read_texts(&made, root, err) < 0 ||
        read_list(&made.screenshot_urls, &made.screenshot_count, &made, root, "screenshot_urls",
                  err) < 0 ||
        read_list(&made.recording_urls, &made.recording_count, &made, root, "recording_urls",
                  err) < 0 ||
        read_files(&made.files, &made.file_count, &made, root, "downloaded_files", err) < 0 ||
        read_files(&made.recordings, &made.session_recordings, &made, root, "recordings", err) <
            0 ||
        read_attempts(&made, json_get(root, "attempts"), err) < 0)
        goto out;
    recording = json_get(root, "recording_url");
    made.unread += json_stated(recording) && json_type(recording) != JSON_STRING;
    made.misnamed = json_wrong_text(json_get(root, "run_id"));
    made.counted = json_u64(json_get(root, "step_count"), &made.step_count);
    (void)json_u64(json_get(root, "max_screenshot_scrolls"), &made.max_screenshot_scrolls);
    (void)json_bool(json_get(root, "recording_archived"), &made.recording_archived);
    (void)json_bool(json_get(root, "script_run"), &made.script_run);
    made.retry_told = json_bool(json_get(root, "retry_pending"), &made.retry_pending);
    made.retry_pending = run_is_retried(made.status, made.retry_pending);
    *run = made;
    made = (struct run){ 0 };
    rc = 0;
out:
    run_clear(&made);
    json_free(doc);
    return rc;
}

void run_clear(struct run *run)
{
    region_free(run->region);
    *run = (struct run){ 0 };
}
