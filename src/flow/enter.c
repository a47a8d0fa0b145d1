/* SPDX-License-Identifier: MIT */
#include "flow/enter.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/rows.h"
#include "open/box.h"
#include "open/verify.h"
#include "skyvern/run.h"
#include "vault/entry.h"
#include "vault/state.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NAMES_MAX  ((size_t)1 << 24)
#define ROWS_CLEAR 256 /* rows whose texts are held together */

struct entering {
    struct catalog *catalog;
    const struct enter_opts *opts;
    const char *name;
    int64_t volume;
    struct region *region; /* texts of the row in hand */
    unsigned rows;
};

bool enter_is_final(const char *reason)
{
    return strcmp(reason, "gone") == 0 || strcmp(reason, "too-large") == 0 ||
           strcmp(reason, "archived") == 0 || strcmp(reason, "not-in-bundle") == 0;
}

/* A run that is in a volume: open until it has been listed once more, or is old enough. */
static int set_state(struct entering *e, const struct rows_run *row, struct err *err)
{
    const struct enter_opts *o = e->opts;
    int64_t ended = catalog_us(row->finished_at);
    bool old = ended != CATALOG_UNKNOWN && o->now_ms - ended / 1000 >= o->give_up;
    bool sealed = old && !row->missing;
    struct state_row seen = { .run_id = row->run_id,
                              .status = row->status,
                              .created_at = catalog_us(row->created_at),
                              .finished_at = ended };

    if (o->pruning)
        return 0;
    if (state_seen(e->catalog, &seen, true, o->now_ms, err) < 0)
        return -1;
    return state_set(e->catalog, row->run_id, sealed ? STATE_SEALED : STATE_OPEN,
                     o->now_ms + (row->missing ? STATE_HOUR : o->settle),
                     sealed ? "archived long after its end" : NULL, err);
}

/* A run that could not be archived: never, when the service does not know it; else later. */
static int run_failed(struct entering *e, const struct rows_run *row, struct err *err)
{
    if (strcmp(row->error, "run-not-found") == 0)
        return state_set(e->catalog, row->run_id, STATE_GONE, 0, row->error, err);
    return state_put_off(e->catalog, row->run_id, STATE_DUE, e->opts->now_ms, row->error, err);
}

static int on_run(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct rows_run row;
    struct entry_run run;

    if (rows_run(&row, text, len, e->region, err) < 0)
        return -1;
    if (!run_id_valid(row.run_id))
        return 0;
    if (row.error)
        return e->opts->pruning ? 0 : run_failed(e, &row, err);
    run = (struct entry_run){ .run_id = row.run_id,
                              .supplements = row.supplements,
                              .status = row.status,
                              .run_type = row.run_type,
                              .failure_reason = row.failure_reason,
                              .prompt = row.prompt,
                              .created_at = catalog_us(row.created_at),
                              .finished_at = catalog_us(row.finished_at),
                              .artifacts = row.archived,
                              .missing = row.missing };
    return entry_run(e->catalog, e->volume, &run, err) < 0 ? -1 : set_state(e, &row, err);
}

static int on_artifact(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct rows_artifact row;
    struct entry_artifact artifact;

    if (rows_artifact(&row, text, len, e->region, err) < 0)
        return -1;
    artifact = (struct entry_artifact){ .run_id = row.run_id,
                                        .artifact_id = row.artifact_id,
                                        .type = row.artifact_type,
                                        .path = row.path,
                                        .created_at = catalog_us(row.created_at),
                                        .size = row.size };
    memcpy(artifact.sha256, row.sha256, SHA256_SIZE);
    return entry_artifact(e->catalog, e->volume, &artifact, err);
}

static int on_missing(struct entering *e, const char *text, size_t len, struct err *err)
{
    struct rows_missing row;
    struct entry_missing missing;

    if (rows_missing(&row, text, len, e->region, err) < 0)
        return -1;
    if (!row.artifact_id || e->opts->pruning) /* the run itself: it is tried again as it is */
        return 0;
    missing = (struct entry_missing){ row.run_id, row.artifact_id, row.artifact_type,
                                      row.reason, enter_is_final(row.reason) };
    return entry_missing(e->catalog, &missing, err);
}

static int on_row(void *ctx, enum rows_section section, const char *text, size_t len,
                  struct err *err)
{
    struct entering *e = ctx;

