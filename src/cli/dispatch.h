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
