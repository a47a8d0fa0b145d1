/* SPDX-License-Identifier: MIT */
/*
 * outcome: wait for runs and say how they ended; for wait and submit.
 *
 * Errors   the loop's; a run that ended badly is an exit status, not an error
 * Threads  one
 */
#ifndef CMDUTIL_OUTCOME_H
#define CMDUTIL_OUTCOME_H

#include "base/err.h"
#include "cli/command.h"
#include "cmdutil/api_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outcome_opts {
    uint64_t interval; /* ms between two looks; 0: as little as can be */
    uint64_t timeout;  /* ms; 0: none */
    const struct command_args *common;
    bool print; /* say on standard output how each ended (as one JSON document with --json) */
    bool raw;   /* take out of what is said the API key alone */
};

/*
 * Wait for all runs.
 *
 * returns  EXIT_DONE: all completed; EXIT_FAILED: one ended otherwise; EXIT_LATER: not in time;
 *          -1: an error
 */
int outcome_wait(struct api_client *talk, char *const *ids, size_t count,
                 const struct outcome_opts *opts, struct err *err) MUST_CHECK;

#endif
