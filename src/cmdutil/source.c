/* SPDX-License-Identifier: MIT */
#include "cmdutil/source.h"

#include "base/path.h"
#include "catalog/contents.h"
#include "catalog/relation.h"
#include "format/container.h"
#include "reader/bag_stream.h"
#include "sync/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATHS_MAX ((size_t)1 << 20)

/* The volumes of one run being collected. */
struct search {
    struct source *source;
    struct volume_store store;
    struct db *catalog;
    const char *run_id;
    size_t found;
};

/* Whether a path is of a directory, but not of a bag, which is an archive. */
static bool is_dir(const char *path)
{
    struct stat st;

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
    s->paths[s->count] = region_copy(s->region, path, strlen(path), err);
    return s->paths[s->count] ? (s->count++, 0) : -1;
}

static int on_volume(void *ctx, const struct contents_volume *volume, struct err *err)
{
    struct search *search = ctx;
    int holds = contents_holds(search->catalog, volume->name, search->run_id, err);
    char *path = NULL;
    int rc = holds < 0 ? -1 : 0;

    if (holds <= 0) /* a volume of a run that this one started */
        return rc;
    path = volume_store_read(&search->store, volume->name, err);
    rc = path ? add_path(search->source, path, err) : -1;
    search->found++;
    mem_free(path);
    return rc;
}

/* Find the volumes of a run. */
static int find_run(struct search *search, const char *operand, const char *run_id,
                    struct err *err)
{
    struct source *s = search->source;
    char name[RELATION_ID_MAX + 1];

    search->found = 0;
    search->run_id = relation_name(search->catalog, run_id, name);
    if (contents_volumes_of(search->catalog, search->run_id, on_volume, search, err) < 0)
        return -1;
    if (!search->found)
        return err_set(err, ERR_NOT_FOUND, "no volume in '%s' has run '%.200s'", operand,
                       run_id);
    s->runs.at[s->runs.count] =
        region_copy(s->region, search->run_id, strlen(search->run_id), err);
    return s->runs.at[s->runs.count] ? (s->runs.count++, 0) : -1;
}

int source_find(struct source *s, char *operand, const struct opt_list *runs, struct err *err)
{
    struct search search = { .source = s, .store = { operand } };
    size_t i;
    int rc = 0;

    path_trim(operand);
    s->region = region_new(err);
    s->runs.at = mem_array(runs->count + 1, sizeof(char *), err);
    if (!s->region || !s->runs.at)
        return -1;
    if (!is_dir(operand)) {
        if (runs->count)
            memcpy(s->runs.at, runs->at, runs->count * sizeof(char *));
        s->runs.count = runs->count;
        return add_path(s, operand, err);
    }
    if (!runs->count)
        return err_set(
            err, ERR_USAGE,
            "'%s' is a directory; of a directory of skyarc sync, name a run by --run "
            "('skyarc find --runs' lists them)",
            operand);
    search.catalog = db_open(operand, DB_READ, err);
    if (!search.catalog)
        return -1;
    for (i = 0; rc == 0 && i < runs->count; i++)
        rc = find_run(&search, operand, runs->at[i], err);
    db_free(search.catalog);
    return rc;
}

void source_confine(const struct source *s, struct confine *confine)
{
    size_t i;

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

char *source_of_artifact(char *operand, const char *artifact_id, struct err *err)
{
    struct volume_store store = { operand };
    struct db *catalog;
    char name[256];
    char *path = NULL;

    path_trim(operand);
    if (!is_dir(operand))
        return mem_copy(operand, err);
    catalog = db_open(operand, DB_READ, err);
    if (!catalog)
        return NULL;
    if (contents_volume_with(catalog, artifact_id, name, sizeof(name)))
        path = volume_store_read(&store, name, err);
    else
        (void)err_set(err, ERR_NOT_FOUND, "no volume in '%s' has artifact '%.200s'", operand,
                      artifact_id);
    db_free(catalog);
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
