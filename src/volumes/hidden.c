/* SPDX-License-Identifier: MIT */
#include "volumes/hidden.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/volume_name.h"
#include "s3/bucket.h"
#include "s3/version_list.h"
#include "volumes/bucket_store.h"
#include "volumes/commit_record.h"

#include <stdio.h>
#include <string.h>

#define ID_MAX       128  /* buffer size, as in commit records */
#define VERSIONS_MAX 1000 /* of a volume */
#define KEYS_MAX     ((size_t)1 << 24)

/* A version of a volume. */
struct version {
    struct version *older;
    char id[ID_MAX];
    bool marker;
};

/* What is listed of a volume. */
struct versions {
    char name[VOLUME_NAME];
    char latest[ID_MAX]; /* "": the list does not tell */
    bool marker;         /* of the latest */
    struct version *first;
    struct version *last;
    size_t count;
};

struct hidden_listing {
    const struct bucket_place *place;
    struct region *region;
    struct hashmap *by_name;
    struct versions **all;
    size_t count;
    size_t cap;
};

static struct versions *get(struct hidden_listing *l, const char *name, struct err *err)
{
    struct versions *v = hashmap_get(l->by_name, name, strlen(name));

    if (v)
        return v;
    if (mem_room(&l->all, &l->cap, l->count, sizeof(*l->all), KEYS_MAX, err) < 0)
        return NULL;
    v = region_take(l->region, sizeof(*v), err);
    if (!v)
        return NULL;
    *v = (struct versions){ 0 };
    (void)snprintf(v->name, sizeof(v->name), "%s", name);
    if (hashmap_add(l->by_name, v->name, strlen(v->name), v, err) < 0)
        return NULL;
    return l->all[l->count++] = v;
}

static int on_version(void *ctx, const struct version_listed *listed, struct err *err)
{
    struct hidden_listing *l = ctx;
    const char *below = listed->key + strlen(l->place->location.key);
    struct volume_name parts;
    struct version *version;
    struct versions *v;

    if (!volume_name_parse(&parts, below) || strlen(listed->id) >= ID_MAX)
        return 0;
    v = get(l, below, err);
    if (!v)
        return -1;
    if (listed->latest) {
        (void)snprintf(v->latest, sizeof(v->latest), "%s", listed->id);
        v->marker = listed->marker;
    }
    if (++v->count > VERSIONS_MAX)
        return 0;
    version = region_take(l->region, sizeof(*version), err);
    if (!version)
        return -1;
    *version = (struct version){ .marker = listed->marker };
    (void)snprintf(version->id, sizeof(version->id), "%s", listed->id);
    if (v->last)
        v->last->older = version;
    else
        v->first = version;
    v->last = version;
    return 0;
}

/* Find the committed version among those that are listed; NULL: it is not there. If the record
 * does not name it, it is the newest one. */
static const struct version *committed(const struct versions *v, const char *id)
{
    const struct version *at = v->first;

    while (at && (at->marker || (*id && strcmp(at->id, id) != 0)))
        at = at->older;
    return at;
}

/* Read the version that a volume's record names: 1; 0: the record does not stand, or cannot be
 * understood; -1 */
static int read_record(const struct bucket_place *place, const char *name, char id[ID_MAX],
                       struct err *err)
{
    struct commit_record record;
    struct err why = { 0 };
    bool malformed;
    int rc = commit_record_load(&record, place, place->client, name, &malformed, &why);

    memcpy(id, record.version, ID_MAX);
    if (rc < 0 && malformed) /* other checks tell of it */
        return 0;
    if (rc < 0)
        *err = why;
    return rc;
}

/* Visit a volume if its committed version is hidden. */
static int judge(const struct hidden_listing *l, const struct versions *v,
                 int (*fn)(void *ctx, const struct hidden_volume *hidden, struct err *err),
                 void *ctx, struct err *err)
{
    char key[LOCATION_KEY_MAX + 1];
    char id[ID_MAX];
    struct hidden_volume hidden = { .name = v->name,
                                    .bucket = l->place->location.bucket,
                                    .key = key,
                                    .above = v->latest,
                                    .marker = v->marker };
    const struct version *at;
    int rc = v->count > 1 ? read_record(l->place, v->name, id, err) : 0;

    if (rc <= 0 || !*v->latest)
        return rc;
    at = committed(v, id);
    if (!at || strcmp(at->id, v->latest) == 0)
        return 0;
    hidden.version = at->id;
    return bucket_place_key(l->place, key, "", v->name, "", err) < 0 ? -1
                                                                     : fn(ctx, &hidden, err);
}

int hidden_each(const struct volume_store *store,
                int (*fn)(void *ctx, const struct hidden_volume *hidden, struct err *err),
                void *ctx, struct err *err)
{
    enum bucket_versions versions = BUCKET_UNVERSIONED;
    struct hidden_listing l = { 0 };
    struct bucket_place *place;
    size_t i;
    int rc;

    if (!store->bucket)
        return 0;
    place = bucket_store_place(store->bucket);
    if (bucket_place_connect(place, err) < 0 ||
        bucket_versions(place->client, &versions, err) < 0)
        return -1;
    if (versions == BUCKET_UNVERSIONED)
        return 0;
    l.place = place;
    l.region = region_new(err);
    l.by_name = hashmap_new(err);
    rc = l.region && l.by_name ? 0 : -1;
    if (rc == 0)
        rc = version_list(place->client, place->location.key, on_version, &l, err);
    for (i = 0; rc == 0 && i < l.count; i++)
        rc = judge(&l, l.all[i], fn, ctx, err);
    hashmap_free(l.by_name);
    region_free(l.region);
    mem_free(l.all);
    return rc;
}

void hidden_words(const struct hidden_volume *h, char *out, size_t size)
{
    char shown[3][300];

    (void)snprintf(
        out, size,
        "the committed version '%s' is hidden by %s; this removes what hides it: aws "
        "s3api delete-object --bucket '%s' --key '%s' --version-id '%s'",
        text_shown(shown[0], sizeof(shown[0]), h->version),
        h->marker ? "a delete marker" : "a newer version of its key", h->bucket,
        text_shown(shown[1], sizeof(shown[1]), h->key),
        text_shown(shown[2], sizeof(shown[2]), h->above));
}
