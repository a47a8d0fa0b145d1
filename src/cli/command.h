/* SPDX-License-Identifier: MIT */
/*
 * command: a command as data. main lists the commands, dispatch runs one, help prints them.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"
#include "cli/exit.h"
#include "cli/opt.h"

#include <stddef.h>

/* The options that every command has; first member of each command's struct of arguments. */
struct command_args {
    bool help;
    bool quiet;
    unsigned verbose;
    bool json;
    bool progress; /* see cli/progress: not an option of every command */
    unsigned log_format;
    const char *profile;
};

/* Where the list of commands has a command. */
enum command_section {
    COMMAND_MAIN,   /* the main job */
    COMMAND_AROUND, /* around a run */
    COMMAND_NIGHT,  /* every night */
    COMMAND_OPEN,   /* open again */
    COMMAND_SETUP,
    COMMAND_SECTIONS
};

struct command {
    const char *name;
    const char *args; /* operands, as shown in the usage line */
    enum command_section section;
    const char *brief;    /* one line for the list of commands */
    const char *about;    /* paragraphs for the command's --help */
    const char *examples; /* lines of a shell, each ended by \n */
    const char *exits;    /* lines "STATUS  meaning", each ended by \n; what is true of
                           * all commands is left out */
    const struct opt_group *groups; /* option groups in addition to the common group */
    size_t size; /* size of the command's arguments, which begin with struct command_args */
    const void *defaults;
    /* Run the command. Returns an exit status, or -1 with err set. */
    int (*run)(void *args, int count, char *const *operands, struct err *err);
};

#endif
