/* SPDX-License-Identifier: MIT */
#include "evidence/inspection.h"

#include "base/hashmap.h"
#include "base/mem.h"
#include "catalog/audit_log.h"
#include "catalog/contents.h"
#include "evidence/glance.h"
#include "evidence/manifest_runs.h"
#include "reader/chain.h"
#include "redact/redact.h"
#include "sync/fixity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX   ((size_t)1 << 24)
#define RUN_VOLUMES 1024 /* of one run that are told */

struct inspection {
    struct inspection_opts opts;
    struct db *catalog; /* of a directory */
    struct region *region;
    struct inspection_sum sum;
    struct hashmap *archive_of; /* name -> struct inspection_archive */
    struct inspection_archive **archives;
    size_t archive_count;
    size_t archive_cap;
    const char **breaks;
    size_t break_count;
    size_t break_cap;
    struct inspection_event **events;
    size_t event_count;
    size_t event_cap;
    struct hashmap *holds;          /* run ID -> struct inspection_event, or &released */
    struct hashmap *prunes;         /* run ID -> struct inspection_event, the last one */
    struct manifest_runs *manifest; /* of an archive */
};

/* In the place of a hold that was released. */
static struct inspection_event released;

struct inspection *inspection_open(const struct inspection_opts *opts, struct err *err)
{
    struct inspection *f = mem_new(sizeof(*f), err);

    if (!f)
        return NULL;
    f->opts = *opts;
    f->region = region_new(err);
    f->archive_of = hashmap_new(err);
    f->holds = hashmap_new(err);
    f->prunes = hashmap_new(err);
    if (f->region && f->archive_of && f->holds && f->prunes &&
        (!opts->directory || (f->catalog = db_open(opts->path, DB_READ, err))))
        return f;
    inspection_free(f);
    return NULL;
}

void inspection_free(struct inspection *f)
{
    if (!f)
        return;
    db_free(f->catalog);
    hashmap_free(f->archive_of);
    hashmap_free(f->holds);
    hashmap_free(f->prunes);
    manifest_runs_free(f->manifest);
    mem_free(f->archives);
    mem_free(f->breaks);
    mem_free(f->events);
    region_free(f->region);
    mem_free(f);
}

const struct inspection_opts *inspection_of(const struct inspection *f)
{
    return &f->opts;
}

const struct inspection_sum *inspection_sum(const struct inspection *f)
{
    return &f->sum;
}

size_t inspection_archives(const struct inspection *f,
                           struct inspection_archive *const **archives)
{
    *archives = f->archives;
    return f->archive_count;
}

size_t inspection_breaks(const struct inspection *f, const char *const **breaks)
{
    *breaks = f->breaks;
    return f->break_count;
}

size_t inspection_events(const struct inspection *f,
                         const struct inspection_event *const **events)
{
    *events = (const struct inspection_event *const *)f->events;
    return f->event_count;
}

/* A text without secrets: catalogs and archives may have been written by anyone. */
static const char *clean(const char *text, struct region *region)
{
    static const struct redact what = { NULL, false, NULL };

    return redact_copy(text, &what, region);
}

/* Remember the last value of a run; an earlier one is replaced. */
static int put(struct hashmap *map, const char *run_id, void *value, struct err *err)
{
    if (!hashmap_get(map, run_id, strlen(run_id)))
        return hashmap_add(map, run_id, strlen(run_id), value, err);
    hashmap_replace(map, run_id, strlen(run_id), value);
    return 0;
}

static bool is_within(const struct period *period, int64_t at_ms)
{
    return (period->since == DB_UNKNOWN || at_ms >= period->since / 1000) &&
           (period->until == DB_UNKNOWN || at_ms < period->until / 1000);
}

