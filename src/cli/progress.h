/* SPDX-License-Identifier: MIT */
/*
 * progress: one line that moves, at the bottom of a terminal.
 *
 * Drawn on stderr and only where that is a terminal; log lines push it aside.
 *
 * Threads  progress_*: one; the log may call in from any
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>

/* Whether a line may be drawn. */
bool progress_possible(void);

/* Start drawing. */
void progress_begin(void);

/* Show this text, cut to the terminal's width. */
void progress_show(const char *text);

/* Remove the line; nothing is drawn any more. */
void progress_end(void);

#endif
