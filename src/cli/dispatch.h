/* SPDX-License-Identifier: MIT */
/*
 * dispatch: find the command named on the command line, parse its options, run it.
 *
 * Errors   printed here, once; the error's kind decides the exit status
 * Threads  one
 */
#ifndef CLI_DISPATCH_H
#define CLI_DISPATCH_H

#include "cli/command.h"

#include <stdbool.h>

/* All commands, ended by NULL; NULL before dispatch_main. */
const struct command *const *dispatch_commands(void);

#define DISPATCH_GROUPS 16

/* A command's option groups, with those that all commands have. */
void dispatch_groups(const struct command *command, struct opt_group out[DISPATCH_GROUPS]);

/* The command of this name; ERR_USAGE, suggesting the nearest name, if there is none. */
const struct command *dispatch_find(const char *word, struct err *err);

/* Find an option of any command. NULL: there is none. */
const struct opt *dispatch_option(const char *name);

/* Whether a command has an option of this name, for config_load; ctx is not used. */
bool dispatch_has_option(const void *ctx, const char *name);

/*
 * Run the program.
 *
 * commands  all commands, ended by NULL
 * version   the text printed by --version
 * returns   the exit status (cli/exit.h)
 */
int dispatch_main(const struct command *const *commands, const char *version, int argc,
                  char **argv);

#endif
