/* SPDX-License-Identifier: MIT */
#include "evidence/inspection.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "catalog/sync_log.h"
#include "evidence/coverage.h"
#include "evidence/manifest_runs.h"
#include "redact/redact.h"

#include <string.h>

#define COUNT_MAX   ((size_t)1 << 24)
#define RUN_VOLUMES 1024 /* of one run that are told */

struct inspection {
    struct inspection_opts opts;
    struct db *catalog; /* of a directory */
    struct region *region;
    struct inspection_sum sum;
    struct shard shard;
    struct archives *archives;
    struct archives_said said;
    const struct decision **events;
    size_t event_count;
    size_t event_cap;
    struct decisions *decisions;    /* of a directory */
    struct hashmap *concerned;      /* IDs of the report's runs that the log names */
    struct manifest_runs *manifest; /* of an archive */
};

struct inspection *inspection_open(const struct inspection_opts *opts, struct err *err)
{
    struct inspection *f = mem_new(sizeof(*f), err);

    if (!f)
        return NULL;
    f->opts = *opts;
    f->region = region_new(err);
    f->concerned = hashmap_new(err);
    if (f->region && f->concerned &&
        (!opts->archives.store ||
         ((f->catalog = db_open(opts->archives.store->dir, DB_READ, err)) &&
          db_snapshot(f->catalog, err) == 0)))
        return f;
    inspection_free(f);
    return NULL;
}

void inspection_free(struct inspection *f)
{
    if (!f)
        return;
    archives_free(f->archives);
    db_free(f->catalog);
    decisions_free(f->decisions);
    hashmap_free(f->concerned);
    manifest_runs_free(f->manifest);
    remarks_clear(&f->said.faults);
    remarks_clear(&f->said.gaps);
    mem_free(f->events);
    region_free(f->region);
    mem_free(f);
}

const struct inspection_opts *inspection_of(const struct inspection *f)
{
    return &f->opts;
}

const struct shard *inspection_shard(const struct inspection *f)
{
    return &f->shard;
}

const struct inspection_sum *inspection_sum(const struct inspection *f)
{
    return &f->sum;
}

size_t inspection_archives(const struct inspection *f, struct archive_state *const **archives)
{
    return archives_all(f->archives, archives);
}

const struct remarks *inspection_faults(const struct inspection *f)
{
    return &f->said.faults;
}

const struct remarks *inspection_gaps(const struct inspection *f)
{
    return &f->said.gaps;
}

size_t inspection_events(const struct inspection *f, const struct decision *const **events)
{
    *events = f->events;
    return f->event_count;
}

/* A text without secrets: catalogs and archives may have been written by anyone. */
static const char *clean(const char *text, struct region *region)
{
    static const struct redact what = { NULL, false, NULL };

    return redact_copy(text, &what, region);
}

static bool is_within(const struct period *period, int64_t at_ms)
{
    return (period->since == DB_UNKNOWN || at_ms >= period->since / 1000) &&
           (period->until == DB_UNKNOWN || at_ms < period->until / 1000);
}

/* A visit of runs. */
struct visit {
    struct inspection *inspection;
    int (*fn)(void *ctx, const struct inspection_run *run, struct err *err);
    void *ctx;
    struct archive_state *archives[RUN_VOLUMES];
};

/* Why a run was removed, and when, as a text in the region; NULL: it was not, or no memory. */
static const char *prune_text(const struct decision *prune, struct region *region,
                              struct err *err)
{
    char when[CLOCK_TEXT_MAX];
    char *text;
    const char *copy;

    if (!prune)
        return NULL;
    text = mem_format(err, "removed at %s: %s", clock_format(when, prune->at_ms, CLOCK_RFC3339),
                      prune->reason ? prune->reason : "no reason was recorded");
    copy = text ? region_text(region, text, err) : NULL;
    mem_free(text);
    return copy;
}

/* Judge a run, of which the archives are known. */
static int judge(struct inspection *f, const struct period_run *run, struct inspection_run *out,
                 struct region *region, struct err *err)
{
    const struct decision *prune =
        f->decisions ? decisions_prune(f->decisions, run->run_id) : NULL;
    struct verdict_asked asked = { .run = run,
                                   .directory = f->opts.archives.store != NULL,
                                   .prune = prune_text(prune, region, err),
                                   .flaw = archives_flaw(f->archives, run->run_id),
                                   .filtered = out->archive_count > 0 };
    size_t i;

    if (prune && !asked.prune)
        return -1;
    for (i = 0; i < out->archive_count; i++) {
        asked.faulty = asked.faulty || out->archives[i]->fault;
        asked.filtered = asked.filtered && out->archives[i]->filtered;
    }
    return verdict_judge(&asked, &out->verdict, &out->why, region, err);
}

