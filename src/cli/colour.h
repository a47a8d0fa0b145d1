/* SPDX-License-Identifier: MIT */
/*
 * colour: colours of statuses on a terminal.
 *
 * Errors   none
 * Threads  any
 * Source   ECMA-48, 8.3.117 (SGR); https://no-color.org
 */
#ifndef CLI_COLOUR_H
#define CLI_COLOUR_H

#include <stdbool.h>

#define COLOUR_END "\033[0m" /* back to the terminal's own colour */

/* Whether standard output is a terminal with colours, and the user allows them: NO_COLOR is
 * not set or empty, TERM is neither empty nor "dumb". */
bool colour_possible(void);

/* The sequence that begins the colour of a run's status; "" for an unknown status. */
const char *colour_of_status(const char *status);

/* Print a status, coloured if that is possible; the text must be safe for terminals. */
void colour_print_status(const char *status);

#endif
