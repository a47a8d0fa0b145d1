/* SPDX-License-Identifier: MIT */
/*
 * outcome: wait for runs and report how they ended; for wait and submit.
 *
 * Errors   the loop's; a run that did not complete is an exit status, not an error
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
    uint64_t interval; /* ms between polls; 0: the minimum */
    uint64_t timeout;  /* ms; 0: no timeout */
    const struct command_args *common;
    bool print; /* print each run's status on standard output (with --json, one document) */
    bool raw;   /* redact only the API key */
};

/*
 * Wait for all runs.
 *
 * returns  EXIT_DONE: all completed; EXIT_FAILED: a run ended otherwise; EXIT_LATER: timeout;
 *          -1: an error
 */
int outcome_wait(struct api_client *client, char *const *ids, size_t count,
                 const struct outcome_opts *opts, struct err *err) MUST_CHECK;

#endif
