/* SPDX-License-Identifier: MIT */
#include "evidence/decisions.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "redact/redact.h"

#include <string.h>

#define COUNT_MAX ((size_t)1 << 24)

struct decisions {
    struct db *catalog; /* while reading */
    struct region *region;
    struct decision **all;
    size_t count;
    size_t cap;
    struct hashmap *named;    /* all run IDs */
    struct hashmap *holds;    /* run ID -> struct decision, a hold or a release */
    struct hashmap *prunes;   /* run ID -> the last one */
    struct hashmap *removals; /* file name of a volume -> the last one */
    uint64_t unreadable;
    bool changed; /* the file does not begin with what the catalog has read */
    const char *fault;
};

/* Remember the last value of a key. */
static int put(struct hashmap *map, const char *key, void *value, struct err *err)
{
    if (!hashmap_get(map, key, strlen(key)))
        return hashmap_add(map, key, strlen(key), value, err);
    hashmap_replace(map, key, strlen(key), value);
    return 0;
}

static bool copy(struct decisions *d, const char **to, const char *from, struct err *err)
{
    *to = from ? region_text(d->region, from, err) : NULL;
    return !from || *to;
}

/* Make a decision of an entry. */
static struct decision *keep(struct decisions *d, const struct audit_log_entry *entry,
                             struct err *err)
{
    static const struct redact secrets = { NULL, false, NULL };
    char name[RELATION_ID_MAX + 1];
    struct decision *made = region_take(d->region, sizeof(*made), err);

    if (!made)
        return NULL;
    made->at_ms = entry->at_ms;
    if (!copy(d, &made->what, entry->what, err) ||
        !copy(d, &made->run_id, relation_name(d->catalog, entry->run_id, name), err) ||
        !copy(d, &made->volume, entry->volume, err) ||
        !copy(d, &made->reason, redact_copy(entry->reason, &secrets, d->region), err))
        return NULL;
    return made;
}

static int on_entry(void *ctx, const struct audit_log_entry *entry, struct err *err)
{
    struct decisions *d = ctx;
    struct decision *made;

    if (!entry || !log_replay_understands(entry)) {
        d->unreadable++;
        return 0;
    }
    if (strcmp(entry->what, AUDIT_LOG_ALIAS) == 0)
        return 0;
    if (mem_room(&d->all, &d->cap, d->count, sizeof(*d->all), COUNT_MAX, err) < 0)
        return -1;
    made = keep(d, entry, err);
    if (!made)
        return -1;
    d->all[d->count++] = made;
    if (made->run_id && put(d->named, made->run_id, made, err) < 0)
        return -1;
    if (strcmp(made->what, AUDIT_LOG_HOLD) == 0 || strcmp(made->what, AUDIT_LOG_RELEASE) == 0)
        return put(d->holds, made->run_id, made, err);
    if (strcmp(made->what, AUDIT_LOG_PRUNE) == 0)
        return put(d->prunes, made->run_id, made, err);
    if (strcmp(made->what, AUDIT_LOG_REMOVE) == 0 && made->volume)
        return put(d->removals, path_base(made->volume), made, err);
    return 0;
}

/* A hold of the catalog counts as well. */
static int on_hold(void *ctx, const struct audit_log_entry *hold, struct err *err)
{
    struct decisions *d = ctx;
    struct decision *made;

    if (!d->changed || decisions_hold(d, hold->run_id))
        return 0;
    made = keep(d, hold, err);
    if (!made)
        return -1;
    made->what = AUDIT_LOG_HOLD;
    return put(d->holds, made->run_id, made, err);
}

static int ignore(void *ctx, const struct audit_log_entry *entry, struct err *err)
{
    (void)ctx;
    (void)entry;
    (void)err;
    return 0;
}

/* Whether the file begins with what the catalog has read of it. */
static int compare(struct decisions *d, const char *dir, struct err *err)
{
    struct audit_log_mark mark;
    int rc = log_replay_mark(d->catalog, &mark, err);

    if (rc <= 0)
        return rc;
    rc = audit_log_scan(dir, &mark, ignore, NULL, err);
    d->changed = rc == 0;
    return rc < 0 ? -1 : 0;
}

/* Say what is wrong with the file. */
static int judge(struct decisions *d, struct err *err)
{
    char *text = NULL;

    if (!d->changed && !d->unreadable)
        return 0;
    if (d->changed)
        text = mem_format(err, AUDIT_LOG_NAME
                          " was changed or cut: it does not begin with what was read of it "
                          "before");
    else
        text =
            mem_format(err, AUDIT_LOG_NAME " has %llu unreadable line%s, which may be hold%s",
                       (unsigned long long)d->unreadable, text_plural(d->unreadable),
                       text_plural(d->unreadable));
    d->fault = text ? region_text(d->region, text, err) : NULL;
    mem_free(text);
    return d->fault ? 0 : -1;
}

struct decisions *decisions_read(const char *dir, struct db *catalog, struct err *err)
{
    struct decisions *d = mem_new(sizeof(*d), err);
    struct audit_log_mark mark;

    if (!d)
        return NULL;
    d->catalog = catalog;
    d->region = region_new(err);
    d->named = hashmap_new(err);
    d->holds = hashmap_new(err);
    d->prunes = hashmap_new(err);
    d->removals = hashmap_new(err);
    if (d->region && d->named && d->holds && d->prunes && d->removals &&
        compare(d, dir, err) == 0 && audit_log_start(&mark, err) == 0 &&
        audit_log_scan(dir, &mark, on_entry, d, err) >= 0 &&
        log_replay_holds(catalog, on_hold, d, err) == 0 && judge(d, err) == 0)
        return d;
    decisions_free(d);
    return NULL;
}

void decisions_free(struct decisions *d)
{
    if (!d)
        return;
    hashmap_free(d->named);
    hashmap_free(d->holds);
    hashmap_free(d->prunes);
    hashmap_free(d->removals);
    mem_free(d->all);
    region_free(d->region);
    mem_free(d);
}

const struct decision *decisions_hold(const struct decisions *d, const char *run_id)
{
    const struct decision *last = hashmap_get(d->holds, run_id, strlen(run_id));

    return last && strcmp(last->what, AUDIT_LOG_HOLD) == 0 ? last : NULL;
}

const struct decision *decisions_prune(const struct decisions *d, const char *run_id)
{
    return hashmap_get(d->prunes, run_id, strlen(run_id));
}

bool decisions_names(const struct decisions *d, const char *run_id)
{
    return hashmap_get(d->named, run_id, strlen(run_id)) != NULL;
}

const struct decision *decisions_removal(const struct decisions *d, const char *name)
{
    return hashmap_get(d->removals, name, strlen(name));
}

size_t decisions_all(const struct decisions *d, const struct decision *const **all)
{
    *all = (const struct decision *const *)d->all;
    return d->count;
}

const char *decisions_fault(const struct decisions *d)
{
    return d->fault;
}
