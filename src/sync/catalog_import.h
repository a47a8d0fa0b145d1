/* SPDX-License-Identifier: MIT */
/*
 * catalog_import: imports volumes into the catalog from their manifests, and verifies volumes.
 *
 * Only the manifest of a volume is read to import it, and, if asked for, its logs and LLM texts
 * (sync/text_import). Hence the catalog can be rebuilt from the
 * volumes and the log alone. A volume that is on disk but not in the catalog, because skyarc
 * was killed in between or the catalog is an older copy, is imported by the next command that
 * opens the directory with the lock.
 *
 * sync/heal does that; it gets the functions to read a volume from catalog_import_reader.
 *
 * A volume whose top directory does not match its file name is a different volume under this
 * name. A volume that cannot be decoded, or whose hashes do not match, is damaged. Both are set
 * aside (sync/fixity).
 *
 * Units    milliseconds, bytes
 * Errors   the archive's, the catalog's, ERR_SYSTEM
 * Owns     nothing
 * Threads  one, which holds the directory's lock
 */
#ifndef SYNC_CATALOG_IMPORT_H
#define SYNC_CATALOG_IMPORT_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/db.h"
#include "pull/pull_opts.h"
#include "sync/heal.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds: the settle and give_up of catalog_import_defaults. */
#define SYNC_SETTLE  ((int64_t)600 * 1000)
#define SYNC_GIVE_UP ((int64_t)86400 * 1000)

struct catalog_import_opts {
    const struct volume_store *store;
    int64_t verified_ms; /* DB_UNKNOWN: not verified */
    int64_t now_ms;
    int64_t settle;  /* delay until a run is listed again; see sync.h */
    int64_t give_up; /* a run that ended longer ago is sealed at once */
    bool pruning;    /* do not change the states of runs */
    bool texts;      /* put the logs and LLM texts into the index */
    struct stop stop;
    struct pull_watcher watcher; /* is told while a volume is verified */
};

/* Options with every field set: not verified, the limits above, and nothing is told. */
struct catalog_import_opts catalog_import_defaults(const struct volume_store *store,
                                                   int64_t now_ms, struct stop stop);

/* The functions with which sync/heal imports and verifies volumes; they borrow opts. */
struct heal_reader catalog_import_reader(struct catalog_import_opts *opts);

/* Import one volume, in a transaction of its own. */
int catalog_import_volume(struct db *catalog, const char *name,
                          const struct catalog_import_opts *opts, struct err *err) MUST_CHECK;

/*
 * Put the logs and LLM texts of all volumes whose texts are not in the index into it, each
 * volume in a transaction of its own. Volumes that cannot be read are left out, and logged.
 */
int catalog_import_texts(struct db *catalog, const struct catalog_import_opts *opts,
                         struct err *err) MUST_CHECK;

/* The digest of the manifest of a volume on disk (hex). */
int catalog_import_head(const struct volume_store *store, const char *name,
                        char sha256[SHA256_TEXT], struct err *err) MUST_CHECK;

/* Verify a volume, every hash; defects are logged. Returns what heal_reader's check does. */
int catalog_import_check(const char *name, const struct catalog_import_opts *opts,
                         enum fixity_fault *fault, struct err *err) MUST_CHECK;

#endif
