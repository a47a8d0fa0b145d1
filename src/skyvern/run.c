/* SPDX-License-Identifier: MIT */
#include "skyvern/run.h"

#include "base/json.h"

#include <ctype.h>
#include <string.h>

#define LIST_MAX 100000

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
    FIELD(status),
    FIELD(run_type),
    FIELD(created_at),
    FIELD(modified_at),
    FIELD(queued_at),
    FIELD(started_at),
    FIELD(finished_at),
    FIELD(failure_reason),
    FIELD(app_url),
    FIELD(recording_url),
    FIELD(browser_session_id),
    FIELD(browser_profile_id),
};

static const struct field parts[] = {
    { "output", offsetof(struct run, output_json) },
    { "errors", offsetof(struct run, errors_json) },
    { "run_request", offsetof(struct run, run_request_json) },
};

bool run_id_valid(const char *id)
{
    size_t len = 0;

    while (isalnum((unsigned char)id[len]) || id[len] == '_' || id[len] == '-') {
        if (++len > RUN_ID_MAX)
            return false;
    }
    return len && !id[len];
}

bool run_is_terminal(const char *status)
{
    static const char *const ends[] = { "completed", "failed", "terminated", "timed_out",
                                        "canceled" };
    size_t i;

    for (i = 0; status && i < sizeof(ends) / sizeof(*ends); i++) {
        if (strcmp(status, ends[i]) == 0)
            return true;
    }
    return false;
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
    if (text_of(&run->prompt, json_get(json_get(root, "run_request"), "prompt"), run->region,
                err) < 0)
        return -1;
    for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct json_value v = json_get(root, parts[i].name);
        size_t len;
        const char *raw = json_raw(v, &len);
        char *copy;

        if (json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL)
            continue;
        if (json_type(v) == JSON_STRING) { /* raw is without the quotes */
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

static int read_screenshots(struct run *run, struct json_value list, struct err *err)
{
    size_t count = json_type(list) == JSON_ARRAY ? json_count(list) : 0;
    struct json_value v;

    if (count > LIST_MAX)
        return err_set(err, ERR_LIMIT, "more than %d screenshot_urls", LIST_MAX);
    if (!count)
        return 0;
    run->screenshot_urls = region_take(run->region, count * sizeof(*run->screenshot_urls), err);
    if (!run->screenshot_urls)
        return -1;
    for (v = json_next(list, (struct json_value){ 0 }); json_type(v) != JSON_ABSENT;
         v = json_next(list, v)) {
        const char **slot = &run->screenshot_urls[run->screenshot_count];

        if (text_of(slot, v, run->region, err) < 0)
            return -1;
        if (*slot)
            run->screenshot_count++;
    }
    return 0;
}

static int read_files(struct run *run, struct json_value list, struct err *err)
{
    size_t count = json_type(list) == JSON_ARRAY ? json_count(list) : 0;
    struct json_value v;

    if (count > LIST_MAX)
        return err_set(err, ERR_LIMIT, "more than %d downloaded_files", LIST_MAX);
    if (!count)
        return 0;
    run->files = region_take(run->region, count * sizeof(*run->files), err);
    if (!run->files)
        return -1;
    for (v = json_next(list, (struct json_value){ 0 }); json_type(v) != JSON_ABSENT;
         v = json_next(list, v)) {
        struct run_file *file = &run->files[run->file_count++];

        if (text_of(&file->url, json_get(v, "url"), run->region, err) < 0 ||
            text_of(&file->checksum, json_get(v, "checksum"), run->region, err) < 0 ||
            text_of(&file->filename, json_get(v, "filename"), run->region, err) < 0 ||
            text_of(&file->modified_at, json_get(v, "modified_at"), run->region, err) < 0 ||
            text_of(&file->artifact_id, json_get(v, "artifact_id"), run->region, err) < 0)
            return -1;
        file->sized = json_u64(json_get(v, "file_size"), &file->file_size);
    }
    return 0;
}

int run_parse(struct run *run, const char *json, size_t len, struct err *err)
{
    struct run made = { 0 };
    struct json *doc = json_parse(json, len, err);
    struct json_value root;
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
        read_screenshots(&made, json_get(root, "screenshot_urls"), err) < 0 ||
        read_files(&made, json_get(root, "downloaded_files"), err) < 0)
        goto out;
    made.counted = json_u64(json_get(root, "step_count"), &made.step_count);
    (void)json_u64(json_get(root, "max_screenshot_scrolls"), &made.max_screenshot_scrolls);
    (void)json_bool(json_get(root, "recording_archived"), &made.recording_archived);
    (void)json_bool(json_get(root, "script_run"), &made.script_run);
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
