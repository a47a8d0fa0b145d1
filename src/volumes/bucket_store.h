/* SPDX-License-Identifier: MIT */
/*
 * bucket_store: the volumes of a sync, as objects of a bucket.
 *
 * One of the places where volumes lie (volumes/volume_store). A volume is made in the work
 * directory (volumes/dir_store), uploaded and committed (volumes/volume_upload), and then
 * removed there. A volume counts if its commit record stands, its object is there, and no mark
 * of this object says that it is damaged. A file of the work directory that has a volume's name
 * is a volume that is not in the bucket yet, and is read instead of the object.
 *
 * Nothing is deleted but by bucket_store_remove, and volumes that do not count and never will
 * (volumes/orphans); a bad volume stays, and gets a mark.
 *
 * Units    bytes
 * Errors   those of volumes/bucket_place, volumes/volume_upload and volumes/dir_store
 * Owns     everything, until bucket_store_free
 * Threads  one; bucket_store_read any
 */
#ifndef VOLUMES_BUCKET_STORE_H
#define VOLUMES_BUCKET_STORE_H

#include "base/err.h"
#include "catalog/shard.h"
#include "s3/object.h"
#include "volumes/bucket_log.h"
#include "volumes/dir_store.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket_store;
struct db;

struct bucket_store_opts {
    const char *place;                    /* "s3://bucket/prefix" */
    const char *work_dir;                 /* NULL: below the user's state directory */
    const struct object_options *objects; /* how volumes are stored; NULL: as by default */
    uint64_t rate_bps;                    /* of an upload; 0: no limit */
    struct shard shard;                   /* as in struct volume_store_opts */
    bool follows;                         /* what other machines commit is looked for */
    const char *tool;                     /* name and version of the program */
};

/* Open; nothing is created, and no request is sent. The options' texts are borrowed. */
struct bucket_store *bucket_store_new(const struct bucket_store_opts *opts,
                                      struct err *err) MUST_CHECK;

/* Wait for an upload, and free; NULL is fine. */
void bucket_store_free(struct bucket_store *store);

/* Whether there is a catalog of the place here, or no object of its name. */
bool bucket_store_is_place(struct bucket_store *store);

/* The work directory. */
const char *bucket_store_dir(const struct bucket_store *store);

/* The log. */
struct bucket_log *bucket_store_log(struct bucket_store *store);

/* Whether there is a volume, a commit record or an entry of the log: 1, 0 or -1. */
int bucket_store_is_used(struct bucket_store *store, struct err *err) MUST_CHECK;

/* The bucket, of which the list may not have been read. */
struct bucket_place *bucket_store_place(struct bucket_store *store);

/* As volume_store_make. */
int bucket_store_make(struct bucket_store *store, struct err *err) MUST_CHECK;

/* As volume_store_publish. */
int bucket_store_publish(struct bucket_store *store, const char *name,
                         struct err *err) MUST_CHECK;

/* As volume_store_settle. */
int bucket_store_settle(struct bucket_store *store, struct err *err) MUST_CHECK;

/* As volume_store_read. */
char *bucket_store_read(const struct bucket_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* As volume_store_each. */
int bucket_store_each(struct bucket_store *store, volume_fn *fn, void *ctx,
                      struct err *err) MUST_CHECK;

/* As volume_store_relist. */
int bucket_store_relist(struct bucket_store *store, struct err *err) MUST_CHECK;

/* As volume_store_adopt. */
int bucket_store_adopt(struct bucket_store *store, volume_fn *fn, void *ctx,
                       struct err *err) MUST_CHECK;

/* As volume_store_superseded. */
int bucket_store_superseded(struct bucket_store *store, volume_fn *fn, void *ctx,
                            struct err *err) MUST_CHECK;

/* As volume_store_be_alone. */
void bucket_store_be_alone(struct bucket_store *store);

/* Whether volumes were committed since the list was read: 1, 0 or -1. */
int bucket_store_is_behind(struct bucket_store *store, struct err *err) MUST_CHECK;

/* As volume_store_intend. */
int bucket_store_intend(struct bucket_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* As volume_store_collect. */
int bucket_store_collect(struct bucket_store *store, struct db *catalog,
                         struct err *err) MUST_CHECK;

/* As volume_store_keep_catalog. */
int bucket_store_keep_catalog(struct bucket_store *store, struct err *err) MUST_CHECK;

/* As volume_store_gone. */
int bucket_store_gone(struct bucket_store *store, volume_fn *fn, void *ctx,
                      struct err *err) MUST_CHECK;

/* As volume_store_look; tail: whether its digest is wanted. */
int bucket_store_look(struct bucket_store *store, const char *name, bool tail,
                      struct volume_seen *out, struct err *err) MUST_CHECK;

/* As volume_store_is_verified. */
int bucket_store_is_verified(struct bucket_store *store, const char *name, int64_t when_ms,
                             struct err *err) MUST_CHECK;

/* As volume_store_is_taken. */
int bucket_store_is_taken(struct bucket_store *store, const char *name,
                          struct err *err) MUST_CHECK;

/* As volume_store_set_aside. */
int bucket_store_set_aside(struct bucket_store *store, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/* As volume_store_remove. */
int bucket_store_remove(struct bucket_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* As volume_store_sweep; also aborts uploads in parts that were broken off long ago. */
int bucket_store_sweep(struct bucket_store *store, struct err *err) MUST_CHECK;

/* Upload a time stamp of a volume, and remove the file. number: from 1 */
int bucket_store_publish_stamp(struct bucket_store *store, const char *name, unsigned number,
                               struct err *err) MUST_CHECK;

/* Whether a time stamp is there: 1, 0 or -1. */
int bucket_store_has_stamp(struct bucket_store *store, const char *name, unsigned number,
                           struct err *err) MUST_CHECK;

#endif
