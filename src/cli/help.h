/* SPDX-License-Identifier: MIT */
/*
 * help: the text of --help, made from the tables that the parser uses.
 *
 * Threads  one
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"
#include "cli/opt.h"

#include <stdio.h>

/* Print the list of commands, one line each. */
void help_program(const struct command *const *commands, FILE *out);

/* Print one command's help on stdout; returns the exit status. */
int help_command(const struct command *command, const struct opt_group *groups);

#endif
