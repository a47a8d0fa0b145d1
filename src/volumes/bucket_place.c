/* SPDX-License-Identifier: MIT */
#include "volumes/bucket_place.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "storage/remote.h"

#include <stdio.h>
#include <string.h>

#define VOLUMES_MAX ((size_t)1 << 24)

int bucket_place_parse(struct location *place, const char *text, struct err *err)
{
    size_t len;

    if (location_parse(place, text, err) < 0)
        return -1;
    len = strlen(place->key);
    while (len && place->key[len - 1] == '/')
        place->key[--len] = '\0';
    if (len + VOLUME_NAME + 32 > LOCATION_KEY_MAX)
        return err_set(err, ERR_LIMIT, "'%.200s...' is too long for the keys of volumes", text);
    if (len)
        (void)snprintf(place->key + len, 2, "/");
    return 0;
}

int bucket_place_connect(struct bucket_place *b, struct err *err)
{
    if (!b->client)
        b->client = remote_client(b->location.bucket, 0, err);
    return b->client ? 0 : -1;
}

int64_t bucket_place_now(const struct bucket_place *b)
{
    int64_t skew = b->client ? s3_client_skew(b->client) : CLOCK_NONE;

    return clock_wall() + (skew == CLOCK_NONE ? 0 : skew);
}

static void clear_list(struct bucket_place *b)
{
    hashmap_free(b->by_name);
    region_free(b->region);
    mem_free(b->all);
    b->by_name = NULL;
    b->region = NULL;
    b->all = NULL;
    b->count = b->cap = 0;
    b->listed = b->used = false;
    b->index[0] = '\0';
    b->index_is_own = false;
}

void bucket_place_close(struct bucket_place *b)
{
    clear_list(b);
    s3_client_free(b->client);
    b->client = NULL;
}

int bucket_place_key(const struct bucket_place *b, char out[LOCATION_KEY_MAX + 1],
                     const char *folder, const char *name, const char *end, struct err *err)
{
    int len =
        snprintf(out, LOCATION_KEY_MAX + 1, "%s%s%s%s", b->location.key, folder, name, end);

    return len < 0 || len > LOCATION_KEY_MAX
               ? err_set(err, ERR_LIMIT, "the key of '%.200s' is too long", name)
               : 0;
}

bool bucket_place_counts(const struct bucket_volume *v)
{
    return v->there && v->committed && !v->aside;
}

int bucket_place_proof(const struct bucket_place *b, const struct bucket_volume *v, unsigned i,
                       char key[LOCATION_KEY_MAX + 1], struct err *err)
{
    char *end;
    int rc;

    if (!(v->proofs & 1U << i))
        return 0;
    end = proof_path("", i, err);
    rc = end ? bucket_place_key(b, key, "", v->name, end, err) : -1;
    mem_free(end);
    return rc < 0 ? -1 : 1;
}

struct bucket_volume *bucket_place_get(const struct bucket_place *b, const char *name)
{
    return b->by_name ? hashmap_get(b->by_name, name, strlen(name)) : NULL;
}

struct bucket_volume *bucket_place_add(struct bucket_place *b, const char *name,
                                       struct err *err)
{
    struct bucket_volume *v = bucket_place_get(b, name);

    if (v)
        return v;
    if (mem_room(&b->all, &b->cap, b->count, sizeof(*b->all), VOLUMES_MAX, err) < 0)
        return NULL;
    v = region_take(b->region, sizeof(*v), err);
    if (!v)
        return NULL;
    *v = (struct bucket_volume){ 0 };
    (void)snprintf(v->name, sizeof(v->name), "%s", name);
    if (hashmap_add(b->by_name, v->name, strlen(v->name), v, err) < 0)
        return NULL;
    b->all[b->count++] = v;
    return v;
}

void bucket_place_etag(char out[128], const char *etag)
{
    size_t len = strlen(etag);

    if (len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
        etag++;
        len -= 2;
    }
    (void)snprintf(out, 128, "%.*s", (int)(len < 127 ? len : 127), etag);
}

/* Write how the name of a mark ends, an object that says that a volume does not count:
 * ".WORD.json", ".WORD-2.json" and so on. n: from 1; returns out */
static const char *mark_end(char out[BUCKET_MARK], const char *word, unsigned n)
{
    char number[16] = "";

    if (n > 1)
        (void)snprintf(number, sizeof(number), "-%u", n);
    (void)snprintf(out, BUCKET_MARK, ".%.12s%s.json", word, number);
    return out;
}

static const char *const mark_words[] = { "damaged", "differs" };

