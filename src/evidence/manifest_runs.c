/* SPDX-License-Identifier: MIT */
#include "evidence/manifest_runs.h"

#include "api/reason.h"
#include "api/run.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "catalog/run_state.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

#include <string.h>

/* What is missing of a run. */
struct lack {
    uint64_t count;
    const char *reason; /* of the first */
    bool others;        /* there are other reasons, too */
};

struct manifest_runs {
    const char *archive;
    struct stop stop;
    uint64_t size;
    struct region *region;
    struct hashmap *lacks; /* run ID -> struct lack */
};

/* A visit of runs. */
struct visit {
    const struct manifest_runs *runs;
    const struct period *period;
    int (*fn)(void *ctx, const struct period_run *run, struct err *err);
    void *ctx;
};

static int scan(const struct manifest_runs *runs, manifest_read_fn *fn, void *ctx,
                uint64_t *size, struct err *err)
{
    struct archive_reader reader = { 0 };
    int rc = archive_reader_open(&reader, runs->archive, err);

    archive_reader_watch(&reader, runs->stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, fn, ctx, NULL, err);
    *size = reader.size;
    archive_reader_close(&reader);
    return rc;
}

/* Count a missing item. */
static int add_lack(struct manifest_runs *runs, const struct manifest_read_missing *row,
                    struct err *err)
{
    struct lack *lack = hashmap_get(runs->lacks, row->run_id, strlen(row->run_id));

    if (lack) {
        lack->count++;
        lack->others = lack->others || strcmp(lack->reason, row->reason) != 0;
        return 0;
    }
    lack = region_take(runs->region, sizeof(*lack), err);
    if (!lack)
        return -1;
    *lack = (struct lack){ 1, region_text(runs->region, row->reason, err), false };
    return lack->reason ? hashmap_add(runs->lacks, row->run_id, strlen(row->run_id), lack, err)
                        : -1;
}

/* Count an artifact that is not what the service stated, as the catalog does. */
static int add_wrong(struct manifest_runs *runs, const char *text, size_t len,
                     struct region *region, struct err *err)
{
    struct manifest_read_artifact row;
    struct manifest_read_missing lack = { 0 };

    if (manifest_read_artifact(&row, text, len, region, err) < 0)
        return -1;
    if (!row.mismatch && !row.suspect)
        return 0;
    lack.run_id = row.run_id;
    lack.reason = reason_word(row.mismatch ? REASON_CHECKSUM_MISMATCH : REASON_SUSPECT_CONTENT);
    return add_lack(runs, &lack, err);
}

/* A manifest_read_fn. */
static int on_missing(void *ctx, enum manifest_read_section section, const char *text,
                      size_t len, struct err *err)
{
    struct manifest_runs *runs = ctx;
    struct manifest_read_missing row;
    struct region *region;
    int rc;

    if (section != MANIFEST_READ_MISSING && section != MANIFEST_READ_ARTIFACTS)
        return 0;
    region = region_new(err);
    rc = region ? 0 : -1;
    if (rc == 0 && section == MANIFEST_READ_ARTIFACTS) {
        rc = add_wrong(runs, text, len, region, err);
    } else if (rc == 0) {
        rc = manifest_read_missing(&row, text, len, region, err);
        if (rc == 0)
            rc = add_lack(runs, &row, err);
    }
    region_free(region);
    return rc;
}

static bool is_within(const struct period *period, int64_t created)
{
    return created == DB_UNKNOWN ||
           ((period->since == DB_UNKNOWN || created >= period->since) &&
            (period->until == DB_UNKNOWN || created < period->until));
}

/* Whether a run had ended when it was archived. */
static bool had_ended(const struct manifest_read_run *row)
{
    return !manifest_read_noted(row, "still-running") &&
           !manifest_read_noted(row, "retry-pending") &&
           (!row->status || run_is_terminal(row->status));
}

static int pass(const struct visit *visit, const struct manifest_read_run *row,
                struct region *region, struct err *err)
{
    const struct lack *lack = hashmap_get(visit->runs->lacks, row->run_id, strlen(row->run_id));
    bool empty = !row->archived && !lack;
    struct period_run run = { .run_id = row->run_id,
                              .other = row->other_run_id,
                              .parent = row->parent_run_id,
                              .run_type = row->run_type,
                              .title = row->title,
                              .status = row->status,
                              .state = had_ended(row) ? RUN_STATE_SEALED : RUN_STATE_OPEN,
                              .reason = empty ? RUN_STATE_EMPTY : NULL,
                              .supplements = row->supplements,
                              .why = lack ? lack->reason : NULL,
                              .created_at = db_us(row->created_at),
                              .finished_at = db_us(row->finished_at),
                              .artifacts = row->archived,
                              .missing = lack ? lack->count : 0 };
    char *why = NULL;
    int rc = 0;

    if (!is_within(visit->period, run.created_at))
        return 0;
    if (lack && lack->others) {
        why = mem_format(err, "%s and others", lack->reason);
        run.why = why ? region_text(region, why, err) : NULL;
        rc = run.why ? 0 : -1;
        mem_free(why);
    }
    if (row->error)
        run.why = row->error;
    return rc == 0 ? visit->fn(visit->ctx, &run, err) : -1;
}

/* Pass a run; a manifest_read_fn. */
static int on_run(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct manifest_read_run row;
    struct region *region;
    int rc;

    if (section != MANIFEST_READ_RUNS)
        return section > MANIFEST_READ_RUNS; /* the runs come before these */
    region = region_new(err);
    rc = region ? manifest_read_run(&row, text, len, region, err) : -1;
    if (rc == 0)
        rc = pass(ctx, &row, region, err);
    region_free(region);
    return rc < 0 ? -1 : 0;
}

struct manifest_runs *manifest_runs_new(const char *archive, struct stop stop, struct err *err)
{
    struct manifest_runs *runs = mem_new(sizeof(*runs), err);

    if (!runs)
        return NULL;
    runs->archive = archive;
    runs->stop = stop;
    runs->region = region_new(err);
    runs->lacks = runs->region ? hashmap_new(err) : NULL;
    if (runs->lacks && scan(runs, on_missing, runs, &runs->size, err) == 0)
        return runs;
    manifest_runs_free(runs);
    return NULL;
}

void manifest_runs_free(struct manifest_runs *runs)
{
    if (!runs)
        return;
    hashmap_free(runs->lacks);
    region_free(runs->region);
    mem_free(runs);
}

uint64_t manifest_runs_size(const struct manifest_runs *runs)
{
    return runs->size;
}

int manifest_runs_each(const struct manifest_runs *runs, const struct period *period,
                       int (*fn)(void *ctx, const struct period_run *run, struct err *err),
                       void *ctx, struct err *err)
{
    struct visit visit = { runs, period, fn, ctx };
    uint64_t size;

    return scan(runs, on_run, &visit, &size, err);
}
