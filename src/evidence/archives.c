/* SPDX-License-Identifier: MIT */
#include "evidence/archives.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "catalog/contents.h"
#include "catalog/relation.h"
#include "evidence/claims.h"
#include "reader/chain.h"
#include "sync/fixity.h"

#include <stdio.h>
#include <string.h>

#define COUNT_MAX ((size_t)1 << 24)

struct archives {
    const struct archives_opts *opts;
    struct db *catalog; /* of a directory */
    const struct decisions *decisions;
    struct region *region;
    struct hashmap *by_name; /* struct archive_state */
    struct archive_state **all;
    size_t count;
    size_t cap;
    struct hashmap *flaws;      /* run ID -> what was not listed or delivered of it */
    struct archives_said *said; /* the caller's */
    uint64_t fault_count;
};

int remarks_add(struct remarks *to, const char *text, struct err *err)
{
    if (mem_room(&to->at, &to->cap, to->count, sizeof(*to->at), COUNT_MAX, err) < 0)
        return -1;
    to->at[to->count] = mem_copy(text, err);
    return to->at[to->count] ? (to->count++, 0) : -1;
}

void remarks_clear(struct remarks *remarks)
{
    while (remarks->count)
        mem_free(remarks->at[--remarks->count]);
    mem_free(remarks->at);
    *remarks = (struct remarks){ 0 };
}

/* Keep what is not whole of a run. */
static int on_flaw(void *ctx, const char *run_id, const char *what, struct err *err)
{
    struct archives *f = ctx;
    char name[RELATION_ID_MAX + 1];
    const char *id = f->catalog ? relation_name(f->catalog, run_id, name) : run_id;
    char *text;

    if (hashmap_get(f->flaws, id, strlen(id)))
        return 0;
    text = region_text(f->region, what, err);
    id = text ? region_text(f->region, id, err) : NULL; /* the map borrows it */
    return id ? hashmap_add(f->flaws, id, strlen(id), text, err) : -1;
}

static struct archive_state *add_archive(struct archives *f, const char *name, struct err *err)
{
    struct archive_state *archive;

    if (mem_room(&f->all, &f->cap, f->count, sizeof(*f->all), COUNT_MAX, err) < 0)
        return NULL;
    archive = region_take(f->region, sizeof(*archive), err);
    if (!archive)
        return NULL;
    *archive = (struct archive_state){ .name = region_text(f->region, name, err),
                                       .state = "",
                                       .signature = "",
                                       .stamped = "",
                                       .created_ms = DB_UNKNOWN,
                                       .verified_ms = DB_UNKNOWN };
    if (!archive->name || hashmap_add(f->by_name, name, strlen(name), archive, err) < 0)
        return NULL;
    f->all[f->count++] = archive;
    return archive;
}

/* Note what is wrong with an archive; the first text is kept. */
static int note(struct archives *f, const char **slot, const char *what, struct err *err)
{
    f->fault_count++;
    if (*slot)
        return 0;
    *slot = region_text(f->region, what, err);
    return *slot ? 0 : -1;
}

/* Take what an archive says of itself. */
static int take(struct archives *f, struct archive_state *archive, const struct claims *claims,
                struct err *err)
{
    archive->signature = claims->signature;
    archive->stamped = claims->stamped;
    archive->previous = *claims->previous ? claims->previous : NULL;
    archive->filtered = claims->filtered;
    if (claims->fault && note(f, &archive->fault, claims->fault, err) < 0)
        return -1;
    return claims->doubt ? note(f, &archive->doubt, claims->doubt, err) : 0;
}

static struct claims_opts claims_how(struct archives *f)
{
    return (struct claims_opts){ .signers = f->opts->signers,
                                 .trust = f->opts->trust,
                                 .stop = f->opts->stop,
                                 .flaw = on_flaw,
                                 .ctx = f };
}

/* A chain being made of all volumes. */
struct linking {
    struct archives *archives;
    const struct volume_store *store;
    struct chain *chain;
    struct err err;
    bool failed;
};

/* Look at a volume, and add it to the chain. */
static int look_at(struct linking *l, const struct contents_volume *v,
                   struct archive_state *archive, struct err *err)
{
    struct archives *f = l->archives;
    char *path = volume_store_read(l->store, v->name, err);
    const struct claims_opts how = claims_how(f);
    struct claims claims;
    struct err why;
    int rc = path ? claims_at(path, &how, &claims, f->region, &why) : -1;

    mem_free(path);
    if (!path || (rc < 0 && (why.kind == ERR_CANCELLED || why.kind == ERR_MEMORY))) {
        if (path)
            *err = why;
        return -1;
    }
    if (rc < 0) {
        archive->state = "cannot be read";
        return note(f, &archive->fault, why.text, err);
    }
    archive->state = "matches the catalog";
    if (take(f, archive, &claims, err) < 0)
        return -1;
    if (strcmp(claims.sha256, v->manifest_sha256) != 0) {
        archive->state = "differs from the catalog";
        if (note(f, &archive->fault, "has a different manifest than when it was written", err) <
            0)
            return -1;
    }
    return chain_add(l->chain, v->name, claims.sha256, claims.previous, claims.previous_sha256,
                     err);
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct linking *l = ctx;
    struct archives *f = l->archives;
    struct archive_state *archive = add_archive(f, v->name, err);
    struct err why;
    int seen;

