/* SPDX-License-Identifier: MIT */
/*
 * command: what a command is, as data: main lists them, dispatch runs one, help prints them.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"
#include "cli/exit.h"
#include "cli/opt.h"

#include <stddef.h>

/* Every command's options; the first member of its struct. */
struct command_args {
    bool help;
    bool quiet;
    unsigned verbose;
    bool json;
    unsigned log_format;
};

struct command {
    const char *name;
    const char *args;               /* operands, as the usage line shows them */
    const char *brief;              /* one line, in the list of commands */
    const char *about;              /* paragraphs, in its --help */
    const struct opt_group *groups; /* beside the common ones */
    size_t size; /* of its struct of arguments, which begins with struct command_args */
    const void *defaults;
    /* Do it. Fills err and returns its status, or returns a status of its own. */
    int (*run)(void *args, int count, char *const *operands, struct err *err);
};

#endif
