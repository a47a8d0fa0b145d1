/* SPDX-License-Identifier: MIT */
/*
 * standing: whether the volumes of a sync directory match its catalog, for commands that only
 * read: sync --list-safe, and verify of a directory.
 *
 * Takes no lock and changes nothing.
 *
 * Units    milliseconds; microseconds since 1970 for times of records
 * Errors   the catalog's; ERR_MEMORY
 * Owns     a struct standing: its catalog and the archives seen, until standing_close
 * Threads  one
 */
#ifndef EVIDENCE_STANDING_H
#define EVIDENCE_STANDING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parameters and results of standing_list_safe. */
struct standing_safe {
    const char *dir;
    int64_t before_us; /* only runs that ended before this time */
    int64_t within_ms; /* maximum time since their volumes were verified */
    int64_t now_ms;
    int (*fn)(void *ctx, const char *run_id, struct err *err);
    void *ctx;
    /* results */
    size_t unread; /* runs left out because a volume was not verified recently */
    size_t broken; /* runs left out because a volume does not match the catalog */
};

/*
 * Visit the runs that are safe as far as the disk shows, oldest first: sealed, complete, and
 * each volume that contains them has the size, the tail and the manifest digest in the catalog,
 * and was fully verified within the given time. A volume that does not match is logged.
 */
int standing_list_safe(struct standing_safe *safe, struct err *err) MUST_CHECK;

/* A directory being verified. */
struct standing;

/* Open the directory's catalog. A directory without one is fine; one that cannot be used is no
 * error: see standing_unusable. */
struct standing *standing_open(const char *dir, struct err *err) MUST_CHECK;

/* Close the catalog and free the state; NULL is fine. */
void standing_close(struct standing *standing);

/* Whether there is something to judge without any archive: the catalog has volumes. */
bool standing_expects(const struct standing *standing);

/* Record an archive found below the directory, its top directory and manifest digest (hex). */
int standing_see(struct standing *standing, const char *path, const char *top,
                 const char *sha256, struct err *err) MUST_CHECK;

/*
 * Why the directory's catalog cannot be used, such as one of a newer skyarc; NULL: it can, or
 * there is none, or it is damaged (which standing_judge reports). Without a catalog, a volume
 * that was replaced by another valid archive with its top directory is not found. Valid until
 * standing_close.
 */
const char *standing_unusable(const struct standing *standing);

/* After the last archive: report archives that do not match their name or the catalog, and
 * volumes of the catalog that do not exist. Returns their number. */
size_t standing_judge(struct standing *standing,
                      void (*damage)(void *ctx, const char *path, const char *what), void *ctx);

#endif
