/* SPDX-License-Identifier: MIT */
/*
 * progress: a status line at the bottom of a terminal, redrawn in place.
 *
 * Drawn on stderr and only if stderr is a terminal. The line is erased before a log line is
 * printed and redrawn after it.
 *
 * Threads  progress_*: one; the log's callback may run on any thread
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/command.h"

#include <stdbool.h>

/*
 * Whether to show a status line: stderr is a terminal that can, and the options neither silence
 * it (--quiet) nor print lines of their own (--verbose, --log-format json).
 */
bool progress_wanted(const struct command_args *common);

/* Start drawing. */
void progress_begin(void);

/* Show this text, truncated to the terminal's width. */
void progress_show(const char *text);

/* Erase the line and stop drawing. */
void progress_end(void);

#endif