    if (e->rows++ % ROWS_CLEAR == 0) {
        region_free(e->region);
        e->region = region_new(err);
        if (!e->region)
            return -1;
    }
    switch (section) {
    case ROWS_RUNS:
        return on_run(e, text, len, err);
    case ROWS_ARTIFACTS:
        return on_artifact(e, text, len, err);
    case ROWS_MISSING:
        return on_missing(e, text, len, err);
    case ROWS_HEAD:
    case ROWS_PREVIOUS:
    case ROWS_DOCUMENTS:
        break;
    }
    return 0;
}

/* Read the manifest into the catalog; its digest is only known at its end. */
static int enter(struct entering *e, struct box *box, struct err *err)
{
    struct entry_volume volume = { .name = e->name,
                                   .manifest_sha256 = "",
                                   .size = box->size,
                                   .created_ms = e->opts->now_ms,
                                   .verified_ms = e->opts->verified_ms };
    struct box_digests digests;
    char hex[SHA256_TEXT];

    if (entry_volume(e->catalog, &volume, &e->volume, err) < 0 ||
        box_manifest(box, on_row, e, &digests, err) < 0)
        return -1;
    text_hex(hex, digests.sha256, SHA256_SIZE);
    return entry_end(e->catalog, e->volume, hex, err);
}

int enter_volume(struct catalog *catalog, const struct shelf *shelf, const char *name,
                 const struct enter_opts *opts, struct err *err)
{
    struct entering e = { .catalog = catalog, .opts = opts, .name = name };
    struct box box = { .fd = -1 };
    char *path = shelf_read(shelf, name, err);
    int rc = path ? box_open(&box, path, err) : -1;

    if (rc == 0)
        rc = catalog_begin(catalog, err);
    if (rc == 0) {
        rc = enter(&e, &box, err);
        if (rc == 0)
            rc = catalog_commit(catalog, err);
        else
            catalog_rollback(catalog);
    }
    region_free(e.region);
    box_close(&box);
    mem_free(path);
    return rc < 0 ? err_wrap(err, "cannot enter volume '%s'", name) : 0;
}

int enter_check(const char *path, bool (*stopped)(void *ctx), void *ctx, struct err *err)
{
    struct verify_opts how = { .stopped = stopped, .ctx = ctx };
    struct verify_result result;

    if (verify_run(path, &how, &result, err) < 0)
        return -1;
    if (!result.damages)
        return 0;
    (void)err_set(err, ERR_MISMATCH, "'%s' was not what had been written when it was read back",
                  path);
    return 1;
}

/* What heals the catalog: volumes that it lacks, and those that are gone. */
struct healing {
    struct catalog *catalog;
    const struct shelf *shelf;
    const struct enter_opts *opts;
    size_t entered;
    char **gone;
    size_t count;
    size_t cap;
};

static int on_volume(void *ctx, const char *name, uint64_t size, struct err *err)
{
    struct healing *h = ctx;
    int there = entry_has(h->catalog, name, size, err);
    struct err why;

    if (there)
        return there < 0 ? -1 : 0;
    if (enter_volume(h->catalog, h->shelf, name, h->opts, &why) == 0) {
        h->entered++;
        return 0;
    }
    if (why.kind != ERR_FORMAT && why.kind != ERR_MISMATCH && why.kind != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    log_line(LOG_ERROR, "%s", why.text);
    return 0;
}

static int on_entered(void *ctx, const char *name, struct err *err)
{
    struct healing *h = ctx;
    char *path = shelf_read(h->shelf, name, err);
    struct stat st;
    int rc = path ? 0 : -1;

    if (path && stat(path, &st) < 0 && errno == ENOENT) {
        log_line(LOG_WARNING, "volume '%s' is in the catalog and not on disk", name);
        rc = mem_room(&h->gone, &h->cap, h->count, sizeof(char *), NAMES_MAX, err);
        if (rc == 0 && (h->gone[h->count] = mem_copy(name, err)))
            h->count++;
        else
            rc = -1;
    }
    mem_free(path);
    return rc;
}

int enter_all(struct catalog *catalog, const struct shelf *shelf, const struct enter_opts *opts,
              size_t *entered, struct err *err)
{
    struct healing h = { .catalog = catalog, .shelf = shelf, .opts = opts };
    int rc = shelf_each(shelf, on_volume, &h, err);
    size_t i;

    if (rc == 0)
        rc = entry_volumes(catalog, on_entered, &h, err);
    for (i = 0; i < h.count; i++) {
        if (rc == 0)
            rc = entry_remove(catalog, h.gone[i], err);
        mem_free(h.gone[i]);
    }
    mem_free(h.gone);
    *entered = h.entered;
    return rc;
}
