/* SPDX-License-Identifier: MIT */
/*
 * catalog_import: volumes into the catalog, from what they say of themselves; and whether they
 * still are what they were.
 *
 * The manifest of a volume is all that is read to enter it. So the catalog can be made
 * again from the volumes (and the log) alone; and a volume that stands on disk and is
 * not in the catalog, since skyarc was killed between, or the catalog is an older one,
 * is entered by whoever opens the directory next.
 *
 * sync/heal does that, and is given how to read a volume by catalog_import_reader.
 *
 * A volume whose top directory is not named as it is, is another one under its name. A
 * volume that cannot be read, or whose hashes are wrong, is damaged. Both are set aside
 * (sync/fixity).
 *
 * Units    milliseconds, bytes
 * Errors   the archive's, the catalog's, ERR_SYSTEM
 * Owns     nothing
 * Threads  one, who has the directory's lock
 */
#ifndef SYNC_CATALOG_IMPORT_H
#define SYNC_CATALOG_IMPORT_H

#include "base/err.h"
#include "catalog/db.h"
#include "sync/heal.h"
#include "sync/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog_import_opts {
    const struct volume_store *shelf;
    int64_t verified_ms; /* DB_UNKNOWN: it was not verified */
    int64_t now_ms;
    int64_t settle;  /* a run is listed once more so long after; see sync.h */
    int64_t give_up; /* and sealed as it is so long after its end */
    bool pruning;    /* states of runs are not touched */
    bool (*stopped)(void *ctx);
    void *ctx;
};

/* How sync/heal enters and checks volumes; the options are lent to it. */
struct heal_reader catalog_import_reader(struct catalog_import_opts *opts);

/* Enter one volume, in a transaction of its own. */
int catalog_import_volume(struct db *catalog, const char *name,
                          const struct catalog_import_opts *opts, struct err *err) MUST_CHECK;

/* The digest of a volume's manifest, as it stands (hex). */
int catalog_import_head(const struct volume_store *shelf, const char *name,
                        char sha256[SHA256_TEXT], struct err *err) MUST_CHECK;

/* Read a volume back, every hash; each damage is told. As check of a heal_reader. */
int catalog_import_check(const char *name, const struct catalog_import_opts *opts,
                         enum fixity_fault *fault, struct err *err) MUST_CHECK;

#endif
