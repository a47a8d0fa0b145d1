/* SPDX-License-Identifier: MIT */
/*
 * holding: makes the locks of a bucket with Object Lock agree with the log and the options.
 *
 * A volume with a run that is held, or that a held run has started, is to be under legal hold;
 * one whose runs were all released is not. Other volumes are left alone. With --s3-lock, each
 * volume is to be locked for the period of --s3-retain from its upload on. What a store refuses
 * is logged and counted, and tried again by the next call. The log is read again before, since
 * other machines may have held runs, and after some legal holds were taken off.
 *
 * Units    milliseconds since 1970
 * Errors   the catalog's; ERR_NET, ERR_CANCELLED, ERR_MEMORY; others of the store are logged
 * Owns     nothing
 * Threads  the catalog's
 */
#ifndef SYNC_HOLDING_H
#define SYNC_HOLDING_H

#include "base/err.h"
#include "catalog/db.h"
#include "volumes/volume_lock.h"
#include "volumes/volume_store.h"

#include <stddef.h>
#include <stdint.h>

struct holding_result {
    size_t changed;       /* volumes that were put under legal hold, or taken off */
    size_t refused;       /* volumes of which that failed */
    size_t extended;      /* volumes whose retention was extended, or set */
    size_t locks_refused; /* volumes of which that failed */
};

/* Make the legal holds agree; *out is filled in also on failure. A directory has none. */
int holding_agree(struct db *catalog, const struct volume_store *store,
                  struct holding_result *out, struct err *err) MUST_CHECK;

/*
 * Extend the retention of the volumes to what the store's options ask for; *out is filled in
 * also on failure.
 *
 * since_ms when this process began to upload volumes
 */
int holding_extend(const struct volume_store *store, int64_t since_ms,
                   struct holding_result *out, struct err *err) MUST_CHECK;

/*
 * Ask what locks a volume, before it is removed; if that cannot be asked of this volume, it is
 * logged.
 *
 * returns  1: it is locked; 0: it is not, or that is not known; -1
 */
int holding_ask(struct volume_locks *locks, const char *name, struct volume_locked *out,
                struct err *err) MUST_CHECK;

#endif
