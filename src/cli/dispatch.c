/* SPDX-License-Identifier: MIT */
#include "cli/dispatch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/help.h"

#include <assert.h>
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *const *all; /* the commands */

static const char *const log_formats[] = { "text", "json", NULL };

/* clang-format off */
static const struct opt common_opts[] = {
    { 'q', "quiet",      NULL,     OPT_FLAG,   OPT_AT(command_args, quiet),      "print only errors", 0, 0, NULL, false, NULL },
    { 'v', "verbose",    NULL,     OPT_COUNT,  OPT_AT(command_args, verbose),    "log progress; given twice, log each request as well", 0, 0, NULL, false, NULL },
    { 0,   "json",       NULL,     OPT_FLAG,   OPT_AT(command_args, json),       "print the result as one JSON document", 0, 0, NULL, false, NULL },
    { 0,   "log-format", "FORMAT", OPT_CHOICE, OPT_AT(command_args, log_format), "format of log messages: text or json", 0, 0, log_formats, false, NULL },
    { 0,   "profile",    "NAME",   OPT_TEXT,   OPT_AT(command_args, profile),    "use this profile of the configuration file, whose values override the environment", 0, 0, NULL, false, NULL },
    { 'h', "help",       NULL,     OPT_FLAG,   OPT_AT(command_args, help),       "print this help", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

static int fail(const struct err *err, const char *hint)
{
    log_line(LOG_ERROR, "%s", err->text);
    if (err->kind == ERR_USAGE && hint)
        (void)fprintf(stderr, "Try 'skyarc %s--help'.\n", hint);
    return (int)exit_of(err);
}

/* Whether the reader of standard output has closed its end of the pipe. */
static bool reader_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO };

    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

/* Flush standard output. If that fails, the status cannot be success: nobody got the result. */
static int finish(int status)
{
    if (fflush(stdout) != EOF && !ferror(stdout))
        return status;
    if (reader_gone())
        return EXIT_SIGNAL + SIGPIPE;
    if (status != EXIT_DONE)
        return status;
    log_line(LOG_ERROR, "cannot write to standard output");
    return EXIT_FAILED;
}

const struct command *const *dispatch_commands(void)
{
    return all;
}

void dispatch_groups(const struct command *command, struct opt_group out[DISPATCH_GROUPS])
{
    size_t n = 0;
    const struct opt_group *group;

    for (group = command->groups; group->title; group++) {
        assert(n + 2 < DISPATCH_GROUPS); /* otherwise options would be dropped silently */
        out[n++] = *group;
    }
    out[n++] = (struct opt_group){ "Output", common_opts, 0 };
    out[n] = (struct opt_group){ NULL, NULL, 0 };
}

const struct opt *dispatch_option(const char *name)
{
    struct opt_group groups[DISPATCH_GROUPS];
    const struct opt *opt = NULL;
    size_t i;

    for (i = 0; all && all[i] && !opt; i++) {
        dispatch_groups(all[i], groups);
        opt = opt_find(groups, name);
    }
    return opt;
}

bool dispatch_has_option(const void *ctx, const char *name)
{
    (void)ctx;
    return dispatch_option(name) != NULL;
}

/* The option's name for an environment variable. */
static void name_of(char out[OPT_VARIABLE_MAX], const char *variable, size_t len)
{
    size_t i;

    for (i = 0; i < len && i + 1 < OPT_VARIABLE_MAX; i++)
        out[i] = variable[i] == '_' ? '-' : (char)tolower((unsigned char)variable[i]);
    out[i] = '\0';
}

/* The nearest name of an option, NULL if none is near. */
static const char *similar(const char *name)
{
    struct text_nearest nearest = text_nearest(name);
    struct opt_group groups[DISPATCH_GROUPS];
    const struct opt_group *group;
    const struct opt *opt;
    size_t i;

    for (i = 0; all[i]; i++) {
        dispatch_groups(all[i], groups);
        for (group = groups; group->title; group++) {
            for (opt = group->opts; opt->name; opt++) {
                if (!opt->config_only)
                    text_nearer(&nearest, opt->name);
            }
        }
    }
    return nearest.best;
}

/*
 * Warn about variables SKYARC_... that set no option, except those that skyarc itself sets for
 * --anchor-command.
 */
static void check_environment(void)
{
    char **at;

    for (at = environ; *at; at++) {
        char name[OPT_VARIABLE_MAX];
        char variable[OPT_VARIABLE_MAX];
        char shown[OPT_VARIABLE_MAX + 8];
        const struct opt *opt;
        const char *near;
        size_t len = strcspn(*at, "=");

        if (strncmp(*at, "SKYARC_", 7) != 0 || len + 1 > OPT_VARIABLE_MAX ||
            strncmp(*at, "SKYARC_HEAD=", 12) == 0 || strncmp(*at, "SKYARC_ARCHIVE=", 15) == 0)
            continue;
        name_of(name, *at + 7, len - 7);
        opt = dispatch_option(name);
        if (opt && !opt->config_only)
            continue;
        near = similar(name);
        (void)snprintf(variable, sizeof(variable), "%.*s", (int)len, *at);
        (void)text_shown(shown, sizeof(shown), variable);
        log_line(LOG_WARNING, "the environment variable %s sets no option%s%s%s", shown,
                 near ? "; did you mean " : "", near ? opt_variable(name, near) : "",
                 near ? "?" : "");
    }
}

/* The profile that is chosen on the command line or in the environment; NULL: none. */
static const char *chosen(const struct opt_group *groups, int argc, char **argv)
{
    const char *profile = getenv("SKYARC_PROFILE");
    int i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--profile=", 10) == 0)
            profile = argv[i] + 10;
        else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc)
            profile = argv[i + 1];
        i += argv[i][0] == '-' && opt_words(groups, argv[i]) == 2;
    }
    return profile && *profile ? profile : NULL;
}

