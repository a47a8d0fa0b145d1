/* SPDX-License-Identifier: MIT */
/*
 * recheck: runs that are archived and open, listed once more: sealed when nothing is new, else
 * due again. And what a list of a run says beside what is archived of it.
 *
 * A run and those that it has started are looked at together: what is new of any makes the run
 * due that was asked for. A run of two names learns of them here.
 *
 * Units    milliseconds
 * Errors   the API's, the catalog's; ERR_CANCELLED
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef SYNC_RECHECK_H
#define SYNC_RECHECK_H

#include "api/artifact.h"
#include "api/kind.h"
#include "base/err.h"
#include "catalog/db.h"
#include "client/listing.h"
#include "sync/discover.h"

/* What a row of a list is, beside what the volumes have. */
enum recheck_match {
    RECHECK_NEW,    /* none has it, or another copy is wanted already */
    RECHECK_CHANGED /* one has it with another size, checksum or time */
};

/*
 * Visit the artifacts of a list that no volume has as the list says, and that are wanted: not
 * those that are known never to come, nor a ZIP whose members are listed; fn gives 1 to end
 * it, -1 to fail.
 */
int recheck_compare(struct db *catalog, const struct kind_filter *types,
                    const struct listed_run *run,
                    int (*fn)(void *ctx, const struct artifact *artifact,
                              enum recheck_match match, struct err *err),
                    void *ctx, struct err *err) MUST_CHECK;

/*
 * A run was listed, to be archived: learn its other name, and note when it is not over, so that
 * it is asked for at the next sync. In a transaction of its own.
 *
 * returns  1: it is to be filed under its canonical name; 0: as it was asked for; -1
 */
int recheck_meet(struct db *catalog, const struct listed_run *run, struct err *err) MUST_CHECK;

/* List the artifacts of open runs once more. */
int recheck_runs(const struct discover_opts *opts, struct discover_result *result,
                 struct err *err) MUST_CHECK;

#endif