/* Whether a name says that a volume does not count; end: what follows the volume's name. */
static bool is_mark(const char *text, char name[VOLUME_NAME], char end[BUCKET_MARK])
{
    unsigned n;
    size_t i;

    if (strlen(text) < 5 || strcmp(text + strlen(text) - 5, ".json") != 0)
        return false;
    for (n = 1; n < BUCKET_MARKS_MAX; n++) {
        for (i = 0; i < sizeof(mark_words) / sizeof(*mark_words); i++) {
            if (volume_name_before(name, text, mark_end(end, mark_words[i], n)))
                return true;
        }
    }
    return false;
}

/* A mark of a volume was found, or written; it is not read yet. */
static int add_mark(struct bucket_place *b, struct bucket_volume *v, const char *end,
                    struct err *err)
{
    struct bucket_mark *mark = region_take(b->region, sizeof(*mark), err);

    if (!mark)
        return -1;
    mark->next = v->marks;
    (void)snprintf(mark->end, sizeof(mark->end), "%s", end);
    v->marks = mark;
    return 0;
}

/* Enter a proof or a mark of a volume; 0 also if the name is none of these. */
static int enter_beside(struct bucket_place *b, const char *below, struct err *err)
{
    char name[VOLUME_NAME];
    char mark[BUCKET_MARK];
    struct bucket_volume *v;
    unsigned i;

    for (i = 0; i < PROOF_MOST; i++) {
        char *end = proof_path("", i, err);
        bool found = end && volume_name_before(name, below, end);

        if (!end)
            return -1;
        mem_free(end);
        if (!found)
            continue;
        v = bucket_place_add(b, name, err);
        if (v)
            v->proofs |= 1U << i;
        return v ? 0 : -1;
    }
    if (!is_mark(below, name, mark))
        return 0;
    v = bucket_place_add(b, name, err);
    return v ? add_mark(b, v, mark, err) : -1;
}

bool bucket_place_is_index_of(const char *name, const char *shard)
{
    const char *dot = strrchr(name, '.'); /* of the name's end */
    size_t len = dot ? (size_t)(dot - name) : 0;
    size_t end = strlen(shard);

    if (!*shard) /* TIME-COUNT-RANDOM, and no shard */
        return len && !memchr(name, '.', len);
    return len > end && strncmp(dot - end, shard, end) == 0;
}

/* Remember the newest copy of the catalog, of this shard if there is one: keys are visited in
 * their order. */
static void take_index(struct bucket_place *b, const char *name)
{
    size_t len = strlen(name);
    bool own;

    if (len <= 3 || len - 3 >= sizeof(b->index) || strcmp(name + len - 3, ".db") != 0 ||
        strspn(name, "0123456789") != 16)
        return;
    own = bucket_place_is_index_of(name, b->shard);
    if (b->index_is_own && !own)
        return;
    (void)snprintf(b->index, sizeof(b->index), "%.*s", (int)(len - 3), name);
    b->index_is_own = own;
}

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct bucket_place *b = ctx;
    const char *below = object->key + strlen(b->location.key);
    struct bucket_volume *v;
    struct volume_name parts;
    char name[VOLUME_NAME];

    if (strncmp(below, BUCKET_COMMITS, strlen(BUCKET_COMMITS)) == 0) {
        if (!volume_name_before(name, below + strlen(BUCKET_COMMITS), ".json"))
            return 0;
        b->used = true;
        v = bucket_place_add(b, name, err);
        if (v)
            v->committed = true;
        return v ? 0 : -1;
    }
    if (strncmp(below, BUCKET_INDEX, strlen(BUCKET_INDEX)) == 0) {
        take_index(b, below + strlen(BUCKET_INDEX));
        return 0;
    }
    b->used = b->used || strncmp(below, BUCKET_LOG, strlen(BUCKET_LOG)) == 0;
    if (!volume_name_parse(&parts, below))
        return enter_beside(b, below, err);
    v = bucket_place_add(b, below, err);
    if (!v)
        return -1;
    b->used = true;
    v->there = true;
    v->size = object->size;
    v->modified_ms = object->modified_ms;
    bucket_place_etag(v->etag, object->etag);
    return 0;
}

/* Whether a mark is of the object that is there now: another one was put in its place since,
 * and counts. */
