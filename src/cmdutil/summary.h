/* SPDX-License-Identifier: MIT */
/*
 * summary: the result of a pull, for people and for programs.
 *
 * Errors   of the JSON writer; errors of text output are detected when stdout is flushed
 * Threads  one
 */
#ifndef CMDUTIL_SUMMARY_H
#define CMDUTIL_SUMMARY_H

#include "base/err.h"
#include "pull/pull_opts.h"

#include <stdio.h>

#define SUMMARY_STATUS_MAX 512 /* size of summary_status's buffer */

/* Print a few lines for people. */
void summary_text(FILE *out, const char *archive, const struct pull_result *result);

/* Print one line with the head of the series to which the archive belongs. */
void summary_head(FILE *out, const char *archive, const struct pull_result *result);

/* Log that an archive was written although it is incomplete, and what it lacks. */
void summary_incomplete(const char *archive, const struct pull_result *result);

/* Print one JSON document; error: why there is no archive, or NULL. */
int summary_json(FILE *out, const char *archive, const struct pull_result *result,
                 const char *error, struct err *err) MUST_CHECK;

/*
 * Format the status line, which is also the answer to SIGUSR1.
 *
 * bps      the rate of the last seconds, or PACE_UNKNOWN
 * columns  the room for the line: parts of it are left out, but never the rate, the time
 *          left and the delay that a host asked for
 * returns  out
 */
const char *summary_status(char out[SUMMARY_STATUS_MAX], const struct pull_status *status,
                           uint64_t bps, size_t columns);

#endif
