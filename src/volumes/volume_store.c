/* SPDX-License-Identifier: MIT */
#include "volumes/volume_store.h"

#include "attest/tsp.h"
#include "base/mem.h"
#include "base/path.h"
#include "catalog/contents.h"
#include "format/container.h"
#include "storage/range_file.h"
#include "volumes/bucket_log.h"
#include "volumes/bucket_store.h"
#include "volumes/catalog_index.h"
#include "volumes/orphans.h"
#include "volumes/tombstone.h"
#include "volumes/work_dir.h"

#include <errno.h>
#include <sys/stat.h>

int volume_store_open(struct volume_store *store, const struct volume_store_opts *opts,
                      struct err *err)
{
    const struct bucket_store_opts bucket = { .place = opts->place,
                                              .work_dir = opts->work_dir,
                                              .objects = opts->objects,
                                              .rate_bps = opts->rate_bps,
                                              .follows = !opts->reads,
                                              .shard = opts->shard,
                                              .tool = opts->tool };

    *store = (struct volume_store){ .place = opts->place, .dir = opts->place };
    if (!opts->place)
        return err_set(err, ERR_USAGE, "no directory given; name it with --dest");
    if (!range_file_remote(opts->place))
        return opts->work_dir ? err_set(err, ERR_USAGE, "--work-dir belongs to --dest s3://...")
                              : 0;
    if (container_is_named(path_base(opts->place)))
        return err_set(err, ERR_USAGE,
                       "'%.200s' has the name of an archive, not of a sync in a bucket; use a "
                       "prefix that does not end like this",
                       opts->place);
    store->bucket = bucket_store_new(&bucket, err);
    if (!store->bucket)
        return -1;
    store->dir = bucket_store_dir(store->bucket);
    return 0;
}

int volume_store_open_place(struct volume_store *store, const char *place, struct err *err)
{
    const struct volume_store_opts opts = { .place = place, .reads = true, .tool = "skyarc" };

    return volume_store_open(store, &opts, err);
}

void volume_store_close(struct volume_store *store)
{
    bucket_store_free(store->bucket);
    *store = (struct volume_store){ 0 };
}

bool volume_store_is_place(const char *address)
{
    struct bucket_store_opts opts = { .place = address, .tool = "" };
    struct bucket_store *bucket;
    struct err ignored;
    bool is;

    if (container_is_named(path_base(address)))
        return false;
    bucket = bucket_store_new(&opts, &ignored);
    is = !bucket || bucket_store_is_place(bucket);
    bucket_store_free(bucket);
    return is;
}

bool volume_store_is_remote(const struct volume_store *store)
{
    return store->bucket != NULL;
}