/* Take a line of the log; an audit_log_fn. */
static int on_line(void *ctx, const struct audit_log_entry *entry, struct err *err)
{
    struct inspection *f = ctx;
    struct inspection_event *event;
    bool held;
    bool pruned;

    if (!entry || strcmp(entry->what, AUDIT_LOG_ALIAS) == 0)
        return 0;
    held = strcmp(entry->what, AUDIT_LOG_HOLD) == 0;
    pruned = strcmp(entry->what, AUDIT_LOG_PRUNE) == 0;
    if (mem_room(&f->events, &f->event_cap, f->event_count, sizeof(*f->events), COUNT_MAX,
                 err) < 0)
        return -1;
    event = region_take(f->region, sizeof(*event), err);
    if (!event)
        return -1;
    event->at_ms = entry->at_ms;
    event->what = region_text(f->region, entry->what, err);
    event->run_id = entry->run_id ? region_text(f->region, entry->run_id, err) : NULL;
    event->volume = entry->volume ? region_text(f->region, entry->volume, err) : NULL;
    event->reason = entry->reason ? region_text(f->region, entry->reason, err) : NULL;
    if (!event->what || (entry->run_id && !event->run_id) ||
        (entry->volume && !event->volume) || (entry->reason && !event->reason))
        return -1;
    event->reason = clean(event->reason, f->region);
    if (is_within(&f->opts.period, event->at_ms))
        f->events[f->event_count++] = event;
    if (!event->run_id)
        return 0;
    if (held || strcmp(event->what, AUDIT_LOG_RELEASE) == 0)
        return put(f->holds, event->run_id, held ? event : &released, err);
    return pruned ? put(f->prunes, event->run_id, event, err) : 0;
}

static int read_log(struct inspection *f, struct err *err)
{
    struct audit_log_mark mark;

    if (audit_log_start(&mark, err) < 0)
        return -1;
    return audit_log_scan(f->opts.path, &mark, on_line, f, err) < 0 ? -1 : 0;
}

static struct inspection_archive *add_archive(struct inspection *f, const char *name,
                                              struct err *err)
{
    struct inspection_archive *archive;

    if (mem_room(&f->archives, &f->archive_cap, f->archive_count, sizeof(*f->archives),
                 COUNT_MAX, err) < 0)
        return NULL;
    archive = region_take(f->region, sizeof(*archive), err);
    if (!archive)
        return NULL;
    *archive = (struct inspection_archive){ .name = region_text(f->region, name, err),
                                            .state = "",
                                            .signature = "",
                                            .stamped = "",
                                            .created_ms = DB_UNKNOWN,
                                            .verified_ms = DB_UNKNOWN };
    if (!archive->name || hashmap_add(f->archive_of, name, strlen(name), archive, err) < 0)
        return NULL;
    f->archives[f->archive_count++] = archive;
    return archive;
}

/* Note what is wrong with an archive; the first fault is kept. */
static int set_fault(struct inspection *f, struct inspection_archive *archive, const char *what,
                     struct err *err)
{
    f->sum.faults++;
    if (archive->fault)
        return 0;
    archive->fault = region_text(f->region, what, err);
    return archive->fault ? 0 : -1;
}

/* A chain being made of all volumes. */
struct linking {
    struct inspection *inspection;
    struct volume_store store;
    struct chain *chain;
    struct err err;
    bool failed;
};

/* Look at a volume, and add it to the chain. */
static int look_at(struct linking *l, const struct contents_volume *v,
                   struct inspection_archive *archive, struct err *err)
{
    struct inspection *f = l->inspection;
    char *path = volume_store_read(&l->store, v->name, err);
    const struct glance_opts how = { f->opts.signers, f->opts.trust, f->opts.stop };
    struct glance glance;
    struct err why;
    int rc = path ? glance_at(path, &how, &glance, f->region, &why) : -1;

    mem_free(path);
    if (!path || (rc < 0 && (why.kind == ERR_CANCELLED || why.kind == ERR_MEMORY))) {
        if (path)
            *err = why;
        return -1;
    }
    if (rc < 0) {
        archive->state = "cannot be read";
        return set_fault(f, archive, why.text, err);
    }
    archive->state = "matches the catalog";
    archive->signature = glance.signature;
    archive->stamped = glance.stamped;
    archive->previous = *glance.previous ? glance.previous : NULL;
    if (strcmp(glance.sha256, v->manifest_sha256) != 0) {
        archive->state = "differs from the catalog";
        if (set_fault(f, archive, "has a different manifest than when it was written", err) < 0)
            return -1;
    }
    if (glance.fault && set_fault(f, archive, glance.fault, err) < 0)
        return -1;
    return chain_add(l->chain, v->name, glance.sha256, glance.previous, glance.previous_sha256,
                     err);
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    struct linking *l = ctx;
    struct inspection *f = l->inspection;
    struct inspection_archive *archive = add_archive(f, v->name, err);
    struct err why;
    int seen;

