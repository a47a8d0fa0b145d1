/* SPDX-License-Identifier: MIT */
#include "cmdutil/source.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pulse.h"
#include "catalog/contents.h"
#include "catalog/relation.h"
#include "cli/signals.h"
#include "client/identity.h"
#include "cmdutil/idlist.h"
#include "format/container.h"
#include "reader/bag_stream.h"
#include "reader/manifest_scan.h"
#include "storage/range_file.h"
#include "storage/remote.h"
#include "sync/catch_up.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATHS_MAX ((size_t)1 << 20)

/* clang-format off */
const struct opt source_opts[] = {
    { 0, "work-dir", "DIR", OPT_TEXT, OPT_AT(source_args, work_dir), "of a sync in a bucket: the directory of the catalog (default: below the user's state directory)", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

void source_use(const struct source_args *args)
{
    remote_use_work_dir(args->work_dir);
}

/* The volumes of one run being collected. */
struct source_search {
    struct source *source;
    const struct volume_store *store;
    struct db *catalog;
    size_t found;
};

bool source_is_dir(const char *path)
{
    struct stat st;

    if (range_file_remote(path))
        return volume_store_is_place(path);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && !bag_is(path);
}

static int add_path(struct source *s, const char *path, struct err *err)
{
    size_t i;

    for (i = 0; i < s->count; i++) {
        if (strcmp(s->paths[i], path) == 0)
            return 0;
    }
    if (mem_room(&s->paths, &s->cap, s->count, sizeof(char *), PATHS_MAX, err) < 0)
        return -1;
    s->paths[s->count] = region_text(s->region, path, err);
    return s->paths[s->count] ? (s->count++, 0) : -1;
}

static int on_volume(void *ctx, const char *path, struct err *err)
{
    struct source_search *search = ctx;

    search->found++;
    return add_path(search->source, path, err);
}

/* Add a run, once: it may have been named by both its IDs. */
static int add_run(struct source *s, const char *run_id, struct err *err)
{
    size_t i;

    for (i = 0; i < s->runs.count; i++) {
        if (strcmp(s->runs.at[i], run_id) == 0)
            return 0;
    }
    s->runs.at[i] = region_text(s->region, run_id, err);
    return s->runs.at[i] ? (s->runs.count++, 0) : -1;
}

/* Find the volumes of a run; ERR_NOT_FOUND if none has it. */
static int find_run(struct source_search *search, const char *operand, const char *run_id,
                    struct err *err)
{
    struct source *s = search->source;
    char name[RELATION_ID_MAX + 1];

    search->found = 0;
    if (volume_store_of_run(search->store, search->catalog, run_id, on_volume, search, err) < 0)
        return -1;
    if (!search->found)
        return err_set(err, ERR_NOT_FOUND, "no volume in '%s' has run '%.200s'", operand,
                       run_id);
    return add_run(s, relation_name(search->catalog, run_id, name), err);
}

/*
 * Find the volumes of all runs; a run that no volume has is logged, unless no volume has any of
 * them.
 */
static int find_runs(struct source_search *search, const char *operand,
                     const struct idlist *ids, struct err *err)
{
    struct source *s = search->source;
    struct err why;
    size_t i;

    for (i = 0; i < ids->count; i++) {
        err_clear(&why);
        if (find_run(search, operand, ids->ids[i], &why) == 0)
            continue;
        *err = why;
        if (search->found || why.kind != ERR_NOT_FOUND)
            return -1;
        s->unknown++;
        if (s->unknown < ids->count)
            log_line(LOG_WARNING, "%s", why.text);
    }
    return s->count ? 0 : -1;
}

/* Take the IDs of an archive's runs as they are. */
static int take_runs(struct source *s, const struct idlist *ids, struct err *err)
{
    size_t i;

    for (i = 0; i < ids->count; i++) {
        if (add_run(s, ids->ids[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Find the volumes of the runs in the catalog. fresh: bring it up to date first */
static int find_in_catalog(struct source_search *search, const char *operand,
                           const struct idlist *ids, bool fresh, struct err *err)
{
    int rc;

    search->catalog = catch_up_open(search->store, DB_READ, fresh, signals_stopping(), err);
    search->source->unknown = 0;
    rc = search->catalog ? find_runs(search, operand, ids, err) : -1;
    db_free(search->catalog);
    return rc;
}

/* Find the archives that an operand names, given the IDs of the runs. */
static int find_paths(struct source *s, const char *operand, const struct idlist *ids,
                      struct err *err)
{
    struct volume_store store;
    struct source_search search = { .source = s, .store = &store };
    int rc;

    s->region = region_new(err);
    s->runs.at = mem_array(ids->count + 1, sizeof(char *), err);
    if (!s->region || !s->runs.at)
        return -1;
    if (!source_is_dir(operand))
        return take_runs(s, ids, err) < 0 ? -1 : add_path(s, operand, err);
    if (!ids->count)
        return err_set(
            err, ERR_USAGE,
            "'%s' is a directory; of a directory of skyarc sync, name a run by --run "
            "('skyarc find --runs' lists them)",
            operand);
    s->cataloged = true;
    if (volume_store_open_place(&store, operand, err) < 0)
        return -1;
    rc = find_in_catalog(&search, operand, ids, false, err);
    if (rc < 0 && err->kind == ERR_NOT_FOUND && volume_store_is_remote(&store) && !s->count)
        rc = find_in_catalog(&search, operand, ids, true, err); /* the catalog may lack it */
    volume_store_close(&store);
    return rc;
}

/* Replace the other ID of a run by its own; the rows of the runs come before all others. */
static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct source *s = ctx;
    struct manifest_read_run run;
    struct region *region;
    size_t i;
    int rc;

    if (section != MANIFEST_READ_RUNS)
        return section == MANIFEST_READ_DOCUMENTS || section == MANIFEST_READ_ARTIFACTS;
    region = region_new(err);
    rc = region ? manifest_read_run(&run, text, len, region, err) : -1;
    for (i = 0; rc == 0 && run.other_run_id && i < s->runs.count; i++) {
        if (strcmp(s->runs.at[i], run.other_run_id) != 0)
            continue;
        s->runs.at[i] = region_text(s->region, run.run_id, err);
        rc = s->runs.at[i] ? 0 : -1;
    }
    region_free(region);
    return rc;
}

/* Keep each wanted run once: both its IDs may have been given. */
static void drop_duplicates(struct opt_list *runs)
{
    size_t kept = 0;
    size_t i;
    size_t k;

    for (i = 0; i < runs->count; i++) {
        for (k = 0; k < kept && strcmp(runs->at[k], runs->at[i]) != 0; k++)
            ;
        if (k == kept)
            runs->at[kept++] = runs->at[i];
    }
    runs->count = kept;
}

int source_names(struct source *s, struct err *err)
{
    bool paired = false;
    size_t i;
    int rc;

    for (i = 0; i < s->runs.count; i++)
        paired =
            paired || identity_is_task(s->runs.at[i]) || identity_is_workflow(s->runs.at[i]);
    if (!paired || s->cataloged)
        return 0;
    rc = manifest_scan_path(s->paths[0], stop_never(), on_row, s, NULL, err);
    if (rc < 0 && err->kind == ERR_MEMORY)
        return -1;
    drop_duplicates(&s->runs);
    err_clear(err); /* the command reports what is wrong with the archive */
    return 0;
}

int source_find(struct source *s, char *operand, const struct opt_list *runs, struct err *err)
{
    struct idlist ids = { 0 };
    int rc = idlist_option(&ids, runs, err);

    path_trim(operand);
    if (rc == 0)
        rc = find_paths(s, operand, &ids, err);
    idlist_clear(&ids);
    return rc;
}

static void on_file(void *ctx, const char *path)
{
    confine_read(ctx, path);
}

unsigned source_flags(bool remote)
{
    return remote ? CONFINE_NET : 0;
}

void source_confine_begin(struct confine *confine, const struct confine_args *args,
                          unsigned flags)
{
    confine_begin(confine, args, flags);
    if (flags & CONFINE_NET)
        remote_each_file(on_file, confine);
}

/* Of a place in a bucket, some volumes may still be in the work directory. */
static bool is_any_remote(const struct source *s)
{
    size_t i;

    for (i = 0; i < s->count; i++) {
        if (range_file_remote(s->paths[i]))
            return true;
    }
    return false;
}

void source_confine(struct confine *confine, const struct confine_args *args,
                    const struct source *s)
{
    size_t i;

    source_confine_begin(confine, args, source_flags(is_any_remote(s)));
    for (i = 0; i < s->count; i++)
        confine_read(confine, s->paths[i]);
}

void source_clear(struct source *s)
{
    mem_free(s->paths);
    mem_free(s->runs.at);
    region_free(s->region);
    *s = (struct source){ 0 };
}

/* The path of the newest volume with an artifact; NULL: an error, or ERR_NOT_FOUND. */
static char *find_artifact(const struct volume_store *store, const char *artifact_id,
                           bool fresh, struct err *err)
{
    struct db *catalog = catch_up_open(store, DB_READ, fresh, signals_stopping(), err);
    char name[256];
    char *path = NULL;

    if (catalog && contents_volume_with(catalog, artifact_id, name, sizeof(name)))
        path = volume_store_read(store, name, err);
    else if (catalog)
        (void)err_set(err, ERR_NOT_FOUND, "no volume in '%s' has artifact '%.200s'",
                      store->place, artifact_id);
    db_free(catalog);
    return path;
}

char *source_of_artifact(char *operand, const char *artifact_id, struct err *err)
{
    struct volume_store store;
    char *path;

    path_trim(operand);
    if (!source_is_dir(operand))
        return mem_copy(operand, err);
    if (volume_store_open_place(&store, operand, err) < 0)
        return NULL;
    path = find_artifact(&store, artifact_id, false, err);
    if (!path && err->kind == ERR_NOT_FOUND && volume_store_is_remote(&store))
        path = find_artifact(&store, artifact_id, true, err); /* the catalog may lack it */
    volume_store_close(&store);
    return path;
}

const char *source_folder(const char *path, char *out, size_t size)
{
    const char *base = path_base(path);
    size_t len = container_stem(base);

    if (!len || len >= size || *base == '.' || !path_is_portable(base, len))
        return NULL;
    (void)snprintf(out, size, "%.*s", (int)len, base);
    return out;
}
