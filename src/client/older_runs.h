/* SPDX-License-Identifier: MIT */
/*
 * older_runs: lists runs that are too old for the list of all runs.
 *
 * The list of all runs ends after the newest 10,000 runs, or 1,000 of one workflow. Lists of
 * workflow runs have no such limit: the list of all workflow runs, or, if a server lacks it,
 * the lists of each workflow by time range. Plain tasks have a separate list. Runs started by
 * other runs are in none of these lists; they are listed with their parents (children).
 *
 * The lists of each workflow are not complete: the list of workflows lacks those that tasks of
 * version 2 make for themselves.
 *
 * Units    microseconds since 1970
 * Errors   the callback's, ERR_CANCELLED and the like. A list that the server lacks, or that
 *          fails, is logged as a warning: the other lists are still read
 * Owns     nothing; rows are valid for the callback only
 * Threads  the transfer loop
 * Source   docs/api.md, "Calls"
 */
#ifndef CLIENT_OLDER_RUNS_H
#define CLIENT_OLDER_RUNS_H

#include "base/err.h"
#include "client/call.h"
#include "client/runs.h"

/*
 * After runs_list: if the service truncated that list (end->cut), list the runs that match the
 * query and were created no later than the oldest run of that list. Not for a search, tags or
 * types, which the older lists do not support: end->cut stays set.
 *
 * query  its limit is not applied: the callback ends the lists
 * row    called with each run, which may have been listed before; 1 ends the lists, -1 aborts
 *        with an error
 * end    from runs_list; cut is cleared if all runs were listed or the callback ended the lists
 */
int older_runs_list(struct callers *callers, const struct runs_query *query,
                    int (*row)(void *ctx, const struct runs_row *row, struct err *err),
                    void *ctx, struct runs_end *end, struct err *err) MUST_CHECK;

#endif
