/* SPDX-License-Identifier: MIT */
/*
 * fixity: whether the volumes still are what they were when they were entered.
 *
 * Each night every volume is looked at (size, and the SHA-256 of its end), and a
 * share is read back, every hash, by whoever can (sync/catalog_import). A volume that is gone,
 * or another, or damaged is lost: it is set aside under a name that says so and never
 * deleted, what was in it and is in no other volume is written into the log, and its
 * runs are due again.
 *
 * The order makes it safe: set aside, then the log, then the catalog. After a crash
 * between them the volume is gone, and what is missing of it happens again.
 *
 * Units    bytes, milliseconds since 1970
 * Errors   the shelf's, the log's, the catalog's
 * Owns     nothing
 * Threads  one, who has the directory's lock
 * Source   "fixity" is what digital preservation calls it (NDSA Levels of Preservation)
 */
#ifndef SYNC_FIXITY_H
#define SYNC_FIXITY_H

#include "base/err.h"
#include "catalog/contents.h"
#include "catalog/db.h"
#include "sync/volume_store.h"

#include <stddef.h>
#include <stdint.h>

#define FIXITY_SHARE 30 /* of the volumes' bytes, a thirtieth is read back each day */

enum fixity_fault {
    FIXITY_GONE,
    FIXITY_DIFFERS, /* it is not the one that was entered */
    FIXITY_DAMAGED  /* it is not what it says itself */
};

struct fixity_found {
    size_t looked;
    size_t gone;
    size_t differing;
    size_t damaged;
    size_t unreadable; /* nothing can be said of them: they stay, and are not relied on */
};

/* Volumes that are no good. */
size_t fixity_faults(const struct fixity_found *found);

/* Look at every volume of the catalog. One that is gone and was removed on purpose is taken out
 * of it without a word. */
int fixity_look(struct db *c, const struct volume_store *shelf, int64_t now_ms,
                struct fixity_found *found, struct err *err) MUST_CHECK;

/* How a volume is found: one of these, or -1 when it cannot be read. */
enum fixity_seen { FIXITY_ABSENT, FIXITY_STANDS, FIXITY_ANOTHER };

/*
 * Compare a volume's size and last bytes with what the catalog has of it. Gives enum
 * fixity_seen, or -1 when it cannot be read.
 */
int fixity_see(const struct volume_store *shelf, const struct contents_volume *volume,
               struct err *err) MUST_CHECK;

struct fixity_loss {
    const char *name;
    enum fixity_fault fault;
    const char *why; /* for people; NULL: the fault says enough */
};

/* A volume is lost; the catalog need not know it. */
int fixity_lose(struct db *c, const struct volume_store *shelf, const struct fixity_loss *loss,
                int64_t now_ms, struct fixity_found *found, struct err *err) MUST_CHECK;

/* Add what was found since a sync last ended, by one that was killed, or by prune; and say it.
 */
int fixity_untold(struct db *c, struct fixity_found *found, struct err *err) MUST_CHECK;

/* A sync has told of everything that was found, and ends. */
int fixity_told(struct db *c, struct err *err) MUST_CHECK;

/*
 * Volumes that are to be read back now, the one read back longest ago first.
 *
 * share    the part of all bytes that is read back each day, what was read back in the last 20
 *          hours included: 30 for a thirtieth; 1: everything, now; 0: nothing
 * began_ms what was verified since then is not read again
 * fn       gets a name, and may change the catalog; gives -1 to fail
 */
int fixity_due(struct db *c, uint64_t share, int64_t began_ms,
               int (*fn)(void *ctx, const char *name, struct err *err), void *ctx,
               struct err *err) MUST_CHECK;

/* When the volume was read back that was read back longest ago; DB_UNKNOWN: one never was,
 * or there is none. */
int64_t fixity_oldest(struct db *c, struct err *err);

#endif
