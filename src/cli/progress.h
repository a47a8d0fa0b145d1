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

#include "cli/command.h"
#include "cli/pace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --progress, for commands that show progress; its offset is in struct command_args. */
extern const struct opt progress_opts[];

#define PROGRESS_REDRAW 100   /* between two states of a moving line */
#define PROGRESS_LINES  30000 /* between two log lines */

#define PROGRESS_TEXT_MAX 512 /* size of progress_text's buffer */

/* Something that is being read. */
struct progress_read {
    const char *verb; /* "verifying" */
    const char *name; /* need not be safe for terminals */
    uint64_t done;    /* bytes */
    uint64_t total;
};

/* Start showing progress, if the command's options and stderr allow it. */
void progress_begin(const struct command_args *common);

/* Whether a new text would be shown now; otherwise making it is not worth the time. */
bool progress_due(uint64_t now);

/* The width of the texts to be shown; SIZE_MAX: any. */
size_t progress_room(void);

/* Show this text, made safe for terminals (text_shown) and shortened to the terminal's width.
 * As a log line it is shown only if one is due. */
void progress_show(uint64_t now, const char *text);

/* Erase the moving line until the next progress_show, before results are printed. */
void progress_hide(void);

/*
 * Format how much of something was read: "verifying a.tar.zst, 1.2 GiB of 3.4 GiB, 300.0 MiB/s,
 * 7.5s left". The name is shortened, and then left out, to fit into so many columns.
 *
 * returns  out
 */
const char *progress_text(char out[PROGRESS_TEXT_MAX], const struct progress_read *read,
                          uint64_t bps, size_t columns);

/* Show how much was read, if that is due; pace is of the bytes read. */
void progress_show_read(struct pace *pace, const struct progress_read *read);

/* Stop, and erase the moving line. */
void progress_end(void);

#endif
