/* SPDX-License-Identifier: MIT */
#include "volumes/tombstone.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "s3/object_list.h"
#include "s3/object_put.h"

#include <string.h>

#define FOLDER    "tombstones/"
#define TEXT_MAX  ((size_t)16 << 20)
#define NAMES_MAX ((size_t)1 << 20)

/* What is said about a volume. */
struct saying {
    const char *owner;
    const char *volume;
    const char *const *runs;
    size_t count;
};

static int write_text(const struct bucket_place *b, const struct saying *saying,
                      struct buf *out, struct err *err)
{
    struct jsonw *w = jsonw_new(buf_put, out, err);
    char when[CLOCK_TEXT_MAX];
    size_t i;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "version", 1);
    jsonw_text(w, "volume", saying->volume);
    jsonw_text(w, "owner", saying->owner);
    jsonw_text(w, "at", clock_format(when, clock_wall(), CLOCK_RFC3339));
    jsonw_text(w, "made_by", b->tool);
    jsonw_array(w, "runs", JSONW_LINES);
    for (i = 0; i < saying->count; i++)
        jsonw_text(w, NULL, saying->runs[i]);
    jsonw_close(w);
    jsonw_close(w);
    return jsonw_finish(w, err);
}

int tombstone_put(struct bucket_place *b, const char *owner, const char *volume,
                  const char *const *runs, size_t count, struct err *err)
{
    const struct saying saying = { owner, volume, runs, count };
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = { .key = key, .condition = OBJECT_ALWAYS };
    struct object_info info;
    struct buf text;
    int rc = bucket_place_key(b, key, FOLDER, volume, ".json", err);

    buf_init(&text, TEXT_MAX);
    if (rc == 0)
        rc = bucket_place_connect(b, err);
    if (rc == 0)
        rc = write_text(b, &saying, &text, err);
    opts.bytes = text.data;
    opts.len = text.len;
    if (rc == 0)
        rc = object_put(b->client, &opts, &info, err);
    buf_clear(&text);
    return rc;
}

int tombstone_drop(struct bucket_place *b, const char *volume, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];

    return bucket_place_key(b, key, FOLDER, volume, ".json", err) < 0
               ? -1
               : object_delete(b->client, key, err);
}

int tombstone_foreign(struct bucket_place *b, const char *owner, const char *volume,
                      struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_info info;
    struct buf text = { 0 };
    struct err why;
    struct json *doc = NULL;
    struct region *region = region_new(err);
    const char *by;
    int rc = region ? bucket_place_key(b, key, FOLDER, volume, ".json", err) : -1;

    if (rc == 0)
        rc = bucket_place_connect(b, err);
    if (rc == 0)
        rc = object_load(b->client, key, TEXT_MAX, &text, &info, err);
    if (rc > 0) {
        doc = json_parse(text.data, text.len, &why);
        by = doc ? json_text(json_root(doc), "owner", region) : NULL;
        rc = !by || !*owner || strcmp(by, owner) != 0;
    }
    json_free(doc);
    region_free(region);
    buf_clear(&text);
    return rc;
}

/* The keys of tombstones being listed. */
struct tombstones {
    int64_t before_ms; /* CLOCK_NONE: all */
    struct text_list keys;
};

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct tombstones *t = ctx;

    if (t->before_ms != CLOCK_NONE &&
        (object->modified_ms == CLOCK_NONE || object->modified_ms >= t->before_ms))
        return 0;
    return text_list_add(&t->keys, object->key, NAMES_MAX, err);
}

static int list(struct bucket_place *b, struct tombstones *t, struct err *err)
{
    char prefix[LOCATION_KEY_MAX + 1];

    if (bucket_place_connect(b, err) < 0 ||
        bucket_place_key(b, prefix, FOLDER, "", "", err) < 0)
        return -1;
    return object_list(b->client, prefix, NULL, on_object, t, err);
}

/* Visit the runs of one tombstone; one that cannot be understood names none. */
static int each_run(const struct buf *text,
                    int (*fn)(void *ctx, const char *volume, const char *run_id,
                              struct err *err),
                    void *ctx, struct err *err)
{
    struct err why;
    struct json *doc = json_parse(text->data, text->len, &why);
    struct region *region = doc ? region_new(err) : NULL;
    struct json_value runs;
    struct json_value run = { 0 };
    const char *volume;
    int rc = 0;

    if (!doc)
        return 0;
    volume = region ? json_text(json_root(doc), "volume", region) : NULL;
    runs = json_get(json_root(doc), "runs");
    while (region && volume && rc == 0 && json_type(runs) == JSON_ARRAY &&
           json_type(run = json_next(runs, run)) != JSON_ABSENT) {
        char *id = NULL;

        if (json_type(run) == JSON_STRING && json_string(run, region, &id, &why) == 0 && id)
            rc = fn(ctx, volume, id, err);
    }
    if (!region)
        rc = -1;
    region_free(region);
    json_free(doc);
    return rc;
}

int tombstone_each(struct bucket_place *b,
                   int (*fn)(void *ctx, const char *volume, const char *run_id,
                             struct err *err),
                   void *ctx, struct err *err)
{
    struct tombstones t = { .before_ms = CLOCK_NONE };
    size_t i;
    int rc = list(b, &t, err);

    for (i = 0; rc == 0 && i < t.keys.count; i++) {
        struct object_info info;
        struct buf text = { 0 };

        rc = object_load(b->client, t.keys.at[i], TEXT_MAX, &text, &info, err);
        rc = rc > 0 ? each_run(&text, fn, ctx, err) : rc;
        buf_clear(&text);
    }
    text_list_clear(&t.keys);
    return rc;
}

int tombstone_sweep(struct bucket_place *b, struct err *err)
{
    struct tombstones t = { .before_ms = bucket_place_now(b) - TOMBSTONE_OLD };
    size_t i;
    int rc = list(b, &t, err);

    for (i = 0; rc == 0 && i < t.keys.count; i++)
        rc = object_delete(b->client, t.keys.at[i], err);
    text_list_clear(&t.keys);
    return rc;
}
