/* SPDX-License-Identifier: MIT */
/*
 * pull: from run IDs to an archive.
 *
 * The only place where listing, fetching and packing meet. Order: open the
 * output (so that nothing is fetched for nothing), list all runs, plan, fetch
 * and pack side by side, then write what the archive says of itself.
 *
 * Units    bytes; milliseconds
 * Errors   of any kind; then no archive was written, but what has come may be kept in
 *          OUTPUT.partial for the next attempt: see pull_result. An archive that lacks
 *          something is no error
 * Owns     nothing of its options
 * Threads  runs the transfer loop; starts and ends the others
 */
#ifndef PULL_PULL_H
#define PULL_PULL_H

#include "base/err.h"
#include "pull/pull_opts.h"

/*
 * Pull runs into one archive: list, plan, fetch, pack, record. *result is filled in also on
 * failure, as far as it came.
 */
int pull_run(const struct pull_opts *opts, struct pull_result *result,
             struct err *err) MUST_CHECK;

#endif
