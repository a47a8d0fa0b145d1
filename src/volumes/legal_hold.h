/* SPDX-License-Identifier: MIT */
/*
 * legal_hold: legal holds of volumes in a bucket with Object Lock, and which were set.
 *
 * A legal hold is on the version that was committed, and on the signature and the time stamps
 * beside it. The work directory remembers what was set (the file "legal-holds"), so that a
 * volume costs requests only if something has changed; if the file is lost, they are set again.
 *
 *     NAME <tab> on|off CHANGES PROOFS ETAG
 *
 * CHANGES is the number of holds and releases in the log that concern the volume: if another
 * machine has held and released, it is another number.
 *
 * Units    none
 * Errors   those of s3/object_lock and s3/bucket
 * Owns     the remembered ones, until legal_hold_close
 * Threads  one
 */
#ifndef VOLUMES_LEGAL_HOLD_H
#define VOLUMES_LEGAL_HOLD_H

#include "base/err.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stdint.h>

struct hashmap;
struct region;

/* The legal holds of a place, and what is known of them. To begin: the store. */
struct legal_holds {
    const struct volume_store *store;
    struct hashmap *known; /* by a volume's name: what was set; NULL: not read yet */
    struct region *region;
    int locks; /* whether the bucket has Object Lock: 1, 0; -1: it was not asked yet */
};

/* Forget what was read; may be called twice, and on {0}. */
void legal_hold_close(struct legal_holds *holds);

/* Whether options of the store (--s3-legal-hold) put every volume under legal hold. */
bool legal_hold_on_all(const struct legal_holds *holds);

/*
 * Put a volume under legal hold, or take it off, if that is not what was set last.
 *
 * returns  1: it is changed now; 0: there was nothing to do, or the bucket has no Object Lock,
 *          or the volume does not count; -1
 */
int legal_hold_want(struct legal_holds *holds, const char *name, bool on, int64_t changes,
                    struct err *err) MUST_CHECK;

#endif
