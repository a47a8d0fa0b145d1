/* SPDX-License-Identifier: MIT */
/*
 * progress: how far a command is, on stderr.
 *
 * On a terminal that is a line at the bottom, redrawn in place: it is erased before a log line
 * or a result is printed and redrawn after it. Elsewhere, with --progress, it is a log line
 * every PROGRESS_LINES, as logs of CI jobs need it. Otherwise nothing is shown.
 *
 * Units    milliseconds of the monotonic clock; columns of a terminal
 * Errors   none
 * Threads  any
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/err.h"
#include "cli/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_REDRAW 100   /* between two states of a moving line */
#define PROGRESS_LINES  30000 /* between two log lines */

/* Start showing progress, if the command's options and stderr allow it. */
void progress_begin(const struct command_args *common);

/* Whether a new text would be shown now; otherwise making it is not worth the time. */
bool progress_due(uint64_t now);

/* The width of the texts to be shown; SIZE_MAX: any. */
size_t progress_room(void);

/* Show this text, made safe for terminals (text_shown) and shortened to the terminal's width.
 * As a log line it is shown only if one is due. */
void progress_show(uint64_t now, const char *text);

/* Print a line of results on standard output: the moving line is erased before and redrawn
 * after. status: printed after text, coloured (cli/colour). */
void progress_print_status(const char *text, const char *status);

/* Stop, and erase the moving line. */
void progress_end(void);

#endif
