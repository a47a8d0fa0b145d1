/* SPDX-License-Identifier: MIT */
/*
 * older: runs that the list of all runs does not reach.
 *
 * That list ends with the newest 10,000 runs, or 1,000 of one workflow. Lists of workflow runs
 * have no such end: that of all of them, or, where a server does not have it, those of each
 * workflow by a window of time. Plain tasks are in a list of their own. Runs that other runs
 * have started are in none of them; they come with those (children).
 *
 * Units    microseconds since 1970
 * Errors   the calls'; what a server does not offer is none
 * Owns     nothing; rows are lent for the call
 * Threads  the transfer loop
 * Source   docs/api.md, "Calls"
 */
#ifndef CLIENT_OLDER_H
#define CLIENT_OLDER_H

#include "base/err.h"
#include "client/call.h"
#include "client/runs.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the runs of a query can be told in these lists: those of a search, a tag or a type
 * cannot. */
bool older_can(const struct runs_query *query);

/*
 * List the runs that were made at or before a time, of which the query wants them.
 *
 * until_us  the oldest run that is known was made then
 * row       gets each run; 1 is taken for 0, -1 fails
 * whole     gets whether all of them were listed; what was not is told as a warning
 */
int older_list(struct callers *callers, const struct runs_query *query, int64_t until_us,
               int (*row)(void *ctx, const struct runs_row *row, struct err *err), void *ctx,
               bool *whole, struct err *err) MUST_CHECK;

#endif