    if (!archive || stop_check(&f->opts.stop, err) < 0)
        return -1;
    (void)snprintf(archive->sha256, sizeof(archive->sha256), "%s", v->manifest_sha256);
    archive->size = v->size;
    archive->created_ms = v->created_ms;
    archive->verified_ms = v->verified_ms;
    seen = fixity_see(&l->store, v, &why);
    if (seen == FIXITY_PRESENT)
        return look_at(l, v, archive, err);
    archive->state = seen == FIXITY_ABSENT     ? "is missing"
                     : seen == FIXITY_REPLACED ? "differs from the catalog"
                                               : "cannot be read";
    return set_fault(f, archive,
                     seen == FIXITY_ABSENT     ? "is in the catalog, but not on the disk"
                     : seen == FIXITY_REPLACED ? "has another size or end than in the catalog"
                                               : why.text,
                     err);
}

/* Take a break of the chain; called by chain_judge. */
static void on_break(void *ctx, const char *path, const char *what)
{
    struct linking *l = ctx;
    struct inspection *f = l->inspection;
    struct inspection_archive *archive =
        path ? hashmap_get(f->archive_of, path, strlen(path)) : NULL;

    if (l->failed)
        return;
    if (archive) {
        l->failed = set_fault(f, archive, what, &l->err) < 0;
        return;
    }
    f->sum.faults++;
    if (mem_room(&f->breaks, &f->break_cap, f->break_count, sizeof(*f->breaks), COUNT_MAX,
                 &l->err) < 0 ||
        !(f->breaks[f->break_count] = region_text(f->region, what, &l->err)))
        l->failed = true;
    else
        f->break_count++;
}

/* Look at all volumes of a directory. */
static int look_at_all(struct inspection *f, struct err *err)
{
    struct linking l = { .inspection = f, .store = { f->opts.path }, .chain = chain_new(err) };
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
    return rc;
}

/* A visit of runs. */
struct visit {
    struct inspection *inspection;
    int (*fn)(void *ctx, const struct inspection_run *run, struct err *err);
    void *ctx;
    struct inspection_archive *archives[RUN_VOLUMES];
};

/* Judge a run, of which the archives are known. */
static int judge(struct inspection *f, const struct period_run *run, struct inspection_run *out,
                 struct region *region, struct err *err)
{
    const struct inspection_event *prune =
        hashmap_get(f->prunes, run->run_id, strlen(run->run_id));
    struct verdict_asked asked = { .run = run,
                                   .directory = f->opts.directory,
                                   .prune = prune ? prune->reason : NULL };
    size_t i;

    for (i = 0; i < out->archive_count; i++)
        asked.faulty = asked.faulty || out->archives[i]->fault;
    return verdict_judge(&asked, &out->verdict, &out->why, region, err);
}

/* Find the archives of a run by their names. */
static void find_archives(struct visit *visit, const char *names, struct inspection_run *out)
{
    struct inspection *f = visit->inspection;

    out->archives = f->catalog ? visit->archives : f->archives;
    out->archive_count = f->catalog ? 0 : f->archive_count;
    while (names && *names && out->archive_count < RUN_VOLUMES) {
        size_t len = strcspn(names, "\n");
        struct inspection_archive *archive = hashmap_get(f->archive_of, names, len);

        if (archive)
            visit->archives[out->archive_count++] = archive;
        names += len + (names[len] == '\n');
    }
}

static int on_run(void *ctx, const struct period_run *run, struct err *err)
{
    struct visit *visit = ctx;
    struct inspection *f = visit->inspection;
    struct region *region = region_new(err);
    struct period_run facts = *run;
    struct inspection_run out = { .facts = &facts };
    int rc = region ? 0 : -1;

    if (rc == 0) {
        struct inspection_event *hold = hashmap_get(f->holds, run->run_id, strlen(run->run_id));

        out.hold = hold != &released ? hold : NULL;
        find_archives(visit, run->volumes, &out);
        rc = judge(f, run, &out, region, err);
    }
    if (rc == 0) {
        facts.volumes = NULL;
        facts.title = clean(run->title, region);
        facts.status = clean(run->status, region);
        facts.reason = clean(run->reason, region);
        out.why = clean(out.why, region);
        rc = visit->fn(visit->ctx, &out, err);
    }
    region_free(region);
    return rc;
}

