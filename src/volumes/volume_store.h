/* SPDX-License-Identifier: MIT */
/*
 * volume_store: where the volumes of a sync lie, and how they are written and read there.
 *
 * No module above knows where volumes are: it asks for a path to make a volume at, says when
 * the volume is complete, and asks for a path to read it from. Beside the volumes there is the
 * work directory, on the local disk, with the lock, the catalog, the log, and the volumes that
 * are being made. A place is a directory, which is its own work directory (volumes/dir_store),
 * or a prefix of a bucket (volumes/bucket_store).
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; ERR_FORMAT for an invalid volume name; ERR_USAGE for a place
 *          that cannot have volumes
 * Owns     what the place needs, until volume_store_close
 * Threads  one; volume_store_read and volume_store_of_run any
 */
#ifndef VOLUMES_VOLUME_STORE_H
#define VOLUMES_VOLUME_STORE_H

#include "base/err.h"
#include "catalog/audit_log.h"
#include "catalog/db.h"
#include "catalog/shard.h"
#include "catalog/volume_name.h"
#include "volumes/dir_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket_store;
struct object_options;

struct volume_store {
    const char *place;           /* as the user named it, for messages */
    const char *dir;             /* the work directory */
    struct bucket_store *bucket; /* NULL: a directory */
};

/* What a command says of a place; all but the place may be missing. */
struct volume_store_opts {
    const char *place;    /* a directory, or "s3://bucket/prefix" */
    const char *work_dir; /* of a bucket; NULL: below the user's state directory */
    const struct object_options *objects; /* how volumes are stored in a bucket */
    uint64_t rate_bps;                    /* of an upload; 0: no limit */
    bool reads;                           /* nothing is written but holds */
    struct shard shard;                   /* whose runs are archived; n 0: not told */
    const char *tool;                     /* name and version of the program */
};

/* Open the place that a command names; the texts are borrowed. Nothing is created. */
int volume_store_open(struct volume_store *store, const struct volume_store_opts *opts,
                      struct err *err) MUST_CHECK;

/* The same, to read. place: NULL: none was given */
int volume_store_open_place(struct volume_store *store, const char *place,
                            struct err *err) MUST_CHECK;

/*
 * Whether "s3://bucket/key" is a place of volumes rather than an archive: its name does not end
 * like an archive's, and there is a catalog of it here, or no object of this name. What cannot
 * be asked is taken for a place, so that opening it tells why.
 */
bool volume_store_is_place(const char *address);

/* Whether volumes are in a bucket. */
bool volume_store_is_remote(const struct volume_store *store);

/* Close; may be called twice, and on {0}. */
void volume_store_close(struct volume_store *store);

/*
 * Whether a bucket has something of a sync: 1; 0: it has not, or the place is a directory; -1
 */
int volume_store_is_used(const struct volume_store *store, struct err *err) MUST_CHECK;

/* Create the work directory, if it does not exist. */
int volume_store_make(const struct volume_store *store, struct err *err) MUST_CHECK;

/*
 * The path at which to make a volume, on the local disk; its folders are created. The volume
 * counts after volume_store_publish. Free by mem_free.
 */
char *volume_store_write(const struct volume_store *store, const char *name,
                         struct err *err) MUST_CHECK;

/*
 * The volume at the path of volume_store_write is complete, and was verified: bring it to its
 * place. That may go on while the next volume is being made; it can be read in the meantime,
 * and its end, or an error, is told by volume_store_settle.
 */
int volume_store_publish(const struct volume_store *store, const char *name,
                         struct err *err) MUST_CHECK;

/* Wait until all published volumes are in their place and count. */
int volume_store_settle(const struct volume_store *store, struct err *err) MUST_CHECK;

