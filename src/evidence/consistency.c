/* SPDX-License-Identifier: MIT */
#include "evidence/consistency.h"

#include "base/digest.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "catalog/search.h"
#include "catalog/text_index.h"
#include "sync/catalog_import.h"
#include "sync/catch_up.h"
#include "sync/fixity.h"
#include "volumes/hidden.h"

#include <stdbool.h>
#include <string.h>

#define SEEN_MAX ((size_t)1 << 24)

/* State of a volume; the values of the hash map point to these. */
enum volume_verdict { MATCHES, UNVERIFIED, MISMATCHED };
static const enum volume_verdict verdicts[] = { MATCHES, UNVERIFIED, MISMATCHED };

/* State of consistency_list_safe. */
struct listing_safe {
    struct consistency_safe *safe;
    struct db *catalog;
    const struct volume_store *store;
    struct hashmap *volumes;   /* name -> verdict */
    enum volume_verdict worst; /* worst verdict among the volumes of the current run */
};

/* Log why a volume does not match. */
static enum volume_verdict broken(const struct contents_volume *v, const char *what)
{
    log_line(LOG_WARNING, "volume '%s' %s: its runs are not listed as safe", v->name, what);
    return MISMATCHED;
}

static enum volume_verdict judge_volume(const struct listing_safe *l,
                                        const struct contents_volume *v)
{
    char head[SHA256_TEXT];
    struct err why;
    int seen = fixity_see(l->store, v, &why);
    int64_t age;

    if (seen == FIXITY_ABSENT)
        return broken(v, "does not exist");
    if (seen == FIXITY_REPLACED)
        return broken(v, "differs from the volume that was written");
    if (seen < 0 || catalog_import_head(l->store, v->name, head, &why) < 0) {
        log_line(LOG_WARNING, "volume '%s': %s: its runs are not listed as safe", v->name,
                 why.text);
        return MISMATCHED;
    }
    if (strcmp(head, v->manifest_sha256) != 0)
        return broken(v, "has a different manifest than when it was written");
    seen = volume_store_is_verified(l->store, v->name, v->verified_ms, &why);
    if (seen < 0)
        return broken(v, why.text);
    age = v->verified_ms == DB_UNKNOWN || !seen ? -1 : l->safe->now_ms - v->verified_ms;
    return age < 0 || age > l->safe->within_ms ? UNVERIFIED : MATCHES;
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct listing_safe *l = ctx;
    const enum volume_verdict *known = hashmap_get(l->volumes, v->name, strlen(v->name));

    if (!known) {
        known = &verdicts[judge_volume(l, v)];
        if (hashmap_add(l->volumes, v->name, strlen(v->name), (void *)(uintptr_t)known, err) <
            0)
            return -1;
    }
    if (*known > l->worst)
        l->worst = *known;
    return 0;
}

static int on_sealed(void *ctx, const char *run_id, struct err *err)
{
    struct listing_safe *l = ctx;
    int here = shard_has(l->catalog, &l->safe->shard, run_id, err);

    if (here < 0)
        return -1;
    l->safe->others += !here;
    if (!here)
        return 0;
    l->worst = MATCHES;
    if (contents_volumes_of(l->catalog, run_id, on_volume, l, err) < 0)
        return -1;
    l->safe->unread += l->worst == UNVERIFIED;
    l->safe->broken += l->worst == MISMATCHED;
    return l->worst == MATCHES ? l->safe->fn(l->safe->ctx, run_id, err) : 0;
}

/* Determine the shard that the directory is filled with. */
static int choose_shard(struct consistency_safe *safe, struct db *catalog, struct err *err)
{
    struct shard_choice choice = { .dir = safe->store->place,
                                   .filled = true,
                                   .asked = safe->shard,
                                   .bucket = volume_store_is_remote(safe->store) };

    if (shard_recorded(catalog, &choice.recorded, NULL, err) < 0)
        return -1;
    return shard_choose(&choice, &safe->shard, err);
}

