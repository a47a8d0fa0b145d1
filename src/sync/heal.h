/* SPDX-License-Identifier: MIT */
/*
 * heal: a sync directory's catalog opened, and brought together with what lies on the
 * disk.
 *
 * What a crash left half done goes on or back; volumes that the catalog lacks are
 * entered; those that are gone or differ are lost (sync/fixity); states of runs follow.
 * A catalog that is not there or damaged is made again, and said so. Nothing here knows
 * archives: how a volume is read comes from the caller.
 *
 * Units    milliseconds, bytes
 * Errors   the reader's, the catalog's, the shelf's; ERR_CANCELLED
 * Owns     nothing
 * Threads  one, who has the directory's lock
 */
#ifndef SYNC_HEAL_H
#define SYNC_HEAL_H

#include "base/err.h"
#include "catalog/db.h"
#include "sync/fixity.h"
#include "sync/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a volume was found. */
enum heal_verdict {
    HEAL_GOOD,
    HEAL_BAD,       /* it is damaged or another; the fault says which */
    HEAL_UNREADABLE /* nothing can be said of it (permissions, a limit) */
};

/* How a volume is read. Each answers a verdict, with why in err, or -1 when the failure is
 * ours.
 */
struct heal_reader {
    /* Enter it into the catalog, in a transaction of its own. */
    int (*enter)(void *ctx, struct db *c, const char *name, enum fixity_fault *fault,
                 struct err *err);
    /* Read all of it back; sha256 is what its manifest should have (hex), "" when not known. */
    int (*check)(void *ctx, const char *name, const char *sha256, enum fixity_fault *fault,
                 struct err *err);
    bool (*stopped)(void *ctx);
    void *ctx;
};

/* What was found in a directory. */
struct heal_found {
    size_t entered; /* volumes */
    size_t read_back;
    uint64_t read_bytes;
    bool remade; /* the catalog was made again */
    struct fixity_found fixity;
};

/* Whether the directory is not what it should be. */
bool heal_troubled(const struct heal_found *found);

/* Whether there is a catalog, a log or a volume in a directory; ERR_NOT_FOUND when not. */
int heal_is_vault(const struct volume_store *shelf, struct err *err) MUST_CHECK;

/*
 * Open the catalog of a directory whose lock is held: checked whole, made again when it is not
 * there or damaged, and up to what the log says.
 *
 * make     make a sync directory of one in which there is nothing of a sync; else that is
 *          ERR_NOT_FOUND
 */
struct db *heal_open(const struct volume_store *shelf, bool make,
                     const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                     struct err *err) MUST_CHECK;

/*
 * Make the catalog again from volumes and log. The one that was there is kept as
 * catalog.db.old, or as catalog.db.newer when it is of a newer skyarc, which is said.
 */
struct db *heal_remake(const struct volume_store *shelf, const struct heal_reader *reader,
                       int64_t now_ms, struct heal_found *found, struct err *err) MUST_CHECK;

/* Bring catalog and disk together. Looks at every volume, and reads none back. */
int heal_run(struct db *catalog, const struct volume_store *shelf,
             const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
             struct err *err) MUST_CHECK;

/*
 * Bring states, volumes and log together, after volumes came or went: a run that is archived by
 * its state and in no volume is due, one that is in a volume has a state, one that a rule let
 * go stays away, and a part that is in a volume is not lost.
 */
int heal_mend(struct db *catalog, int64_t now_ms, struct err *err) MUST_CHECK;

/* Read the volumes back that are due; share as in fixity_due. */
int heal_read_back(struct db *catalog, const struct volume_store *shelf, uint64_t share,
                   const struct heal_reader *reader, int64_t now_ms, struct heal_found *found,
                   struct err *err) MUST_CHECK;

#endif
