/* SPDX-License-Identifier: MIT */
/*
 * fixity: detects volumes that are gone, replaced or damaged, and records their loss.
 *
 * Each night every volume is checked without reading it (size, and the SHA-256 of its tail),
 * and a share of the volumes is verified, every hash (sync/catalog_import). A volume that is
 * gone, differs or is damaged is lost: it is renamed, never deleted; the parts that no other
 * volume has are recorded in the log; its runs become due.
 *
 * The order makes this crash-safe: rename the volume, append to the log, update the catalog.
 * After a crash in between, the volume is gone, and the missing steps are repeated.
 *
 * Units    bytes, milliseconds since 1970
 * Errors   those of the volume store, the log and the catalog
 * Owns     nothing
 * Threads  one, which holds the directory's lock
 * Source   "fixity" is the term of digital preservation (NDSA Levels of Preservation)
 */
#ifndef SYNC_FIXITY_H
#define SYNC_FIXITY_H

#include "base/err.h"
#include "catalog/contents.h"
#include "catalog/db.h"
#include "volumes/volume_store.h"

#include <stddef.h>
#include <stdint.h>

#define FIXITY_SHARE 30 /* a thirtieth of the volumes' bytes is verified each day */

enum fixity_fault {
    FIXITY_GONE,
    FIXITY_DIFFERS, /* not the volume that was imported */
    FIXITY_DAMAGED  /* the contents do not match the volume's own manifest */
};

struct fixity_found {
    size_t looked;
    size_t gone;
    size_t differing;
    size_t damaged;
    size_t unreadable; /* cannot be read, so that nothing is known: they stay, and are not
                        * relied on */
};

/* The number of lost volumes. */
size_t fixity_faults(const struct fixity_found *found);

/* Check every volume of the catalog without reading it. A volume that was removed on purpose
 * is dropped from the catalog silently. */
int fixity_look(struct db *c, const struct volume_store *store, int64_t now_ms,
                struct fixity_found *found, struct err *err) MUST_CHECK;

/* Result of fixity_see, which is -1 if the volume cannot be read. */
enum fixity_seen { FIXITY_ABSENT, FIXITY_PRESENT, FIXITY_REPLACED };

/*
 * Compare a volume's size and tail with the catalog. Returns enum fixity_seen, or -1 if the
 * volume cannot be read.
 */
int fixity_see(const struct volume_store *store, const struct contents_volume *volume,
               struct err *err) MUST_CHECK;

struct fixity_loss {
    const char *name;
    enum fixity_fault fault;
    const char *why; /* description; NULL: the fault alone is described */
};

/* Record that a volume is lost; the volume need not be in the catalog. */
int fixity_lose(struct db *c, const struct volume_store *store, const struct fixity_loss *loss,
                int64_t now_ms, struct fixity_found *found, struct err *err) MUST_CHECK;

/* Add the faults found since the last completed sync, by a sync that was killed or by prune;
 * each is logged. */
int fixity_untold(struct db *c, struct fixity_found *found, struct err *err) MUST_CHECK;

/* A sync has reported all faults, and ends. */
int fixity_told(struct db *c, struct err *err) MUST_CHECK;

/*
 * Visit the volumes to verify now, those verified longest ago first.
 *
 * share    1/share of all bytes is verified per day, including what was verified in the last 20
 *          hours; 1: everything, now; 0: nothing
 * began_ms volumes verified since this time are left out
 * fn       gets a volume's name, may change the catalog, and returns -1 to fail
 */
int fixity_due(struct db *c, uint64_t share, int64_t began_ms,
               int (*fn)(void *ctx, const char *name, struct err *err), void *ctx,
               struct err *err) MUST_CHECK;

/* When the volume verified longest ago was verified; DB_UNKNOWN: a volume never was, or
 * there is no volume. */
int64_t fixity_oldest(struct db *c, struct err *err);

#endif
