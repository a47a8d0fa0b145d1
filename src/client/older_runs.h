/* SPDX-License-Identifier: MIT */
/*
 * older_runs: lists runs that are too old for the list of all runs.
 *
 * The list of all runs ends after the newest 10,000 runs, or 1,000 of one workflow. Lists of
 * workflow runs have no such limit: the list of all workflow runs, or, if a server lacks it,
 * the lists of each workflow by time range. Plain tasks have a separate list. Runs started by
 * other runs are in none of these lists; they are listed with their parents (children).
 *
 * Units    microseconds since 1970
 * Errors   errors of calls; a list that the server lacks is not an error
 * Owns     nothing; rows are valid for the callback only
 * Threads  the transfer loop
 * Source   docs/api.md, "Calls"
 */
#ifndef CLIENT_OLDER_RUNS_H
#define CLIENT_OLDER_RUNS_H

#include "base/err.h"
#include "client/call.h"
#include "client/runs.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether these lists support a query: not for a search, tags or types. */
bool older_can(const struct runs_query *query);

/*
 * List the runs that match the query and were created at or before a time.
 *
 * until_us  creation time of the oldest known run
 * row       called with each run; -1 aborts with an error
 * whole     gets whether all runs were listed; a missing list is logged as a warning
 */
int older_runs_list(struct callers *callers, const struct runs_query *query, int64_t until_us,
                    int (*row)(void *ctx, const struct runs_row *row, struct err *err),
                    void *ctx, bool *whole, struct err *err) MUST_CHECK;

#endif