static int is_of(struct bucket_place *b, const struct bucket_volume *v, const char *end,
                 struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    char etag[128] = "";
    struct region *region = region_new(err);
    struct json *doc = NULL;
    struct buf text = { 0 };
    struct object_info info;
    int rc = region ? bucket_place_key(b, key, "", v->name, end, err) : -1;

    if (rc == 0)
        rc = object_load(b->client, key, BUCKET_MARK_MAX, &text, &info, err);
    if (rc > 0) {
        struct err ignored;
        const char *of;

        doc = json_parse(buf_text(&text), text.len, &ignored);
        of = doc ? json_text(json_root(doc), "etag", region) : NULL;
        if (of)
            bucket_place_etag(etag, of);
        rc = !of || strcmp(etag, v->etag) == 0; /* an unreadable mark counts */
    }
    json_free(doc);
    region_free(region);
    buf_clear(&text);
    return rc;
}

int bucket_place_read_marks(struct bucket_place *b, struct bucket_volume *v, struct err *err)
{
    const struct bucket_mark *mark;
    int rc = 0;

    for (mark = v->marks; mark && rc == 0; mark = mark->next)
        rc = is_of(b, v, mark->end, err);
    if (rc >= 0)
        v->aside = rc > 0;
    return rc < 0 ? -1 : 0;
}

int bucket_place_list(struct bucket_place *b, bool afresh, struct err *err)
{
    size_t i;
    int rc;

    if (b->listed && !afresh)
        return 0;
    clear_list(b);
    b->region = region_new(err);
    b->by_name = hashmap_new(err);
    rc = b->region && b->by_name ? bucket_place_connect(b, err) : -1;
    if (rc == 0)
        rc = object_list(b->client, b->location.key, NULL, on_object, b, err);
    for (i = 0; rc == 0 && i < b->count; i++) {
        if (b->all[i]->there && b->all[i]->marks)
            rc = bucket_place_read_marks(b, b->all[i], err);
    }
    b->listed = rc == 0;
    return rc;
}

/* The text of a mark. */
static int write_mark(const struct bucket_volume *v, const char *word, const char *tool,
                      struct buf *out, struct err *err)
{
    char when[CLOCK_TEXT_MAX];
    struct jsonw *w = jsonw_new(buf_put, out, err);

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "version", 1);
    jsonw_text(w, "volume", v->name);
    jsonw_text(w, "fault", word);
    jsonw_text(w, "etag", v->etag);
    jsonw_u64(w, "size", v->size);
    jsonw_text(w, "at", clock_format(when, clock_wall(), CLOCK_RFC3339));
    jsonw_text(w, "made_by", tool);
    jsonw_close(w);
    return jsonw_finish(w, err);
}

/* Write a mark under the first name that is free. end: set to its end */
static int put_mark(struct bucket_place *b, const char *name, const char *word,
                    const struct buf *text, char end[BUCKET_MARK], struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    struct object_put_opts opts = {
        .key = key, .bytes = text->data, .len = text->len, .condition = OBJECT_ABSENT
    };
    struct object_info info;
    unsigned i;

    for (i = 1; i < BUCKET_MARKS_MAX; i++) {
        struct err why = { 0 };

        if (bucket_place_key(b, key, "", name, mark_end(end, word, i), err) < 0)
            return -1;
        if (object_put(b->client, &opts, &info, &why) == 0)
            return 0;
        if (why.kind != ERR_EXISTS) {
            *err = why;
            return -1;
        }
    }
    return err_set(err, ERR_EXISTS, "cannot set aside '%s': too many marks of that name", name);
}

int bucket_place_put_mark(struct bucket_place *b, struct bucket_volume *v, const char *word,
                          char out[VOLUME_NAME], struct err *err)
{
    char end[BUCKET_MARK];
    struct buf text;
    int rc;

    buf_init(&text, BUCKET_MARK_MAX);
    rc = write_mark(v, word, b->tool, &text, err);
    if (rc == 0)
        rc = put_mark(b, v->name, word, &text, end, err);
    buf_clear(&text);
    if (rc == 0)
        rc = add_mark(b, v, end, err);
    if (rc < 0)
        return -1;
    v->aside = true;
    (void)snprintf(out, VOLUME_NAME, "%.200s%s", v->name, end);
    return 0;
}

int bucket_place_tell_marks(const struct bucket_place *b, const struct bucket_volume *v,
                            const char *path, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    const struct bucket_mark *mark;

    if (bucket_place_key(b, key, "", v->name, "", err) < 0)
        return -1;
    log_line(LOG_WARNING,
             "'%s' is good and stays: marks in the bucket say that the volume there is not; "
             "aws s3 cp '%s' 's3://%s/%s' --metadata sha256=$(sha256sum < '%s' | cut -c 1-64) "
             "puts it in its place, then delete the marks",
             path, path, b->location.bucket, key, path);
    for (mark = v->marks; mark; mark = mark->next)
        log_line(LOG_WARNING, "a mark of it: 's3://%s/%s%s'", b->location.bucket, key,
                 mark->end);
    return 0;
}