/* Find the archives of a run by their names. */
static void find_archives(struct visit *visit, const char *names, struct inspection_run *out)
{
    struct inspection *f = visit->inspection;

    out->archives = visit->archives;
    if (!f->catalog)
        out->archive_count = archives_all(f->archives, &out->archives);
    while (names && *names) {
        size_t len = strcspn(names, "\n");
        struct archive_state *archive = archives_find(f->archives, names, len);

        if (archive && out->archive_count == RUN_VOLUMES) {
            out->more = true;
            return;
        }
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
    int rc = region ? stop_check(&f->opts.archives.stop, err) : -1;

    if (rc == 0) {
        out.hold = f->decisions ? decisions_hold(f->decisions, run->run_id) : NULL;
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

/* A visit of syncs. */
struct sync_visit {
    int (*fn)(void *ctx, const struct period_sync *sync, struct err *err);
    void *ctx;
};

static int on_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    const struct sync_visit *visit = ctx;
    struct region *region = region_new(err);
    struct period_sync shown = *sync;
    int rc = region ? 0 : -1;

    if (rc == 0) {
        shown.error = clean(sync->error, region);
        rc = visit->fn(visit->ctx, &shown, err);
    }
    region_free(region);
    return rc;
}

int inspection_syncs(struct inspection *f,
                     int (*fn)(void *ctx, const struct period_sync *sync, struct err *err),
                     void *ctx, struct err *err)
{
    struct sync_visit visit = { fn, ctx };

    return f->catalog ? period_syncs(f->catalog, &f->opts.period, on_sync, &visit, err) : 0;
}

int inspection_frontiers(struct inspection *f,
                         int (*fn)(void *ctx, const char *filter, const struct period *known,
                                   struct err *err),
                         void *ctx, struct err *err)
{
    return f->catalog ? period_frontiers(f->catalog, fn, ctx, err) : 0;
}

/* Add a run to the totals. */
static int count_run(void *ctx, const struct inspection_run *run, struct err *err)
{
    struct inspection *f = ctx;
    const char *id = run->facts->run_id;
    size_t i;

    if (run->more &&
        remarks_add(&f->said.gaps, "a run is in more archives than are told here", err) < 0)
        return -1;
    f->sum.runs++;
    f->sum.verdicts[run->verdict]++;
    f->sum.held += run->hold != NULL;
    f->sum.artifacts += run->facts->artifacts;
    f->sum.missing += run->facts->missing + run->facts->lost;
    f->sum.bytes += run->facts->bytes;
    for (i = 0; i < run->archive_count; i++)
        run->archives[i]->runs++;
    if (!f->decisions || !decisions_names(f->decisions, id))
        return 0;
    id = region_text(f->region, id, err); /* the map borrows it */
    return id ? hashmap_add(f->concerned, id, strlen(id), f, err) : -1;
}

static int count_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    struct inspection *f = ctx;

    (void)err;
    f->sum.syncs++;
    f->sum.failed_syncs += sync_log_has_failed(sync->outcome);
    return 0;
}

/* Read the log; what is wrong with it is a fault. */
static int read_log(struct inspection *f, struct err *err)
{
    const char *fault;

    f->decisions = decisions_read(f->opts.archives.store->dir, f->catalog, err);
    if (!f->decisions)
        return -1;
    fault = decisions_fault(f->decisions);
    return fault ? remarks_add(&f->said.faults, fault, err) : 0;
}

/* Select the entries of the log: those of the period, and of the report's runs and archives. */
static int select_events(struct inspection *f, struct err *err)
{
    const struct decision *const *all;
    size_t count = decisions_all(f->decisions, &all);
    size_t i;

    for (i = 0; i < count; i++) {
        const struct archive_state *archive =
            all[i]->volume ? archives_find(f->archives, all[i]->volume, strlen(all[i]->volume))
                           : NULL;
        bool told = is_within(&f->opts.period, all[i]->at_ms) || (archive && archive->runs) ||
                    (all[i]->run_id &&
                     hashmap_get(f->concerned, all[i]->run_id, strlen(all[i]->run_id)));

        if (told && mem_room(&f->events, &f->event_cap, f->event_count, sizeof(*f->events),
                             COUNT_MAX, err) < 0)
            return -1;
        if (told)
            f->events[f->event_count++] = all[i];
    }
    return 0;
}

/* Whether the service's lists are known for the period. */
static int look_at_coverage(struct inspection *f, struct err *err)
{
    struct coverage coverage = { .wanted = f->opts.period, .now_ms = f->opts.now_ms };
    char text[COVERAGE_TEXT_MAX];

    if (coverage_read(&coverage, f->catalog, err) < 0)
        return -1;
    return coverage_judge(&coverage, text) ? 0 : remarks_add(&f->said.gaps, text, err);
}

static int look_at_archives(struct inspection *f, struct err *err)
{
    f->archives = archives_new(&f->opts.archives, f->catalog, f->decisions, &f->said, err);
    if (!f->archives)
        return -1;
    if (!f->catalog)
        f->manifest = manifest_runs_new(f->opts.archives.path, f->opts.archives.stop, err);
    return f->catalog || f->manifest ? 0 : -1;
}

int inspection_collect(struct inspection *f, struct err *err)
{
    int rc = f->catalog ? shard_recorded(f->catalog, &f->shard, NULL, err) : 0;

    if (!shard_divides(&f->shard))
        f->shard = (struct shard){ 0 };
    if (rc == 0 && f->catalog)
        rc = read_log(f, err);
    if (rc == 0)
        rc = look_at_archives(f, err);
    if (rc == 0)
        rc = inspection_runs(f, count_run, f, err);
    if (rc == 0)
        rc = inspection_syncs(f, count_sync, f, err);
    if (rc == 0 && f->catalog)
        rc = look_at_coverage(f, err);
    if (rc == 0 && f->catalog)
        rc = select_events(f, err);
    if (rc == 0 && f->catalog)
        archives_narrow(f->archives);
    f->sum.gaps = f->said.gaps.count;
    f->sum.faults =
        f->said.faults.count + (f->archives ? archives_fault_count(f->archives) : 0);
    return rc;
}