/* The path to read a volume from, which need not exist. Free by mem_free. */
char *volume_store_read(const struct volume_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* Read the list of the volumes again, which is read once otherwise, and the new entries of the
 * log into the copy in the work directory, which must exist and be locked. */
int volume_store_refresh(const struct volume_store *store, struct err *err) MUST_CHECK;

/* Of a bucket, with a work directory without a catalog: fetch the copy that is in the bucket,
 * if there is one. */
int volume_store_fetch_catalog(const struct volume_store *store, struct err *err) MUST_CHECK;

/* Of a bucket, when the catalog was closed: write a copy of it there, if the last one is old */
int volume_store_keep_catalog(const struct volume_store *store, struct err *err) MUST_CHECK;

/* Delete the copies of the catalog in the bucket: they have what is about to be removed. */
int volume_store_drop_catalog(const struct volume_store *store, struct err *err) MUST_CHECK;

/* Visit the volumes in the work directory that an earlier start has made and not brought to
 * their place. Whether they are good is not known. */
int volume_store_waiting(const struct volume_store *store, volume_fn *fn, void *ctx,
                         struct err *err) MUST_CHECK;

/* Make volumes count that are in their place and do not count, since an earlier start was
 * broken off in between; each is visited then. */
int volume_store_adopt(const struct volume_store *store, volume_fn *fn, void *ctx,
                       struct err *err) MUST_CHECK;

/* No other machine writes in this place: this one has its lease. */
void volume_store_be_alone(const struct volume_store *store);

/* Note by what the runs of a new volume are chosen, before it is made. */
int volume_store_intend(const struct volume_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* Visit the volumes of this machine that do not count, since other machines have committed runs
 * of them (volumes/commit_sequence); each is set aside when the visitor has returned. */
int volume_store_superseded(const struct volume_store *store, volume_fn *fn, void *ctx,
                            struct err *err) MUST_CHECK;

/* Remove those of which the catalog has everything: see volumes/orphans. */
int volume_store_release(const struct volume_store *store, struct db *catalog,
                         struct err *err) MUST_CHECK;

/* The catalog has all volumes of the list: runs are chosen by them from now on. Collect what
 * was uploaded, never committed, and left: see volumes/orphans. */
int volume_store_collect(const struct volume_store *store, struct db *catalog,
                         struct err *err) MUST_CHECK;

/* Visit the names of volumes that counted and are gone, as far as the place knows them without
 * a catalog: in a bucket, by their commit records. */
int volume_store_gone(const struct volume_store *store, volume_fn *fn, void *ctx,
                      struct err *err) MUST_CHECK;

/* Visit each volume with its size, in no particular order, also what has a volume's name and is
 * not a regular file; fn returns -1 to fail. */
int volume_store_each(const struct volume_store *store, volume_fn *fn, void *ctx,
                      struct err *err) MUST_CHECK;

/* Visit the paths of the volumes that have a run, given by either of its IDs, the oldest first:
 * not those that have only runs which it started. fn returns -1 to fail. */
int volume_store_of_run(const struct volume_store *store, struct db *catalog,
                        const char *run_id,
                        int (*fn)(void *ctx, const char *path, struct err *err), void *ctx,
                        struct err *err) MUST_CHECK;

/* Examine a volume without reading it, and without following a link. 1: its name exists, 0: it
 * does not, -1: error. */
int volume_store_look(const struct volume_store *store, const char *name,
                      struct volume_seen *out, struct err *err) MUST_CHECK;

/*
 * Whether a verification at this time was of the bytes that are there now: of the object that
 * was committed, or later than the object was written. In a directory it always counts.
 *
 * returns  1; 0: another object was put in its place since, or there is none; -1
 */
int volume_store_is_verified(const struct volume_store *store, const char *name,
                             int64_t when_ms, struct err *err) MUST_CHECK;

/* Whether a name is taken, also by what does not count: 1, 0 or -1. */
int volume_store_is_taken(const struct volume_store *store, const char *name,
                          struct err *err) MUST_CHECK;

/* As volume_store_look, but without the digest of the tail. */
int volume_store_stat(const struct volume_store *store, const char *name,
                      struct volume_seen *out, struct err *err) MUST_CHECK;

/*
 * Set a bad volume aside, of any file type, with its signature and time stamps, under the name
 * NAME.WORD, or NAME.WORD-2 and so on; in a bucket it stays, and an object of such a name says
 * that it does not count. volume_store_each no longer visits it.
 *
 * out      set to the new name
 */
int volume_store_set_aside(const struct volume_store *store, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/*
 * Say, before anything is removed, which runs are about to be removed with a volume, and read
 * the new entries of the log into the copy: one of them may be a hold, of another machine.
 */
int volume_store_begin_removal(const struct volume_store *store, const char *name,
                               const char *const *runs, size_t count,
                               struct err *err) MUST_CHECK;

/* Whether another machine is about to remove a volume: 1, 0 or -1. */
int volume_store_being_removed(const struct volume_store *store, const char *name,
                               struct err *err) MUST_CHECK;

/* The volume of volume_store_begin_removal is removed, or stays. */
int volume_store_end_removal(const struct volume_store *store, const char *name,
                             struct err *err) MUST_CHECK;

/* Visit the runs that other processes are about to remove, with their volume. */
int volume_store_removals(const struct volume_store *store,
                          int (*fn)(void *ctx, const char *volume, const char *run_id,
                                    struct err *err),
                          void *ctx, struct err *err) MUST_CHECK;

/* Delete a volume, its signature and its time stamps. */
int volume_store_remove(const struct volume_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/*
 * Remove leftovers of attempts that will not be resumed: NAME.partial and its journal, and
 * signatures and time stamps without a volume. No volume may be being written.
 */
int volume_store_sweep(const struct volume_store *store, struct err *err) MUST_CHECK;

/* The path at which to make a time stamp of a volume (number from 1). Free by mem_free. */
char *volume_store_write_stamp(const struct volume_store *store, const char *name,
                               unsigned number, struct err *err) MUST_CHECK;

/* The time stamp at the path of volume_store_write_stamp is complete. */
int volume_store_publish_stamp(const struct volume_store *store, const char *name,
                               unsigned number, struct err *err) MUST_CHECK;

/* The path to read a time stamp from, which need not exist. Free by mem_free. */
char *volume_store_read_stamp(const struct volume_store *store, const char *name,
                              unsigned number, struct err *err) MUST_CHECK;

/* Whether a time stamp of a volume is there: 1; 0: it may be, and is to be read; -1. */
int volume_store_has_stamp(const struct volume_store *store, const char *name, unsigned number,
                           struct err *err) MUST_CHECK;

/* Where entries of the log are written before they get into the file of the work directory. */
struct audit_log_origin volume_store_log(const struct volume_store *store);

/* Whether an error of reading a volume concerns this volume only, not the whole process. */
bool volume_store_at_fault(const struct err *err);

#endif
