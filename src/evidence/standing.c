/* SPDX-License-Identifier: MIT */
#include "evidence/standing.h"

#include "base/digest.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "catalog/search.h"
#include "sync/catalog_import.h"
#include "sync/fixity.h"

#include <stdbool.h>
#include <string.h>

#define SEEN_MAX ((size_t)1 << 24)

/* State of a volume; the values of the hash map point to these. */
enum verdict { MATCHES, UNVERIFIED, MISMATCHED };
static const enum verdict verdicts[] = { MATCHES, UNVERIFIED, MISMATCHED };

/* State of standing_list_safe. */
struct listing_safe {
    struct standing_safe *safe;
    struct db *catalog;
    struct volume_store store;
    struct hashmap *volumes; /* name -> verdict */
    enum verdict worst;      /* worst verdict among the volumes of the current run */
};

/* Log why a volume does not match. */
static enum verdict broken(const struct contents_volume *v, const char *what)
{
    log_line(LOG_WARNING, "volume '%s' %s: its runs are not listed as safe", v->name, what);
    return MISMATCHED;
}

static enum verdict judge_volume(const struct listing_safe *l, const struct contents_volume *v)
{
    char head[SHA256_TEXT];
    struct err why;
    int seen = fixity_see(&l->store, v, &why);
    int64_t age;

    if (seen == FIXITY_ABSENT)
        return broken(v, "does not exist");
    if (seen == FIXITY_REPLACED)
        return broken(v, "differs from the volume that was written");
    if (seen < 0 || catalog_import_head(&l->store, v->name, head, &why) < 0)
        return broken(v, why.text);
    if (strcmp(head, v->manifest_sha256) != 0)
        return broken(v, "has a different manifest than when it was written");
    age = v->verified_ms == DB_UNKNOWN ? -1 : l->safe->now_ms - v->verified_ms;
    return age < 0 || age > l->safe->within_ms ? UNVERIFIED : MATCHES;
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct listing_safe *l = ctx;
    const enum verdict *known = hashmap_get(l->volumes, v->name, strlen(v->name));

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

    l->worst = MATCHES;
    if (contents_volumes_of(l->catalog, run_id, on_volume, l, err) < 0)
        return -1;
    l->safe->unread += l->worst == UNVERIFIED;
    l->safe->broken += l->worst == MISMATCHED;
    return l->worst == MATCHES ? l->safe->fn(l->safe->ctx, run_id, err) : 0;
}

int standing_list_safe(struct standing_safe *safe, struct err *err)
{
    struct listing_safe l = { .safe = safe,
                              .store = { safe->dir },
                              .volumes = hashmap_new(err) };
    int rc = -1;

    safe->unread = safe->broken = 0;
    l.catalog = l.volumes ? db_open(safe->dir, DB_CHECKED, err) : NULL;
    if (l.catalog)
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

struct standing {
    const char *dir; /* borrowed */
    size_t prefix;   /* length of the directory's prefix in paths, including the slash */
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
};

struct standing *standing_open(const char *dir, struct err *err)
{
    struct standing *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->dir = dir;
    s->prefix = strlen(dir) + (dir[0] && dir[strlen(dir) - 1] == '/' ? 0 : 1);
    s->region = region_new(err);
    s->by_name = hashmap_new(err);
    if (!s->region || !s->by_name) {
        standing_close(s);
        return NULL;
    }
    s->catalog = db_open(dir, DB_CHECKED, &s->damage);
    if (!s->catalog && s->damage.kind != ERR_NOT_FOUND && s->damage.kind != ERR_FORMAT)
        s->unusable = s->damage; /* of another version, locked, or not readable by this user */
    if (s->damage.kind != ERR_FORMAT)
        err_clear(&s->damage);
    return s;
}

void standing_close(struct standing *s)
{
    if (!s)
        return;
    db_free(s->catalog);
    region_free(s->region);
    hashmap_free(s->by_name);
    mem_free(s->seen);
    mem_free(s);
}

int standing_see(struct standing *s, const char *path, const char *top, const char *sha256,
                 struct err *err)
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

const char *standing_unusable(const struct standing *s)
{
    return s->unusable.kind ? s->unusable.text : NULL;
}

static void tell(struct standing *s, const char *path, const char *what)
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

bool standing_expects(const struct standing *s)
{
    bool any = false;
    struct err ignored;

    return s && s->catalog && contents_volumes(s->catalog, on_expected, &any, &ignored) == 0 &&
           any;
}

static int on_entered(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct standing *s = ctx;
    struct seen *seen = hashmap_get(s->by_name, v->name, strlen(v->name));
    struct volume_store store = { s->dir };
    struct err why;
    int found;

    if (!seen) {
        char *path = mem_format(err, "%s/%s", s->dir, v->name);

        if (!path)
            return -1;
        tell(s, path,
             fixity_see(&store, v, &why) == FIXITY_REPLACED
                 ? "is a volume of the catalog, but not a regular file"
                 : "is in the catalog but not in the directory");
        mem_free(path);
        return 0;
    }
    seen->entered = true;
    if (strcmp(seen->sha256, v->manifest_sha256) != 0)
        tell(s, seen->path, "is a different archive than the one in the catalog");
    else if ((found = fixity_see(&store, v, &why)) == FIXITY_REPLACED)
        tell(s, seen->path, "has a different size or tail than in the catalog");
    else if (found < 0)
        tell(s, seen->path, why.text);
    return 0;
}

size_t standing_judge(struct standing *s,
                      void (*damage)(void *ctx, const char *path, const char *what), void *ctx)
{
    struct volume_name parts;
    struct err err;
    size_t i;

    s->tell = damage;
    s->ctx = ctx;
    s->faults = 0;
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
