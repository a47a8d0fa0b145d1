/* SPDX-License-Identifier: MIT */
/*
 * recheck: lists archived, open runs again: a run without news is sealed, others become due.
 * Also compares a run's list with the catalog.
 *
 * A run is checked together with the runs that it started: news of any of them makes the root
 * run due. The second ID of a run is learned here.
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

/* How an artifact in a list differs from the volumes. */
enum recheck_match {
    RECHECK_NEW,    /* no volume has the artifact, or another copy is already wanted */
    RECHECK_CHANGED /* a volume has the artifact with another size, checksum or time */
};

/*
 * Visit the wanted artifacts of a list that no volume has as listed. Artifacts known as
 * permanently missing are left out, as are ZIPs whose members are listed. fn returns 1 to stop,
 * -1 to fail.
 */
int recheck_compare(struct db *catalog, const struct kind_filter *types,
                    const struct listed_run *run,
                    int (*fn)(void *ctx, const struct artifact *artifact,
                              enum recheck_match match, struct err *err),
                    void *ctx, struct err *err) MUST_CHECK;

/*
 * A run was listed in order to be archived: record its second ID, and, if the run is not over,
 * its state, so that the next sync asks for the run. In a transaction of its own.
 *
 * returns  1: archive the run under its canonical ID; 0: under the ID that was asked for; -1
 */
int recheck_meet(struct db *catalog, const struct listed_run *run, struct err *err) MUST_CHECK;

/* List the artifacts of open runs again. */
int recheck_runs(const struct discover_opts *opts, struct discover_result *result,
                 struct err *err) MUST_CHECK;

#endif
