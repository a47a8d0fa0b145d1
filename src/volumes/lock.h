/* SPDX-License-Identifier: MIT */
/*
 * lock: an exclusive lock on a sync directory.
 *
 * The lock is a flock, which ends with the process that holds it: there are no stale locks. The
 * lock file contains the holder's name, for display.
 *
 * A lock on a file that was removed or replaced meanwhile is not valid, and is taken again.
 *
 * Units    milliseconds
 * Errors   ERR_BUSY, naming the holder; ERR_SYSTEM
 * Owns     its descriptor
 * Threads  one
 * Source   flock(2)
 */
#ifndef VOLUMES_LOCK_H
#define VOLUMES_LOCK_H

#include "base/err.h"
#include "base/pulse.h"

#include <stdint.h>

#define LOCK_HOLDER_MAX 512 /* buffer size for lock_look */

struct lock {
    int fd;
};

enum lock_state {
    LOCK_FREE,
    LOCK_HELD,
    LOCK_UNREADABLE, /* see errno */
};

/*
 * Look whether a directory's lock is held, without taking it from a process that comes
 * meanwhile: only if the file names a holder, which may have been killed, a shared lock is
 * tried for a moment.
 *
 * holder   gets the holder's line if the lock is held
 */
enum lock_state lock_look(const char *dir, char holder[LOCK_HOLDER_MAX]);

/*
 * Take the lock of a directory.
 *
 * wait  how long to wait for the lock; 0: do not wait
 * stop  ends the wait, with ERR_BUSY
 */
int lock_take(struct lock *lock, const char *dir, uint64_t wait, struct stop stop,
              struct err *err) MUST_CHECK;

/* Release the lock; may be {-1}. */
void lock_drop(struct lock *lock);

#endif
