/* SPDX-License-Identifier: MIT */
/*
 * help: what --help prints, made from the same tables that are parsed.
 *
 * Threads  one
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"
#include "cli/opt.h"

#include <stdio.h>

/* All commands, a line each. */
void help_program(const struct command *const *commands, FILE *out);

/* One command, on stdout; gives the exit status. */
int help_command(const struct command *command, const struct opt_group *groups);

#endif