int inspection_runs(struct inspection *f,
                    int (*fn)(void *ctx, const struct inspection_run *run, struct err *err),
                    void *ctx, struct err *err)
{
    struct visit *visit = mem_new(sizeof(*visit), err);
    int rc;

    if (!visit)
        return -1;
    visit->inspection = f;
    visit->fn = fn;
    visit->ctx = ctx;
    rc = f->catalog ? period_runs(f->catalog, &f->opts.period, on_run, visit, err)
                    : manifest_runs_each(f->manifest, &f->opts.period, on_run, visit, err);
    mem_free(visit);
    return rc;
}

int inspection_syncs(struct inspection *f,
                     int (*fn)(void *ctx, const struct period_sync *sync, struct err *err),
                     void *ctx, struct err *err)
{
    return f->catalog ? period_syncs(f->catalog, &f->opts.period, fn, ctx, err) : 0;
}

int inspection_frontiers(struct inspection *f,
                         int (*fn)(void *ctx, const char *filter, const struct period *known,
                                   struct err *err),
                         void *ctx, struct err *err)
{
    return f->catalog ? period_frontiers(f->catalog, fn, ctx, err) : 0;
}

/* Look at the archive. */
static int look_at_archive(struct inspection *f, struct err *err)
{
    struct inspection_archive *archive = add_archive(f, f->opts.path, err);
    const struct glance_opts how = { f->opts.signers, f->opts.trust, f->opts.stop };
    struct glance glance;

    if (!archive || glance_at(f->opts.path, &how, &glance, f->region, err) < 0)
        return -1;
    f->manifest = manifest_runs_new(f->opts.path, f->opts.stop, err);
    if (!f->manifest)
        return -1;
    archive->state = "there";
    archive->size = manifest_runs_size(f->manifest);
    archive->signature = glance.signature;
    archive->stamped = glance.stamped;
    archive->previous = *glance.previous ? glance.previous : NULL;
    (void)snprintf(archive->sha256, sizeof(archive->sha256), "%s", glance.sha256);
    return glance.fault ? set_fault(f, archive, glance.fault, err) : 0;
}

/* Add a run to the totals. */
static int count_run(void *ctx, const struct inspection_run *run, struct err *err)
{
    struct inspection *f = ctx;
    size_t i;

    (void)err;
    f->sum.runs++;
    f->sum.verdicts[run->verdict]++;
    f->sum.held += run->hold != NULL;
    f->sum.artifacts += run->facts->artifacts;
    f->sum.missing += run->facts->missing + run->facts->lost;
    f->sum.bytes += run->facts->bytes;
    for (i = 0; i < run->archive_count; i++)
        run->archives[i]->runs++;
    return 0;
}

static int count_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    struct inspection *f = ctx;

    (void)err;
    f->sum.syncs++;
    f->sum.failed_syncs += sync->outcome && (strcmp(sync->outcome, "failed") == 0 ||
                                             strcmp(sync->outcome, "killed") == 0);
    return 0;
}

/* Leave out the archives without a run of the period, unless something is wrong with them. */
static void narrow(struct inspection *f)
{
    size_t kept = 0;
    size_t i;

    for (i = 0; i < f->archive_count; i++) {
        if (f->archives[i]->runs || f->archives[i]->fault || !f->catalog)
            f->archives[kept++] = f->archives[i];
    }
    f->archive_count = kept;
}

int inspection_collect(struct inspection *f, struct err *err)
{
    int rc = f->catalog ? read_log(f, err) : look_at_archive(f, err);

    if (rc == 0 && f->catalog)
        rc = look_at_all(f, err);
    if (rc == 0)
        rc = inspection_runs(f, count_run, f, err);
    if (rc == 0)
        rc = inspection_syncs(f, count_sync, f, err);
    if (rc == 0)
        narrow(f);
    return rc;
}