int volume_store_make(const struct volume_store *store, struct err *err)
{
    struct stat st;

    if (store->bucket)
        return bucket_store_make(store->bucket, err);
    if (mkdir(store->dir, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(err, "cannot create '%s'", store->dir);
    if (stat(store->dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_EXISTS, "'%s' is not a directory", store->dir);
    return 0;
}

int volume_store_is_used(const struct volume_store *store, struct err *err)
{
    return store->bucket ? bucket_store_is_used(store->bucket, err) : 0;
}

char *volume_store_write(const struct volume_store *store, const char *name, struct err *err)
{
    return dir_store_write(store->dir, name, err);
}

int volume_store_publish(const struct volume_store *store, const char *name, struct err *err)
{
    /* a volume of a directory counts from its last rename on */
    return store->bucket ? bucket_store_publish(store->bucket, name, err) : 0;
}

int volume_store_settle(const struct volume_store *store, struct err *err)
{
    return store->bucket ? bucket_store_settle(store->bucket, err) : 0;
}

char *volume_store_read(const struct volume_store *store, const char *name, struct err *err)
{
    return store->bucket ? bucket_store_read(store->bucket, name, err)
                         : dir_store_read(store->dir, name, err);
}

int volume_store_refresh(const struct volume_store *store, struct err *err)
{
    if (!store->bucket)
        return 0;
    return bucket_log_refresh(bucket_store_log(store->bucket), err) < 0
               ? -1
               : bucket_store_relist(store->bucket, err);
}

int volume_store_fetch_catalog(const struct volume_store *store, struct err *err)
{
    if (!store->bucket)
        return 0;
    return catalog_index_fetch(bucket_store_place(store->bucket), store->dir, err) < 0 ? -1 : 0;
}

int volume_store_keep_catalog(const struct volume_store *store, struct err *err)
{
    return store->bucket ? bucket_store_keep_catalog(store->bucket, err) : 0;
}

int volume_store_drop_catalog(const struct volume_store *store, struct err *err)
{
    return store->bucket ? catalog_index_drop(bucket_store_place(store->bucket), NULL, err) : 0;
}

int volume_store_waiting(const struct volume_store *store, volume_fn *fn, void *ctx,
                         struct err *err)
{
    return store->bucket ? dir_store_each(store->dir, fn, ctx, err) : 0;
}

int volume_store_adopt(const struct volume_store *store, volume_fn *fn, void *ctx,
                       struct err *err)
{
    return store->bucket ? bucket_store_adopt(store->bucket, fn, ctx, err) : 0;
}

void volume_store_be_alone(const struct volume_store *store)
{
    if (store->bucket)
        bucket_store_be_alone(store->bucket);
}

int volume_store_intend(const struct volume_store *store, const char *name, struct err *err)
{
    return store->bucket ? bucket_store_intend(store->bucket, name, err) : 0;
}

int volume_store_superseded(const struct volume_store *store, volume_fn *fn, void *ctx,
                            struct err *err)
{
    return store->bucket ? bucket_store_superseded(store->bucket, fn, ctx, err) : 0;
}

int volume_store_release(const struct volume_store *store, struct db *catalog, struct err *err)
{
    return store->bucket ? orphans_release(bucket_store_dir(store->bucket), catalog, err) : 0;
}

int volume_store_collect(const struct volume_store *store, struct db *catalog, struct err *err)
{
    return store->bucket ? bucket_store_collect(store->bucket, catalog, err) : 0;
}

int volume_store_gone(const struct volume_store *store, volume_fn *fn, void *ctx,
                      struct err *err)
{
    return store->bucket ? bucket_store_gone(store->bucket, fn, ctx, err) : 0;
}

int volume_store_each(const struct volume_store *store, volume_fn *fn, void *ctx,
                      struct err *err)
{
    return store->bucket ? bucket_store_each(store->bucket, fn, ctx, err)
                         : dir_store_each(store->dir, fn, ctx, err);
}

/* The volumes of one run being visited. */
struct run_volumes {
    const struct volume_store *store;
    struct db *catalog;
    const char *run_id;
    int (*fn)(void *ctx, const char *path, struct err *err);
    void *ctx;
};

static int on_run_volume(void *ctx, const struct contents_volume *volume, struct err *err)
{
    const struct run_volumes *v = ctx;
    int holds = contents_holds(v->catalog, volume->name, v->run_id, err);
    char *path;
    int rc;

    if (holds <= 0) /* a volume of a run that this one started */
        return holds;
    path = volume_store_read(v->store, volume->name, err);
    rc = path ? v->fn(v->ctx, path, err) : -1;
    mem_free(path);
    return rc;
}

int volume_store_of_run(const struct volume_store *store, struct db *catalog,
                        const char *run_id,
                        int (*fn)(void *ctx, const char *path, struct err *err), void *ctx,
                        struct err *err)
{
    struct run_volumes volumes = { store, catalog, run_id, fn, ctx };

    return contents_volumes_of(catalog, run_id, on_run_volume, &volumes, err);
}

int volume_store_look(const struct volume_store *store, const char *name,
                      struct volume_seen *out, struct err *err)
{
    return store->bucket ? bucket_store_look(store->bucket, name, true, out, err)
                         : dir_store_look(store->dir, name, true, out, err);
}

int volume_store_is_verified(const struct volume_store *store, const char *name,
                             int64_t when_ms, struct err *err)
{
    return store->bucket ? bucket_store_is_verified(store->bucket, name, when_ms, err) : 1;
}

int volume_store_is_taken(const struct volume_store *store, const char *name, struct err *err)
{
    struct volume_seen seen;

    return store->bucket ? bucket_store_is_taken(store->bucket, name, err)
                         : dir_store_look(store->dir, name, false, &seen, err);
}

int volume_store_stat(const struct volume_store *store, const char *name,
                      struct volume_seen *out, struct err *err)
{
    return store->bucket ? bucket_store_look(store->bucket, name, false, out, err)
                         : dir_store_look(store->dir, name, false, out, err);
}

int volume_store_set_aside(const struct volume_store *store, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err)
{
    return store->bucket ? bucket_store_set_aside(store->bucket, name, word, out, err)
                         : dir_store_set_aside(store->dir, name, word, out, err);
}

int volume_store_begin_removal(const struct volume_store *store, const char *name,
                               const char *const *runs, size_t count, struct err *err)
{
    char owner[WORK_DIR_OWNER];

    if (!store->bucket)
        return 0;
    work_dir_owner(store->dir, owner);
    return tombstone_put(bucket_store_place(store->bucket), owner, name, runs, count, err) < 0
               ? -1
               : bucket_log_refresh(bucket_store_log(store->bucket), err);
}

int volume_store_being_removed(const struct volume_store *store, const char *name,
                               struct err *err)
{
    char owner[WORK_DIR_OWNER];

    if (!store->bucket)
        return 0;
    work_dir_owner(store->dir, owner);
    return tombstone_foreign(bucket_store_place(store->bucket), owner, name, err);
}

int volume_store_end_removal(const struct volume_store *store, const char *name,
                             struct err *err)
{
    return store->bucket ? tombstone_drop(bucket_store_place(store->bucket), name, err) : 0;
}

int volume_store_removals(const struct volume_store *store,
                          int (*fn)(void *ctx, const char *volume, const char *run_id,
                                    struct err *err),
                          void *ctx, struct err *err)
{
    return store->bucket ? tombstone_each(bucket_store_place(store->bucket), fn, ctx, err) : 0;
}

int volume_store_remove(const struct volume_store *store, const char *name, struct err *err)
{
    return store->bucket ? bucket_store_remove(store->bucket, name, err)
                         : dir_store_remove(store->dir, name, err);
}

int volume_store_sweep(const struct volume_store *store, struct err *err)
{
    return store->bucket ? bucket_store_sweep(store->bucket, err)
                         : dir_store_sweep(store->dir, err);
}

char *volume_store_write_stamp(const struct volume_store *store, const char *name,
                               unsigned number, struct err *err)
{
    char *volume = dir_store_write(store->dir, name, err);
    char *path = volume ? tsp_path(volume, number, err) : NULL;

    mem_free(volume);
    return path;
}

int volume_store_publish_stamp(const struct volume_store *store, const char *name,
                               unsigned number, struct err *err)
{
    return store->bucket ? bucket_store_publish_stamp(store->bucket, name, number, err) : 0;
}

char *volume_store_read_stamp(const struct volume_store *store, const char *name,
                              unsigned number, struct err *err)
{
    char *volume = volume_store_read(store, name, err);
    char *path = volume ? tsp_path(volume, number, err) : NULL;

    mem_free(volume);
    return path;
}

int volume_store_has_stamp(const struct volume_store *store, const char *name, unsigned number,
                           struct err *err)
{
    return store->bucket ? bucket_store_has_stamp(store->bucket, name, number, err) : 0;
}

struct audit_log_origin volume_store_log(const struct volume_store *store)
{
    return store->bucket ? bucket_log_origin(bucket_store_log(store->bucket))
                         : audit_log_no_origin();
}

bool volume_store_at_fault(const struct err *err)
{
    return err_is_damage(err) || err->os == EIO || err->kind == ERR_LIMIT ||
           err->kind == ERR_NOT_FOUND ||
           (err->kind == ERR_SYSTEM && err->os != 0 && !err_is_own(err));
}
