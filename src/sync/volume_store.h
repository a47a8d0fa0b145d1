/* SPDX-License-Identifier: MIT */
/*
 * volume_store: locates the volumes of a sync directory.
 *
 * Writers ask for the path to write a volume at, readers for the path to read it from; no other
 * module knows where volumes are. So far the store is always a directory.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; ERR_FORMAT for an invalid volume name
 * Owns     nothing
 * Threads  any
 */
#ifndef SYNC_VOLUME_STORE_H
#define SYNC_VOLUME_STORE_H

#include "base/digest.h"
#include "base/err.h"
#include "catalog/db.h"
#include "catalog/volume_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bytes at a volume's end that volume_store_look hashes */
#define VOLUME_STORE_TAIL ((size_t)64 << 10)

struct volume_store {
    const char *dir;
};

/*
 * Check the --dest of a command (NULL: not given): ERR_USAGE if it cannot be a sync directory.
 */
int volume_store_check(const char *dest, struct err *err) MUST_CHECK;

/* The path to write a volume at; its folders are created. Free by mem_free. */
char *volume_store_write(const struct volume_store *store, const char *name,
                         struct err *err) MUST_CHECK;

/* The path to read a volume from, which need not exist. Free by mem_free. */
char *volume_store_read(const struct volume_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/* Visit each volume with its size, in no particular order, also what has a volume's name and is
 * not a regular file; fn returns -1 to fail. */
int volume_store_each(const struct volume_store *store,
                      int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err),
                      void *ctx, struct err *err) MUST_CHECK;

/*
 * Visit the paths of the volumes that have a run, given by either of its IDs, the oldest first:
 * not those that have only runs which it started. fn returns -1 to fail.
 */
int volume_store_of_run(const struct volume_store *store, struct db *catalog,
                        const char *run_id,
                        int (*fn)(void *ctx, const char *path, struct err *err), void *ctx,
                        struct err *err) MUST_CHECK;

/* What is known of a volume without reading it: its size, and the SHA-256 of its last
 * VOLUME_STORE_TAIL bytes, where an archive has its index and the digests of its manifests. */
struct volume_store_seen {
    bool regular; /* false: a link, directory, FIFO or device, which is never a volume; the rest
                   * is not set */
    uint64_t size;
    uint8_t tail[SHA256_SIZE];
};

/* Examine a volume without reading it, and without following a link. 1: its name exists, 0: it
 * does not, -1: error. */
int volume_store_look(const struct volume_store *store, const char *name,
                      struct volume_store_seen *out, struct err *err) MUST_CHECK;

/*
 * Rename a bad volume, of any file type, with its signature and time stamps, to NAME.WORD, or
 * NAME.WORD-2 and so on. volume_store_each no longer visits it.
 *
 * out      set to the new name
 */
int volume_store_set_aside(const struct volume_store *store, const char *name, const char *word,
                           char out[VOLUME_NAME], struct err *err) MUST_CHECK;

/* Delete a volume, its signature and its time stamps. */
int volume_store_remove(const struct volume_store *store, const char *name,
                        struct err *err) MUST_CHECK;

/*
 * Remove leftovers of attempts that will not be resumed: NAME.partial and its journal, and
 * signatures and time stamps without a volume. No volume may be being written.
 */
int volume_store_sweep(const struct volume_store *store, struct err *err) MUST_CHECK;

#endif
