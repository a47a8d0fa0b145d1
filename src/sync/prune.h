/* SPDX-License-Identifier: MIT */
/*
 * prune: runs that no rule keeps, removed from a sync directory.
 *
 * A volume of which no run is kept goes, when it is the one that was entered; one of
 * which some are is written anew with these, read back, and only then removed. A held
 * run is kept whatever the rules say. What is removed is written into the log before
 * it goes, and is not archived again. As long as the log has a line that cannot be
 * read, which may be a hold, nothing is removed.
 *
 * The new volume is named after the old one, with "-r1", "-r2" behind it. As long as
 * the old one stands, the new one does not count: a crash leaves both, and the next
 * start removes the new one (sync/heal).
 *
 * A volume that proves to be damaged while it is copied stays as it is, and is the first
 * that the next sync reads back. A new one that is not what was written is set aside.
 * The others are gone on with.
 *
 * Units    bytes
 * Errors   the catalog's, the archives'
 * Owns     nothing
 * Threads  one, who has the directory's lock
 */
#ifndef SYNC_PRUNE_H
#define SYNC_PRUNE_H

#include "base/err.h"
#include "catalog/retention.h"
#include "sync/heal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum prune_what { PRUNE_KEEP, PRUNE_RUN, PRUNE_VOLUME, PRUNE_REWRITE };

/* One thing that is done, or would be; lent for the call. */
struct prune_step {
    enum prune_what what;
    const char *run_id; /* of PRUNE_KEEP and PRUNE_RUN */
    const char *why;    /* kept by this rule */
    const char *volume; /* of the others */
    size_t kept;        /* runs in it */
    size_t dropped;
};

struct prune_opts {
    const char *dir;
    const struct retention_rules *rules;
    const char *tool;
    const char *spool_dir;
    bool apply; /* else it is only told */
    void (*step)(void *ctx, const struct prune_step *step);
    bool (*stopped)(void *ctx);
    void *ctx;
};

struct prune_result {
    size_t kept;
    size_t dropped;
    size_t removed; /* volumes */
    size_t rewritten;
    uint64_t freed; /* bytes of volumes, removed less written */
    size_t damaged; /* volumes that stay for that */
    struct heal_found found;
};

/*
 * Remove the runs of a sync directory that no rule keeps, or (without apply) only say
 * which. *result is filled in also on failure.
 */
int prune_run(const struct prune_opts *opts, struct prune_result *result,
              struct err *err) MUST_CHECK;

#endif
