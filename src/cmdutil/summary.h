/* SPDX-License-Identifier: MIT */
/*
 * summary: what a pull came to, for people and for programs.
 *
 * Errors   from the JSON writer; text is checked when stdout is flushed
 * Threads  one
 */
#ifndef CMDUTIL_SUMMARY_H
#define CMDUTIL_SUMMARY_H

#include "base/err.h"
#include "pull/pull.h"

#include <stdio.h>

/* A few lines for people. */
void summary_text(FILE *out, const char *archive, const struct pull_result *result);

/* One line: the head of the series that the archive belongs to. */
void summary_head(FILE *out, const char *archive, const struct pull_result *result);

/* One JSON document; error is why there is no archive, or NULL. */
int summary_json(FILE *out, const char *archive, const struct pull_result *result,
                 const char *error, struct err *err) MUST_CHECK;

/* The line that moves, and the answer to SIGUSR1. */
const char *summary_status(char *out, size_t size, const struct pull_status *status);

#endif
