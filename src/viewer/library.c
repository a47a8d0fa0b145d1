/* SPDX-License-Identifier: MIT */
#include "viewer/library.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/search.h"
#include "reader/manifest_scan.h"
#include "volumes/volume_store.h"

#include <string.h>

#define ROW_MAX ((size_t)1 << 20)

int library_open(struct library *library, struct err *err)
{
    struct err why;

    (void)pthread_mutex_init(&library->lock, NULL);
    (void)pthread_mutex_init(&library->making, NULL);
    library->open = true;
    if (store_open(&library->texts, library->place->temp_dir, &why) < 0)
        log_line(LOG_INFO, "texts are read in the order of the manifest: %s", why.text);
    if (!library->store)
        return 0;
    library->catalog = db_open(library->store->dir, DB_READ, err);
    return library->catalog ? 0 : -1;
}

void library_close(struct library *library)
{
    if (!library->open)
        return;
    db_free(library->catalog);
    library->catalog = NULL;
    store_close(&library->texts);
    (void)pthread_mutex_destroy(&library->lock);
    (void)pthread_mutex_destroy(&library->making);
    library->open = false;
}

bool library_shows(const struct library *library, const char *run_id)
{
    size_t i;

    for (i = 0; i < library->run_count; i++) {
        if (strcmp(library->run_ids[i], run_id) == 0)
            return true;
    }
    return !library->run_count;
}

/* A visit of runs. */
struct visit {
    struct library *library;
    manifest_read_fn *fn;
    void *ctx;
    struct buf row; /* of the catalog */
};

/* A time of the catalog as text; NULL: not known. */
static const char *time_text(char out[CLOCK_TEXT_MAX], int64_t us)
{
    return us == DB_UNKNOWN ? NULL : clock_format(out, us / 1000, CLOCK_RFC3339);
}

/* Make a row of the manifest from one of the catalog. */
static int on_catalog_run(void *ctx, const struct search_row *row, struct err *err)
{
    struct visit *visit = ctx;
    char created[CLOCK_TEXT_MAX];
    struct jsonw *w = mem_new(sizeof(*w), err);
    int rc;

    if (!w)
        return -1;
    buf_reset(&visit->row);
    jsonw_init(w, buf_put, &visit->row);
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "run_id", row->run_id);
    jsonw_text(w, "status", row->status);
    jsonw_text(w, "run_type", row->run_type);
    jsonw_text(w, "created_at", time_text(created, row->created_at));
    jsonw_text(w, "failure_reason", row->failure_reason);
    jsonw_text(w, "prompt", row->prompt);
    jsonw_text(w, "title", row->title);
    jsonw_text(w, "other_run_id", row->other);
    jsonw_text(w, "parent_run_id", row->parent);
    jsonw_close(w);
    rc = jsonw_end(w, err);
    mem_free(w);
    return rc < 0 ? -1
                  : visit->fn(visit->ctx, MANIFEST_READ_RUNS, visit->row.data, visit->row.len,
                              err);
}

/* Visit runs of the catalog; text: only those that have it, or NULL. */
static int catalog_runs(struct library *library, const char *text, manifest_read_fn *fn,
                        void *ctx, struct err *err)
{
    struct visit visit = { .library = library, .fn = fn, .ctx = ctx };
    const struct search search = { .run_ids = library->run_ids,
                                   .run_count = library->run_count,
                                   .text = text,
                                   .since = DB_UNKNOWN,
                                   .until = DB_UNKNOWN,
                                   .limit = text ? LIBRARY_FOUND : LIBRARY_RUNS,
                                   .runs = true };
    int rc;

    buf_init(&visit.row, ROW_MAX);
    (void)pthread_mutex_lock(&library->lock);
    rc = search_run(library->catalog, &search, on_catalog_run, &visit, err);
    (void)pthread_mutex_unlock(&library->lock);
    buf_clear(&visit.row);
    return rc;
}

