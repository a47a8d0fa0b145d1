/* SPDX-License-Identifier: MIT */
/*
 * prune: removes the runs that no rule keeps from a sync directory.
 *
 * A volume without a kept run is deleted, if it is the one that was imported. A volume with
 * some kept runs is rewritten with these, the new volume is verified, and only then the old one
 * is deleted. A held run is kept whatever the rules say. Removed runs are recorded in the log
 * before their volume is deleted, and are not archived again. While the log has an unreadable
 * line, which may be a hold, nothing is removed.
 *
 * The new volume has the old one's name with "-r1", "-r2" and so on before its suffix. It does
 * not count while the old one exists: after a crash both exist, and the next command removes
 * the new one (sync/heal).
 *
 * What the catalog had of removed runs, such as their texts, is removed from its file, too, at
 * the end (catalog/text_index). If that cannot be done, the next prune or sync does it.
 *
 * If a volume proves to be damaged while it is copied, it stays, and is the first that the next
 * sync verifies. A new volume that does not verify is set aside. In both cases prune continues
 * with the other volumes.
 *
 * A version that Object Lock protects cannot be removed from a bucket: deleting it hides it,
 * and it stays until its lock ends. Each such volume is named (lock), and frees nothing. Where
 * it cannot be hidden, it is left as it is.
 *
 * Units    bytes
 * Errors   the catalog's, the archives'
 * Owns     nothing
 * Threads  one, which holds the directory's lock
 */
#ifndef SYNC_PRUNE_H
#define SYNC_PRUNE_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/retention.h"
#include "sync/heal.h"
#include "sync/holding.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum prune_what { PRUNE_KEEP, PRUNE_RUN, PRUNE_VOLUME, PRUNE_REWRITE };

/* One action, done or planned; valid during the call. */
struct prune_step {
    enum prune_what what;
    const char *run_id; /* for PRUNE_KEEP and PRUNE_RUN */
    unsigned why;       /* what keeps the run, bits 1 << enum retention_why */
    const char *status; /* of the run; NULL: not known */
    const char *volume; /* for the other two */
    size_t kept;        /* number of runs in the volume */
    size_t dropped;
    uint64_t bytes; /* to be freed; for PRUNE_REWRITE an estimate; 0 if it is locked */
    /* what locks the volume; NULL: it is not locked */
    const struct volume_locked *lock;
};

struct prune_opts {
    const struct volume_store *store;
    const struct retention_rules *rules;
    const char *tool;
    const char *spool_dir;
    bool apply; /* false: only report */
    void (*step)(void *ctx, const struct prune_step *step);
    void *ctx;
    struct stop stop;
};

struct prune_result {
    size_t kept;
    size_t dropped; /* runs that were, or would be, removed */
    /* runs that no rule keeps, but whose volume cannot be rewritten, or is locked and stays */
    size_t stayed;
    size_t removed; /* volumes */
    size_t rewritten;
    uint64_t freed; /* bytes of the volumes deleted, less those written; without apply, the
                     * bytes that would be freed, which are estimated if a volume would be
                     * rewritten */
    size_t damaged; /* volumes left in place because they are damaged */
    size_t locked;  /* volumes that are locked, and were, or would be, hidden */
    size_t fixed;   /* volumes that are locked, and stay, since they cannot be hidden */
    bool unpurged;  /* texts of removed runs may still be in the catalog's file */
    struct holding_result holds; /* legal holds of volumes that were rewritten */
    struct heal_found found;
};

/*
 * Remove the runs of a sync directory that no rule keeps, or (without apply) only report them.
 * *result is filled in also on failure.
 */
int prune_run(const struct prune_opts *opts, struct prune_result *result,
              struct err *err) MUST_CHECK;

/*
 * Remove what is left of removed runs in the catalog's file. false: that failed, which is
 * logged, and the next call tries again.
 */
bool prune_purge(struct db *catalog);

#endif
