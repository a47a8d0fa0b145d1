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
#include "pull/pull.h"

#include <stdio.h>

/* Print a few lines for people. */
void summary_text(FILE *out, const char *archive, const struct pull_result *result);

/* Print one line with the head of the series to which the archive belongs. */
void summary_head(FILE *out, const char *archive, const struct pull_result *result);

/* Log that an archive was written although it is incomplete, and what it lacks. */
void summary_incomplete(const char *archive, const struct pull_result *result);

/* Print one JSON document; error: why there is no archive, or NULL. */
int summary_json(FILE *out, const char *archive, const struct pull_result *result,
                 const char *error, struct err *err) MUST_CHECK;

/* Format the status line, which is also the answer to SIGUSR1. */
const char *summary_status(char *out, size_t size, const struct pull_status *status);

#endif
