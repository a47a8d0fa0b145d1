/* SPDX-License-Identifier: MIT */
/*
 * dispatch: find the command that was asked for, read its options, run it.
 *
 * Errors   printed here, once, with the exit status that goes with them
 * Threads  one
 */
#ifndef CLI_DISPATCH_H
#define CLI_DISPATCH_H

#include "cli/command.h"

/*
 * Run the program.
 *
 * commands  all of them, NULL behind the last one
 * version   what --version prints
 * returns   the exit status (cli/exit.h)
 */
int dispatch_main(const struct command *const *commands, const char *version, int argc,
                  char **argv);

#endif
