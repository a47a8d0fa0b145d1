/* SPDX-License-Identifier: MIT */
/*
 * heal: opens a sync directory's catalog, and makes it consistent with the disk.
 *
 * Steps interrupted by a crash are completed or undone; volumes that the catalog lacks are
 * imported; volumes that are gone or differ are lost (sync/fixity); the states of runs are
 * updated. A missing or damaged catalog is rebuilt, with a message. This module does not read
 * archives: the caller passes the functions that do.
 *
 * Units    milliseconds, bytes
 * Errors   those of the reader, the catalog and the volume store; ERR_CANCELLED
 * Owns     nothing
 * Threads  one, which holds the directory's lock
 */
#ifndef SYNC_HEAL_H
#define SYNC_HEAL_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/db.h"
#include "sync/fixity.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result of reading a volume. */
enum heal_verdict {
    HEAL_GOOD,
    HEAL_BAD,       /* damaged or a different volume, as the fault says */
    HEAL_UNREADABLE /* nothing is known (no permission, a limit) */
};

/* The functions that read a volume. enter and check return a verdict, with the reason in
 * err, or -1 if the failure is not the volume's. */
struct heal_reader {
    /* Import a volume into the catalog, in a transaction of its own. */
    int (*enter)(void *ctx, struct db *c, const char *name, enum fixity_fault *fault,
                 struct err *err);
    /* Verify a volume; sha256 is the expected digest of its manifest (hex), "" if not known. */
    int (*check)(void *ctx, const char *name, const char *sha256, enum fixity_fault *fault,
                 struct err *err);
    struct stop stop;
    void *ctx;
};

/* The findings in a directory. */
struct heal_found {
    size_t entered; /* volumes imported */
    size_t read_back;
    uint64_t read_bytes;
    bool remade;       /* the catalog was rebuilt */
    size_t superseded; /* volumes of this machine that do not count: others have their runs */
    struct fixity_found fixity;
};

/* Whether a volume was found faulty or unreadable. */
bool heal_troubled(const struct heal_found *found);

/* Whether a directory has a catalog, a log or a volume; ERR_NOT_FOUND if it has none. */
int heal_is_sync_dir(const struct volume_store *store, struct err *err) MUST_CHECK;

/*
 * Open the catalog of a directory whose lock is held. The catalog is checked completely,
 * rebuilt if it is missing or damaged, and brought up to date with the log.
 *
 * make     create a catalog if the directory has no trace of a sync; otherwise that is
 *          ERR_NOT_FOUND
 */
struct db *heal_open(const struct volume_store *store, bool make,
                     const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                     struct err *err) MUST_CHECK;

/*
 * Rebuild the catalog from volumes and log. The old one is kept as catalog.db.old, or, with a
 * message, as catalog.db.newer if it is of a newer skyarc.
 */
struct db *heal_remake(const struct volume_store *store, const struct heal_reader *reader,
                       int64_t now_ms, struct heal_found *found, struct err *err) MUST_CHECK;

/* Make catalog and disk consistent. Checks every volume without reading it. */
int heal_run(struct db *catalog, const struct volume_store *store,
             const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
             struct err *err) MUST_CHECK;

/*
 * Wait until all published volumes are in their place. If other machines have committed runs of
 * some of them, these do not count: import what the others have committed; then the rest of the
 * runs is due again.
 *
 * again    set if that was so
 */
int heal_settle(struct db *catalog, const struct volume_store *store,
                const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                bool *again, struct err *err) MUST_CHECK;

/*
 * Make states, volumes and log consistent after volumes were added or removed: a run whose
 * state says archived but that is in no volume becomes due, a run in a volume has a state, a
 * pruned run stays pruned, and a part that is in a volume is not lost.
 */
int heal_mend(struct db *catalog, int64_t now_ms, struct err *err) MUST_CHECK;

/* Verify the volumes that are due; share as for fixity_due. */
int heal_read_back(struct db *catalog, const struct volume_store *store, uint64_t share,
                   const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                   struct err *err) MUST_CHECK;

#endif
