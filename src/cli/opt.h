/* SPDX-License-Identifier: MIT */
/*
 * opt: options as data.
 *
 * One table says an option's letter, name, type, place and help; from it come
 * parsing (by getopt_long), --help, the configuration file's keys and the
 * environment's SKYARC_NAME.
 *
 * Errors   ERR_USAGE; an unknown option is answered with the nearest one
 * Owns     lists' arrays; texts are borrowed from argv, environment and config
 * Threads  one, at the start
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
    OPT_FLAG,     /* bool */
    OPT_COUNT,    /* unsigned: how often it is given */
    OPT_TEXT,     /* const char * */
    OPT_LIST,     /* struct opt_list: may be repeated */
    OPT_NUMBER,   /* uint64_t */
    OPT_SIZE,     /* uint64_t, bytes */
    OPT_DURATION, /* uint64_t, milliseconds */
    OPT_WHEN,   /* int64_t, microseconds since 1970: a UTC date or time, or "7d": so long ago */
    OPT_MODE,   /* unsigned: a file's permissions, octal */
    OPT_CHOICE, /* unsigned: index of a word in choices */
};

/* Where a value came from; a later one replaces what an earlier one said. */
enum opt_source { OPT_DEFAULT, OPT_CONFIG, OPT_ENVIRONMENT, OPT_COMMAND_LINE };

struct opt_list {
    const char **at;
    size_t count;
    enum opt_source source;
};

struct opt {
    char letter;      /* 0: none */
    const char *name; /* NULL ends the table */
    const char *arg;  /* NULL: takes none */
    enum opt_type type;
    size_t at;
    const char *help;
    uint64_t min; /* OPT_NUMBER */
    uint64_t max;
    const char *const *choices; /* OPT_CHOICE; ends with NULL */
    bool config_only;           /* never on the command line */
    const char *env;            /* one more environment variable that sets it, or NULL */
};

#define OPT_AT(type, field) offsetof(struct type, field)
#define OPT_END                                                                                \
    {                                                                                          \
        0, NULL, NULL, OPT_FLAG, 0, NULL, 0, 0, NULL, false, NULL                              \
    }

/* Options of one heading; base is their struct's place in the command's. */
struct opt_group {
    const char *title; /* NULL ends the array */
    const struct opt *opts;
    size_t base;
};

/*
 * Read the command line into args.
 *
 * argv      argv[0] is the command's name; reordered so that operands come last
 * operands  gets the index of the first operand
 */
int opt_parse(const struct opt_group *groups, void *args, int argc, char **argv, int *operands,
              struct err *err) MUST_CHECK;

/* Set one option by its name, as the configuration file does; false: there is none. */
bool opt_set(const struct opt_group *groups, void *args, const char *name, const char *value,
             enum opt_source source, struct err *err);

/* Whether there is an option of this name. */
bool opt_known(const struct opt_group *groups, const char *name);

/* Set what the environment says. */
int opt_environment(const struct opt_group *groups, void *args, struct err *err) MUST_CHECK;

/* Release the lists. */
void opt_clear(const struct opt_group *groups, void *args);

#endif
