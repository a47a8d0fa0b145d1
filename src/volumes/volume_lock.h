/* SPDX-License-Identifier: MIT */
/*
 * volume_lock: legal hold and retention of volumes in a bucket with Object Lock.
 *
 * Locks are on the version that was committed, and on the signature and the time stamps beside
 * it. The work directory remembers what was set, so that a volume costs requests only if
 * something has changed; if a file is lost, the locks are asked for and set again.
 *
 *     legal-holds   NAME <tab> on|off CHANGES PROOFS ETAG
 *     retention     NAME <tab> MODE SECONDS PROOFS ETAG
 *
 * CHANGES is the number of holds and releases in the log that concern the volume: if another
 * machine has held and released, it is another number. SECONDS is the period, from the upload
 * of the volume on, for which it was found to be locked at least.
 *
 * Units    milliseconds since 1970, where nothing else is said
 * Errors   those of s3/object_lock, s3/bucket and s3/version_list
 * Owns     what is remembered, until volume_lock_close
 * Threads  one
 */
#ifndef VOLUMES_VOLUME_LOCK_H
#define VOLUMES_VOLUME_LOCK_H

#include "base/err.h"
#include "s3/object_lock.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stdint.h>

struct hashmap;
struct region;

/* A file of the work directory with what was set. To begin: its name. */
struct lock_notes {
    const char *file;
    struct hashmap *known; /* by a volume's name: the rest of the line; NULL: not read yet */
    struct region *region;
};

/* The locks of a place, and what is known of them. */
struct volume_locks {
    const struct volume_store *store;
    struct lock_notes holds;
    struct lock_notes retention;
    int enabled; /* whether the bucket has Object Lock: 1, 0; -1: it was not asked yet */
};

/* What locks a volume. */
struct volume_locked {
    struct object_retention retention; /* mode OBJECT_LOCK_NONE: there is none, or it is over */
    bool legal_hold;
    bool hides;        /* deleting the volume hides the version; false: it is not possible */
    char version[128]; /* that is locked; "": the current one */
};

/* Begin; nothing is read yet. */
void volume_lock_init(struct volume_locks *locks, const struct volume_store *store);

/* Forget what was read; may be called twice. */
void volume_lock_close(struct volume_locks *locks);

/* Whether options of the store (--s3-legal-hold) put every volume under legal hold. */
bool volume_lock_holds_all(const struct volume_locks *locks);

/* Whether options of the store (--s3-lock) say how long a volume is to be locked. */
bool volume_lock_retains(const struct volume_locks *locks);

/*
 * Put a volume under legal hold, or take it off, if that is not what was set last. If it was
 * rewritten, taking it off includes the former revisions, which are hidden versions.
 *
 * returns  1: it is changed now; 0: there was nothing to do, or the bucket has no Object Lock,
 *          or the volume does not count; -1
 */
int volume_lock_hold(struct volume_locks *locks, const char *name, bool on, int64_t changes,
                     struct err *err) MUST_CHECK;

/*
 * Lock a volume for the period of the store's options, from its upload on, if it is not locked
 * that long or in a weaker mode. A lock never becomes shorter or weaker.
 *
 * since_ms when the volume was uploaded at the earliest, if this process has uploaded it
 * returns  1: it is changed now; 0: there was nothing to do, or the volume does not count; -1:
 *          also if the bucket has no Object Lock
 */
int volume_lock_retain(struct volume_locks *locks, const char *name, int64_t since_ms,
                       struct err *err) MUST_CHECK;

/*
 * Ask what locks a volume.
 *
 * returns  1: it is locked; 0: it is not, or its place knows no locks; -1
 */
int volume_lock_ask(struct volume_locks *locks, const char *name, struct volume_locked *out,
                    struct err *err) MUST_CHECK;

#endif