/* Pass what comes before the rows of documents and artifacts. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct visit *visit = ctx;
    struct manifest_read_run run;
    struct region *region;
    int rc;

    if (section != MANIFEST_READ_RUNS)
        return section > MANIFEST_READ_RUNS ? 1
                                            : visit->fn(visit->ctx, section, text, len, err);
    region = region_new(err);
    rc = region ? manifest_read_run(&run, text, len, region, err) : -1;
    if (rc == 0 && library_shows(visit->library, run.run_id))
        rc = visit->fn(visit->ctx, section, text, len, err);
    region_free(region);
    return rc < 0 ? -1 : 0;
}

static int archive_runs(struct visit *visit, const char *path, struct err *err)
{
    return manifest_scan_path(path, visit->library->place->stop, on_row, visit, NULL, err);
}

int library_runs(struct library *library, manifest_read_fn *fn, void *ctx, struct err *err)
{
    struct visit visit = { .library = library, .fn = fn, .ctx = ctx };
    size_t i;
    int rc = 0;

    if (library->store)
        return catalog_runs(library, NULL, fn, ctx, err);
    for (i = 0; rc == 0 && i < library->archive_count; i++)
        rc = archive_runs(&visit, library->archives[i], err);
    return rc;
}

int library_search(struct library *library, const char *text, manifest_read_fn *fn, void *ctx,
                   struct err *err)
{
    return library->store
               ? catalog_runs(library, text, fn, ctx, err)
               : err_set(err, ERR_NOT_FOUND, "only a directory of skyarc sync has a catalog");
}

/* The volumes of a run, collected under the lock, and read without it. */
struct volumes {
    struct region *region;
    const char *paths[LIBRARY_VOLUMES]; /* sorted by their names, which begin with the time */
    size_t count;
};

static int on_volume(void *ctx, const char *path, struct err *err)
{
    struct volumes *volumes = ctx;

    if (volumes->count == LIBRARY_VOLUMES)
        return 0;
    volumes->paths[volumes->count] = region_text(volumes->region, path, err);
    return volumes->paths[volumes->count] ? (volumes->count++, 0) : -1;
}

static int find_volumes(struct library *library, const char *run_id, struct volumes *volumes,
                        struct err *err)
{
    int rc;

    volumes->region = region_new(err);
    if (!volumes->region)
        return -1;
    (void)pthread_mutex_lock(&library->lock);
    rc = volume_store_of_run(library->store, library->catalog, run_id, on_volume, volumes, err);
    (void)pthread_mutex_unlock(&library->lock);
    return rc;
}

/* Call fn for one archive: 1, 0, or -1 if no further one is to be visited. */
static int visit_archive(const char *path, library_archive_fn *fn, void *ctx, struct err *last,
                         const struct stop *stop)
{
    struct err why;
    int rc = fn(ctx, path, &why);

    if (rc >= 0)
        return rc;
    *last = why;
    if (stop_asked(stop) || why.kind == ERR_MEMORY)
        return -1;
    log_line(LOG_WARNING, "'%.600s': %s", path, why.text);
    return 0;
}

/* Visit these archives, from the last one on. */
static int visit_archives(const struct library *library, const char *const *paths, size_t count,
                          library_archive_fn *fn, void *ctx, struct err *err)
{
    struct err last;
    int rc = 0;

    err_clear(&last);
    while (rc == 0 && count > 0)
        rc = visit_archive(paths[--count], fn, ctx, &last, &library->place->stop);
    if (rc > 0 || !last.kind)
        return rc;
    *err = last;
    return -1;
}

int library_archives(struct library *library, const char *run_id, library_archive_fn *fn,
                     void *ctx, struct err *err)
{
    struct volumes *volumes;
    int rc;

    if (!library->store)
        return visit_archives(library, library->archives, library->archive_count, fn, ctx, err);
    volumes = mem_new(sizeof(*volumes), err);
    if (!volumes)
        return -1;
    rc = find_volumes(library, run_id, volumes, err);
    if (rc == 0)
        rc = visit_archives(library, volumes->paths, volumes->count, fn, ctx, err);
    region_free(volumes->region);
    mem_free(volumes);
    return rc;
}
