/* SPDX-License-Identifier: MIT */
/*
 * standing: whether the volumes of a sync directory stand as its catalog says, for those
 * who only read: sync --list-safe, and verify of a directory.
 *
 * Needs no lock, and changes nothing.
 *
 * Units    milliseconds; microseconds since 1970 for times of records
 * Errors   the catalog's; ERR_MEMORY
 * Owns     a struct standing: its catalog and what it has seen, until standing_close
 * Threads  one
 */
#ifndef CMDUTIL_STANDING_H
#define CMDUTIL_STANDING_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Which runs are safe. */
struct standing_safe {
    const char *dir;
    int64_t before_us; /* that ended before */
    int64_t within_ms; /* in volumes that were read back in the last so many */
    int64_t now_ms;
    int (*fn)(void *ctx, const char *run_id, struct err *err);
    void *ctx;
    /* answered */
    size_t unread; /* runs left out, for volumes that were not read back lately */
    size_t broken; /* runs left out, for volumes that do not stand as they were entered */
};

/*
 * Visit runs that are safe as far as the disk tells, oldest first: sealed, lacking nothing, and
 * each volume they are in stands with the size, the end and the manifest's digest that the
 * catalog has, and was read back, every hash, within the time given. A volume that does not
 * stand is told of.
 */
int standing_list_safe(struct standing_safe *safe, struct err *err) MUST_CHECK;

/* A directory being verified. */
struct standing;

/* Open its catalog; a directory without one is fine. */
struct standing *standing_open(const char *dir, struct err *err) MUST_CHECK;

/* Close the catalog and free the rest; NULL is fine. */
void standing_close(struct standing *standing);

/* An archive was found below it, with this top directory and manifest (hex). */
int standing_see(struct standing *standing, const char *path, const char *top,
                 const char *sha256, struct err *err) MUST_CHECK;

/* All were: tell of those that are another than their name, or the catalog, says, and of those
 * that are not there. Gives how many. */
size_t standing_judge(struct standing *standing,
                      void (*damage)(void *ctx, const char *path, const char *what), void *ctx);

#endif