static int run(const struct command *command, const struct opt_group *groups, void *args,
               int argc, char **argv, struct err *err)
{
    const char *profile = chosen(groups, argc, argv);
    const struct command_args *common = args;
    struct config config = { .secret = false };
    int first = 0;
    int status = -1;

    if (config_load(&config, groups, args, dispatch_has_option, NULL, err) == 0 &&
        opt_environment(groups, args, err) == 0 &&
        (!profile || config_profile(&config, profile, groups, args, err) == 0) &&
        opt_parse(groups, args, argc, argv, &first, err) == 0) {
        log_setup(common->quiet          ? LOG_ERROR
                  : common->verbose == 1 ? LOG_INFO
                  : common->verbose      ? LOG_DEBUG
                                         : LOG_WARNING,
                  common->log_format == 1);
        check_environment();
        status = common->help ? help_command(command, groups)
                              : command->run(args, argc - first, argv + first, err);
    }
    config_clear(&config);
    return status;
}

static int start(const struct command *command, int argc, char **argv)
{
    struct opt_group groups[DISPATCH_GROUPS];
    char hint[64];
    struct err err;
    void *args;
    int status;

    err_clear(&err);
    args = mem_new(command->size, &err);
    if (!args)
        return fail(&err, NULL);
    if (command->defaults)
        memcpy(args, command->defaults, command->size);
    dispatch_groups(command, groups);
    status = run(command, groups, args, argc, argv, &err);
    (void)snprintf(hint, sizeof(hint), "%s ", command->name);
    if (status < 0 && reader_gone())
        status = EXIT_SIGNAL + SIGPIPE;
    if (status < 0)
        status = fail(&err, hint);
    opt_clear(groups, args);
    mem_free(args);
    return finish(status);
}

const struct command *dispatch_find(const char *word, struct err *err)
{
    struct text_nearest nearest = text_nearest(word);
    size_t i;

    for (i = 0; all[i]; i++) {
        if (strcmp(all[i]->name, word) == 0)
            return all[i];
        text_nearer(&nearest, all[i]->name);
    }
    (void)err_set(err, ERR_USAGE, "'%.100s' is not a command", word);
    if (nearest.best)
        (void)err_hint(err, "did you mean '%s'?", nearest.best);
    return NULL;
}

/* How many words an option before the command takes: by the first command that has it. */
static int words_before(const char *word)
{
    struct opt_group groups[DISPATCH_GROUPS];
    int words = 0;
    size_t i;

    for (i = 0; all[i] && !words; i++) {
        dispatch_groups(all[i], groups);
        words = opt_words(groups, word);
    }
    return words ? words : 1;
}

/* Move options that stand before the command behind it: it becomes argv[1]. */
static void put_command_first(int argc, char **argv)
{
    char *word;
    int at = 1;

    while (at < argc && argv[at][0] == '-')
        at += words_before(argv[at]);
    if (at >= argc)
        return;
    word = argv[at];
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
    argv[1] = word;
}

int dispatch_main(const struct command *const *commands, const char *version, int argc,
                  char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const struct command *command;
    struct err err;

    all = commands;
    err_clear(&err);
    if (word && (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)) {
        (void)printf("%s\n", version);
        return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_DONE;
    }
    if (!word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        char help[] = "--help";
        char *args[] = { argc > 2 ? argv[2] : NULL, help, NULL };

        if (argc < 3) {
            help_program(commands, word ? stdout : stderr);
            return word ? EXIT_DONE : EXIT_USAGE;
        }
        command = dispatch_find(argv[2], &err);
        return command ? start(command, 2, args) : fail(&err, "");
    }
    put_command_first(argc, argv);
    if (argv[1][0] == '-') {
        (void)err_set(&err, ERR_USAGE, "no command given, only options: '%.100s'", argv[1]);
        return fail(&err, "");
    }
    command = dispatch_find(argv[1], &err);
    return command ? start(command, argc - 1, argv + 1) : fail(&err, "");
}
