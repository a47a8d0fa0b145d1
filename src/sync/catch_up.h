/* SPDX-License-Identifier: MIT */
/*
 * catch_up: the catalog of a place of volumes, for commands that only read.
 *
 * Of a directory, the catalog is the one that syncs keep. Of a bucket, it is in the work
 * directory of this machine, and may lack what other machines have written, or not exist: then
 * it is brought up to date from the bucket's log and the manifests of new volumes. That writes
 * nothing in the bucket, and judges no volume.
 *
 * Errors   ERR_NOT_FOUND: the bucket has nothing of a sync; the catalog's; s3_client's
 * Owns     nothing
 * Threads  one
 */
#ifndef SYNC_CATCH_UP_H
#define SYNC_CATCH_UP_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/db.h"
#include "volumes/volume_store.h"

#include <stdbool.h>

/*
 * Bring the catalog of a bucket up to date; of a directory, do nothing. While another process
 * holds the lock of the work directory, that process does it, and a catalog that is there
 * suffices.
 */
int catch_up(const struct volume_store *store, struct stop stop, struct err *err) MUST_CHECK;

/*
 * Open the catalog.
 *
 * fresh    bring it up to date first; else only if there is none
 */
struct db *catch_up_open(const struct volume_store *store, enum db_mode mode, bool fresh,
                         struct stop stop, struct err *err) MUST_CHECK;

#endif