    if (!archive || stop_check(&f->opts->stop, err) < 0)
        return -1;
    (void)snprintf(archive->sha256, sizeof(archive->sha256), "%s", v->manifest_sha256);
    archive->size = v->size;
    archive->created_ms = v->created_ms;
    archive->verified_ms = v->verified_ms;
    seen = fixity_see(l->store, v, &why);
    if (seen == FIXITY_PRESENT)
        return look_at(l, v, archive, err);
    archive->state = seen == FIXITY_ABSENT     ? "is missing"
                     : seen == FIXITY_REPLACED ? "differs from the catalog"
                                               : "cannot be read";
    return note(f, &archive->fault,
                seen == FIXITY_ABSENT     ? "is in the catalog, but not on the disk"
                : seen == FIXITY_REPLACED ? "has another size or end than in the catalog"
                                          : why.text,
                err);
}

/*
 * A break of the chain that prune made: the archive before this one was removed, or written
 * anew with fewer runs. Returns 1; 0: it is no such break; -1.
 */
static int explain(struct archives *f, struct archive_state *archive, struct err *err)
{
    const struct decision *removal =
        archive->previous ? decisions_removal(f->decisions, archive->previous) : NULL;
    char when[CLOCK_TEXT_MAX];
    char *text;

    if (!removal)
        return 0;
    text = mem_format(err, "skyarc prune removed the archive before it at %s%s%s",
                      clock_format(when, removal->at_ms, CLOCK_RFC3339),
                      removal->reason ? ": " : "", removal->reason ? removal->reason : "");
    archive->note = text ? region_text(f->region, text, err) : NULL;
    mem_free(text);
    return archive->note ? 1 : -1;
}

/* Take a break of the chain; called by chain_judge. */
static void on_break(void *ctx, const char *path, const char *what)
{
    struct linking *l = ctx;
    struct archives *f = l->archives;
    struct archive_state *archive = path ? hashmap_get(f->by_name, path, strlen(path)) : NULL;
    int explained = archive && !l->failed ? explain(f, archive, &l->err) : 0;

    if (l->failed || explained > 0)
        return;
    if (explained < 0)
        l->failed = true;
    else if (archive)
        l->failed = note(f, &archive->doubt, what, &l->err) < 0;
    else
        l->failed = remarks_add(&f->said->faults, what, &l->err) < 0;
}

/* A volume that the catalog does not have. */
static int on_file(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct archives *f = ctx;
    char *text;
    int rc;

    (void)size;
    if (hashmap_get(f->by_name, name, strlen(name)))
        return 0;
    text = mem_format(err, "'%s' is not in the catalog: skyarc sync imports it", name);
    rc = text ? remarks_add(&f->said->gaps, text, err) : -1;
    mem_free(text);
    return rc;
}

/* Look at all volumes of a directory. */
static int look_at_all(struct archives *f, struct err *err)
{
    struct linking l = { .archives = f, .store = f->opts->store, .chain = chain_new(err) };
    const char *head;
    int rc = l.chain ? contents_volumes(f->catalog, on_volume, &l, err) : -1;

    if (rc == 0) {
        (void)chain_judge(l.chain, NULL, on_break, &l, &head);
        if (l.failed) {
            *err = l.err;
            rc = -1;
        }
    }
    chain_free(l.chain);
    return rc == 0 ? volume_store_each(l.store, on_file, f, err) : -1;
}

/* Look at the archive. */
static int look_at_one(struct archives *f, struct err *err)
{
    struct archive_state *archive = add_archive(f, f->opts->path, err);
    const struct claims_opts how = claims_how(f);
    struct claims claims;

    if (!archive || claims_at(f->opts->path, &how, &claims, f->region, err) < 0)
        return -1;
    archive->state = "there";
    archive->size = claims.size;
    (void)snprintf(archive->sha256, sizeof(archive->sha256), "%s", claims.sha256);
    return take(f, archive, &claims, err);
}

struct archives *archives_new(const struct archives_opts *opts, struct db *catalog,
                              const struct decisions *decisions, struct archives_said *said,
                              struct err *err)
{
    struct archives *f = mem_new(sizeof(*f), err);

    if (!f)
        return NULL;
    f->opts = opts;
    f->catalog = catalog;
    f->decisions = decisions;
    f->said = said;
    f->region = region_new(err);
    f->by_name = hashmap_new(err);
    f->flaws = hashmap_new(err);
    if (f->region && f->by_name && f->flaws &&
        (catalog ? look_at_all(f, err) : look_at_one(f, err)) == 0)
        return f;
    archives_free(f);
    return NULL;
}

void archives_free(struct archives *f)
{
    if (!f)
        return;
    hashmap_free(f->by_name);
    hashmap_free(f->flaws);
    mem_free(f->all);
    region_free(f->region);
    mem_free(f);
}

struct archive_state *archives_find(const struct archives *f, const char *name, size_t len)
{
    return hashmap_get(f->by_name, name, len);
}

size_t archives_all(const struct archives *f, struct archive_state *const **all)
{
    *all = f->all;
    return f->count;
}

void archives_narrow(struct archives *f)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < f->count; i++) {
        if (f->all[i]->runs || f->all[i]->fault || f->all[i]->doubt)
            f->all[kept++] = f->all[i];
    }
    f->count = kept;
}

const char *archives_flaw(const struct archives *f, const char *run_id)
{
    return hashmap_get(f->flaws, run_id, strlen(run_id));
}

uint64_t archives_fault_count(const struct archives *f)
{
    return f->fault_count;
}
