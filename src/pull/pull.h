/* SPDX-License-Identifier: MIT */
/*
 * pull: archive runs, given their IDs.
 *
 * Runs the steps of a pull in order: open the output (so that an output that cannot be written
 * fails before the download), list all runs, plan, fetch and pack at the same time, then write
 * the manifest and the other tag files.
 *
 * Units    bytes; milliseconds
 * Errors   of any kind; then no archive was written, but received artifacts may be kept in
 *          OUTPUT.partial for the next attempt: see pull_result. An incomplete archive is not
 *          an error
 * Owns     nothing of its options
 * Threads  runs the transfer loop; starts and ends the others
 */
#ifndef PULL_PULL_H
#define PULL_PULL_H

#include "base/err.h"
#include "pull/pull_opts.h"

/*
 * Pull runs into one archive. *result is also filled in on failure, up to the step that failed.
 */
int pull_run(const struct pull_opts *opts, struct pull_result *result,
             struct err *err) MUST_CHECK;

#endif
