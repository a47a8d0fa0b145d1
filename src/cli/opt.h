/* SPDX-License-Identifier: MIT */
/*
 * opt: options as data.
 *
 * A table holds an option's letter, name, type, offset and help text. The command-line parser
 * (getopt_long), --help, the keys of the configuration file and the environment variables
 * SKYARC_NAME are all made from the table.
 *
 * Errors   ERR_USAGE; the message for an unknown option suggests the nearest option
 * Owns     the arrays of lists, and the words of OPT_WORDS; other texts are borrowed from argv,
 *          environment and configuration file
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
    OPT_COUNT,    /* unsigned: number of times given; of a file: yes, no, or a number */
    OPT_TEXT,     /* const char * */
    OPT_LIST,     /* struct opt_list: may be repeated */
    OPT_WORDS,    /* struct opt_list: may be repeated, and separated by commas */
    OPT_NUMBER,   /* uint64_t */
    OPT_SIZE,     /* uint64_t, bytes */
    OPT_DURATION, /* uint64_t, milliseconds */
    OPT_WHEN,     /* int64_t, microseconds since 1970: a UTC time, or an age such as "7d" */
    OPT_MODE,     /* unsigned: file permissions, octal */
    OPT_CHOICE,   /* unsigned: index into choices */
};

/* Where a value came from; a later source replaces the value of an earlier one. */
enum opt_source { OPT_DEFAULT, OPT_CONFIG, OPT_ENVIRONMENT, OPT_PROFILE, OPT_COMMAND_LINE };

struct opt_list {
    const char **at;
    size_t count;
    enum opt_source source;
};

struct opt {
    char letter;      /* 0: none */
    const char *name; /* NULL ends the table */
    const char *arg;  /* NULL: the option takes no argument */
    enum opt_type type;
    size_t at;
    const char *help;
    uint64_t min; /* limits of OPT_NUMBER and OPT_SIZE; max 0: none */
    uint64_t max;
    const char *const *choices; /* words of OPT_CHOICE; ends with NULL */
    bool config_only;           /* allowed in the configuration file only */
    const char *env;            /* further environment variable that sets the option, or NULL */
};

#define OPT_AT(type, field) offsetof(struct type, field)
#define OPT_END                                                                                \
    {                                                                                          \
        0, NULL, NULL, OPT_FLAG, 0, NULL, 0, 0, NULL, false, NULL                              \
    }

/* The options under one heading; base is the offset of their struct in the command's struct. */
struct opt_group {
    const char *title; /* NULL ends the array */
    const struct opt *opts;
    size_t base;
};

/*
 * Parse the command line into args.
 *
 * argv      argv[0] is the command's name; argv is reordered so that operands come last
 * operands  set to the index of the first operand
 */
int opt_parse(const struct opt_group *groups, void *args, int argc, char **argv, int *operands,
              struct err *err) MUST_CHECK;

/* Set one option by its name, as the configuration file does. Returns false if there is no
 * such option; a bad value sets err. */
bool opt_set(const struct opt_group *groups, void *args, const char *name, const char *value,
             enum opt_source source, struct err *err);

/* Whether the groups have an option of this name. */
bool opt_known(const struct opt_group *groups, const char *name);

/* The option of this name, NULL if there is none. */
const struct opt *opt_find(const struct opt_group *groups, const char *name);

/* How many words a word of a command line takes: 0: it is no known option; 1: the option alone;
 * 2: the option and its argument, which is the next word. */
int opt_words(const struct opt_group *groups, const char *word);

#define OPT_VARIABLE_MAX 64

/* The environment variable that sets an option: SKYARC_NAME. Returns out. */
const char *opt_variable(char out[OPT_VARIABLE_MAX], const char *name);

/* Set options from environment variables. */
int opt_environment(const struct opt_group *groups, void *args, struct err *err) MUST_CHECK;

/* Convert a value of OPT_WHEN: microseconds since 1970. An age is counted from now. */
int opt_when(int64_t *out, const char *value, struct err *err) MUST_CHECK;

/* Free the arrays of list options. */
void opt_clear(const struct opt_group *groups, void *args);

#endif