int consistency_list_safe(struct consistency_safe *safe, struct err *err)
{
    struct listing_safe l = { .safe = safe, .store = safe->store, .volumes = hashmap_new(err) };
    int rc = -1;

    safe->others = safe->unread = safe->broken = 0;
    l.catalog =
        l.volumes ? catch_up_open(safe->store, DB_CHECKED, true, stop_never(), err) : NULL;
    rc = l.catalog ? choose_shard(safe, l.catalog, err) : -1;
    if (rc == 0)
        rc = search_sealed(l.catalog, safe->before_us, on_sealed, &l, err);
    db_free(l.catalog);
    hashmap_free(l.volumes);
    return rc;
}

/* An archive found in the directory. */
struct seen {
    const char *path;
    const char *name; /* relative to the directory */
    const char *top;
    const char *sha256;
    bool entered;
};

struct consistency {
    struct volume_store store;
    size_t prefix; /* length of the directory's prefix in paths, including the slash */
    struct db *catalog;
    struct err damage;   /* the catalog is damaged */
    struct err unusable; /* the catalog exists, but cannot be read; it may be in order */
    struct region *region;
    struct hashmap *by_name;
    struct seen **seen;
    size_t count;
    size_t cap;
    /* while judging */
    void (*tell)(void *ctx, const char *path, const char *what);
    void *ctx;
    size_t faults;
    size_t unread; /* volumes of the catalog of which nothing is known */
};

struct consistency *consistency_open(const char *dir, struct stop stop, struct err *err)
{
    struct consistency *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->prefix = strlen(dir) + (dir[0] && dir[strlen(dir) - 1] == '/' ? 0 : 1);
    s->region = region_new(err);
    s->by_name = hashmap_new(err);
    if (!s->region || !s->by_name || volume_store_open_place(&s->store, dir, err) < 0) {
        consistency_close(s);
        return NULL;
    }
    s->catalog = catch_up_open(&s->store, DB_CHECKED, true, stop, &s->damage);
    if (!s->catalog && s->damage.kind != ERR_NOT_FOUND && s->damage.kind != ERR_FORMAT)
        s->unusable = s->damage; /* of another version, locked, or not readable by this user */
    if (s->catalog && text_index_check(s->catalog, &s->damage) < 0 &&
        s->damage.kind != ERR_FORMAT)
        s->unusable = s->damage;
    if (s->damage.kind != ERR_FORMAT)
        err_clear(&s->damage);
    return s;
}

const struct volume_store *consistency_store(const struct consistency *s)
{
    return &s->store;
}

void consistency_close(struct consistency *s)
{
    if (!s)
        return;
    db_free(s->catalog);
    volume_store_close(&s->store);
    region_free(s->region);
    hashmap_free(s->by_name);
    mem_free(s->seen);
    mem_free(s);
}

int consistency_see(struct consistency *s, const char *path, const char *top,
                    const char *sha256, struct err *err)
{
    struct seen *seen = region_take(s->region, sizeof(*seen), err);

    if (!seen ||
        mem_room(&s->seen, &s->cap, s->count, sizeof(struct seen *), SEEN_MAX, err) < 0)
        return -1;
    seen->path = region_text(s->region, path, err);
    seen->top = region_text(s->region, top, err);
    seen->sha256 = region_text(s->region, sha256, err);
    if (!seen->path || !seen->top || !seen->sha256)
        return -1;
    seen->name = strlen(path) > s->prefix ? seen->path + s->prefix : seen->path;
    s->seen[s->count++] = seen;
    if (hashmap_get(s->by_name, seen->name, strlen(seen->name)))
        return 0;
    return hashmap_add(s->by_name, seen->name, strlen(seen->name), seen, err);
}

const char *consistency_unusable(const struct consistency *s)
{
    return s->unusable.kind ? s->unusable.text : NULL;
}

