/* SPDX-License-Identifier: MIT */
/*
 * lock: one at a time in a sync directory.
 *
 * A flock, which ends with its holder whatever becomes of it: there is no stale
 * lock. The file says who holds it, for people.
 *
 * A lock on a file that somebody removed meanwhile is none.
 *
 * Units    milliseconds
 * Errors   ERR_BUSY naming the holder; ERR_SYSTEM
 * Owns     its descriptor
 * Threads  one
 * Source   flock(2)
 */
#ifndef SYNC_LOCK_H
#define SYNC_LOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct lock {
    int fd;
};

/*
 * Take the lock of a directory.
 *
 * wait     how long to wait for it; 0: not at all
 * stopped  asked while waiting
 */
int lock_take(struct lock *lock, const char *dir, uint64_t wait, bool (*stopped)(void *ctx),
              void *ctx, struct err *err) MUST_CHECK;

/* Let it go; {-1} is fine. */
void lock_drop(struct lock *lock);

#endif
