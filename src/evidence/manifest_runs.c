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

/* What an archive has and lacks of a run. */
struct holding {
    uint64_t bytes;
    uint64_t missing;
    const char *reason; /* of the first; NULL: nothing is missing */
    bool others;        /* there are other reasons, too */
};

struct manifest_runs {
    const char *archive;
    struct stop stop;
    uint64_t size;
    struct region *region;
    struct hashmap *holdings; /* run ID -> struct holding */
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

/* What is known of a run, new if nothing was; NULL: no memory. */
static struct holding *holding_of(struct manifest_runs *runs, const char *run_id,
                                  struct err *err)
{
    struct holding *holding = hashmap_get(runs->holdings, run_id, strlen(run_id));
    const char *key;

    if (holding)
        return holding;
    holding = region_take(runs->region, sizeof(*holding), err);
    key = holding ? region_text(runs->region, run_id, err) : NULL; /* the map borrows it */
    if (!key)
        return NULL;
    *holding = (struct holding){ 0 };
    return hashmap_add(runs->holdings, key, strlen(key), holding, err) < 0 ? NULL : holding;
}

/* Count a missing item. */
static int add_lack(struct manifest_runs *runs, const char *run_id, const char *reason,
                    struct err *err)
{
    struct holding *holding = holding_of(runs, run_id, err);

    if (!holding)
        return -1;
    holding->missing++;
    if (holding->reason) {
        holding->others = holding->others || strcmp(holding->reason, reason) != 0;
        return 0;
    }
    holding->reason = region_text(runs->region, reason, err);
    return holding->reason ? 0 : -1;
}

/* Count an artifact, and one that is not what the service stated as missing, as the catalog
 * does. */
static int add_artifact(struct manifest_runs *runs, const char *text, size_t len,
                        struct region *region, struct err *err)
{
    struct manifest_read_artifact row;
    struct holding *holding;

    if (manifest_read_artifact(&row, text, len, region, err) < 0)
        return -1;
    holding = holding_of(runs, row.run_id, err);
    if (!holding)
        return -1;
    holding->bytes += row.size;
    return row.mismatch || row.suspect
               ? add_lack(runs, row.run_id,
                          reason_word(row.mismatch ? REASON_CHECKSUM_MISMATCH
                                                   : REASON_SUSPECT_CONTENT),
                          err)
               : 0;
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
        rc = add_artifact(runs, text, len, region, err);
    } else if (rc == 0) {
        rc = manifest_read_missing(&row, text, len, region, err);
        if (rc == 0)
            rc = add_lack(runs, row.run_id, row.reason, err);
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
    return !manifest_read_noted(row, RUN_NOTE_RUNNING) &&
           !manifest_read_noted(row, RUN_NOTE_RETRY) &&
           (!row->status || run_is_terminal(row->status));
}

static int pass(const struct visit *visit, const struct manifest_read_run *row,
                struct region *region, struct err *err)
{
    const struct holding *holding =
        hashmap_get(visit->runs->holdings, row->run_id, strlen(row->run_id));
    bool empty = !row->archived && !(holding && holding->missing);
    struct period_run run = { .run_id = row->run_id,
                              .other = row->other_run_id,
                              .parent = row->parent_run_id,
                              .run_type = row->run_type,
                              .title = row->title,
                              .status = row->status,
                              .state = had_ended(row) ? RUN_STATE_SEALED : RUN_STATE_OPEN,
                              .reason = empty ? RUN_STATE_EMPTY : NULL,
                              .supplements = row->supplements,
                              .why = holding ? holding->reason : NULL,
                              .bytes = holding ? holding->bytes : 0,
                              .created_at = db_us(row->created_at),
                              .finished_at = db_us(row->finished_at),
                              .artifacts = row->archived,
                              .missing = holding ? holding->missing : 0 };
    char *why = NULL;
    int rc = 0;

    if (!is_within(visit->period, run.created_at))
        return 0;
    if (holding && holding->others) {
        why = mem_format(err, "%s and others", holding->reason);
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
    runs->holdings = runs->region ? hashmap_new(err) : NULL;
    if (runs->holdings && scan(runs, on_missing, runs, &runs->size, err) == 0)
        return runs;
    manifest_runs_free(runs);
    return NULL;
}

void manifest_runs_free(struct manifest_runs *runs)
{
    if (!runs)
        return;
    hashmap_free(runs->holdings);
    region_free(runs->region);
    mem_free(runs);
}

int manifest_runs_each(const struct manifest_runs *runs, const struct period *period,
                       int (*fn)(void *ctx, const struct period_run *run, struct err *err),
                       void *ctx, struct err *err)
{
    struct visit visit = { runs, period, fn, ctx };
    uint64_t size;

    return scan(runs, on_run, &visit, &size, err);
}
