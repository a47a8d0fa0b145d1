/* SPDX-License-Identifier: MIT */
/*
 * consistency: whether the volumes of a sync directory match its catalog, for commands that
 * only read: sync --list-safe, and verify of a directory.
 *
 * Takes no lock and changes nothing.
 *
 * Units    milliseconds; microseconds since 1970 for times of records
 * Errors   the catalog's; ERR_MEMORY
 * Owns     a struct consistency: its catalog and the archives seen, until consistency_close
 * Threads  one
 */
#ifndef EVIDENCE_CONSISTENCY_H
#define EVIDENCE_CONSISTENCY_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/shard.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parameters and results of consistency_list_safe. */
struct consistency_safe {
    const struct volume_store *store;
    struct shard shard; /* in: the one asked for, n 0: the directory's; out: the directory's */
    int64_t before_us;  /* only runs that ended before this time */
    int64_t within_ms;  /* maximum time since their volumes were verified */
    int64_t now_ms;
    int (*fn)(void *ctx, const char *run_id, struct err *err);
    void *ctx;
    /* results */
    size_t others; /* runs left out because they are of another shard: see shard_has */
    size_t unread; /* runs left out because a volume was not verified recently */
    size_t broken; /* runs left out because a volume does not match the catalog */
};

/*
 * Visit the runs of the directory's shard that are safe as far as the disk shows, oldest first:
 * sealed, complete, and each volume that contains them has the size, the tail and the manifest
 * digest in the catalog, and was fully verified within the given time. A volume that does not
 * match is logged.
 */
int consistency_list_safe(struct consistency_safe *safe, struct err *err) MUST_CHECK;

/* A directory being verified. */
struct consistency;

/* Open the directory's catalog. A directory without one is fine; one that cannot be used is no
 * error: see consistency_unusable. */
struct consistency *consistency_open(const char *dir, struct stop stop,
                                     struct err *err) MUST_CHECK;

/* The directory, or the place in a bucket, of which the list was read. */
const struct volume_store *consistency_store(const struct consistency *consistency);

/* Close the catalog and free the state; NULL is fine. */
void consistency_close(struct consistency *consistency);

/* Whether there is something to judge without any archive: the catalog has volumes. */
bool consistency_expects(const struct consistency *consistency);

/* Record an archive found below the directory, its top directory and manifest digest (hex). */
int consistency_see(struct consistency *consistency, const char *path, const char *top,
                    const char *sha256, struct err *err) MUST_CHECK;

/*
 * Why the directory's catalog cannot be used, such as one of a newer skyarc; NULL: it can, or
 * there is none, or it is damaged (which consistency_judge reports). Without a catalog, a
 * volume that was replaced by another valid archive with its top directory is not found. Valid
 * until consistency_close.
 */
const char *consistency_unusable(const struct consistency *consistency);

/* After consistency_judge: the number of volumes of the catalog that were not verified since
 * they, or a folder on their way, cannot be read or are not followed. */
size_t consistency_unread(const struct consistency *consistency);

/* After the last archive: report archives that do not match their name or the catalog, and
 * volumes of the catalog that do not exist. Returns their number. */
size_t consistency_judge(struct consistency *consistency,
                         void (*damage)(void *ctx, const char *path, const char *what),
                         void *ctx);

/* Of a bucket, report the volumes whose committed version is hidden; returns their number. If
 * that is not known, it is a warning. */
size_t consistency_hidden(struct consistency *consistency,
                          void (*damage)(void *ctx, const char *path, const char *what),
                          void *ctx);

#endif