static void tell(struct consistency *s, const char *path, const char *what)
{
    s->faults++;
    s->tell(s->ctx, path, what);
}

static int on_expected(void *ctx, const struct contents_volume *v, struct err *err)
{
    bool *any = ctx;

    (void)v;
    (void)err;
    *any = true;
    return 0;
}

bool consistency_expects(const struct consistency *s)
{
    bool any = false;
    struct err ignored;

    return s && s->catalog && contents_volumes(s->catalog, on_expected, &any, &ignored) == 0 &&
           any;
}

/* A volume of the catalog that was not verified. */
static int on_unseen(struct consistency *s, const struct contents_volume *v, struct err *err)
{
    char *path = volume_store_read(&s->store, v->name, err);
    struct err why;
    int found;

    if (!path)
        return -1;
    found = fixity_see(&s->store, v, &why);
    if (found == FIXITY_ABSENT)
        tell(s, path, "is in the catalog but not in the directory");
    else if (found == FIXITY_REPLACED)
        tell(s, path, "is a volume of the catalog, but not a regular file");
    else {
        s->unread++;
        s->tell(s->ctx, path, "was not verified: it cannot be read, or is behind a link");
    }
    mem_free(path);
    return 0;
}

static int on_entered(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct consistency *s = ctx;
    struct seen *seen = hashmap_get(s->by_name, v->name, strlen(v->name));
    struct err why;
    int found;

    if (!seen)
        return on_unseen(s, v, err);
    seen->entered = true;
    if (strcmp(seen->sha256, v->manifest_sha256) != 0)
        tell(s, seen->path, "is a different archive than the one in the catalog");
    else if ((found = fixity_see(&s->store, v, &why)) == FIXITY_REPLACED)
        tell(s, seen->path, "has a different size or tail than in the catalog");
    else if (found < 0)
        tell(s, seen->path, why.text);
    return 0;
}

size_t consistency_unread(const struct consistency *s)
{
    return s->unread;
}

size_t consistency_judge(struct consistency *s,
                         void (*damage)(void *ctx, const char *path, const char *what),
                         void *ctx)
{
    struct volume_name parts;
    struct err err;
    size_t i;

    s->tell = damage;
    s->ctx = ctx;
    s->faults = 0;
    s->unread = 0;
    if (s->catalog && contents_volumes(s->catalog, on_entered, s, &err) < 0)
        tell(s, NULL, err.text);
    if (s->damage.kind)
        tell(s, NULL, s->damage.text);
    for (i = 0; i < s->count; i++) {
        const struct seen *seen = s->seen[i];

        if (volume_name_parse(&parts, seen->name) && strcmp(parts.top, seen->top) != 0 &&
            !seen->entered)
            tell(s, seen->path, "is a different archive under this name");
        else if (s->catalog && volume_name_parse(&parts, seen->name) && !seen->entered)
            log_line(LOG_WARNING, "'%s' is not in the catalog; the next sync imports it",
                     seen->path);
    }
    return s->faults;
}

/* Volumes of a bucket whose committed version is hidden. */
struct hiding {
    void (*damage)(void *ctx, const char *path, const char *what);
    void *ctx;
    size_t count;
};

static int on_hidden(void *ctx, const struct hidden_volume *hidden, struct err *err)
{
    struct hiding *hiding = ctx;
    char words[1600];

    (void)err;
    hidden_words(hidden, words, sizeof(words));
    hiding->count++;
    hiding->damage(hiding->ctx, hidden->name, words);
    return 0;
}

size_t consistency_hidden(struct consistency *c,
                          void (*damage)(void *ctx, const char *path, const char *what),
                          void *ctx)
{
    struct hiding hiding = { damage, ctx, 0 };
    struct err why = { 0 };

    if (hidden_each(consistency_store(c), on_hidden, &hiding, &why) < 0)
        log_line(LOG_WARNING, "whether versions of volumes are hidden is not known: %s",
                 why.text);
    return hiding.count;
}
