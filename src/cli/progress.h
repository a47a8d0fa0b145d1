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

#include <stdbool.h>

/* Whether stderr is a terminal that can show a status line. */
bool progress_possible(void);

/* Start drawing. */
void progress_begin(void);

/* Show this text, truncated to the terminal's width. */
void progress_show(const char *text);

/* Erase the line and stop drawing. */
void progress_end(void);

#endif
