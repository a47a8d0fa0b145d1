/* SPDX-License-Identifier: MIT */
#include "cli/dispatch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/help.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MAX 16

static const char *const log_formats[] = { "text", "json", NULL };

/* clang-format off */
static const struct opt common_opts[] = {
    { 'q', "quiet",      NULL,     OPT_FLAG,   OPT_AT(command_args, quiet),      "print only errors", 0, 0, NULL, false, NULL },
    { 'v', "verbose",    NULL,     OPT_COUNT,  OPT_AT(command_args, verbose),    "log progress; given twice, log each request as well", 0, 0, NULL, false, NULL },
    { 0,   "json",       NULL,     OPT_FLAG,   OPT_AT(command_args, json),       "print the result as one JSON document", 0, 0, NULL, false, NULL },
    { 0,   "log-format", "FORMAT", OPT_CHOICE, OPT_AT(command_args, log_format), "format of log messages: text or json", 0, 0, log_formats, false, NULL },
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

/* The command's option groups, followed by the common group. */
static void join_groups(const struct command *command, struct opt_group out[GROUPS_MAX])
{
    size_t n = 0;
    const struct opt_group *group;

    for (group = command->groups; group->title; group++) {
        assert(n + 2 < GROUPS_MAX); /* otherwise options would be dropped silently */
        out[n++] = *group;
    }
    out[n++] = (struct opt_group){ "Output", common_opts, 0 };
    out[n] = (struct opt_group){ NULL, NULL, 0 };
}

/* Whether any command has an option of this name; ctx is the array of commands. */
static bool known(const void *ctx, const char *name)
{
    const struct command *const *commands = ctx;

    for (; *commands; commands++) {
        if (opt_known((*commands)->groups, name))
            return true;
    }
    return false;
}

static int run(const struct command *const *commands, const struct command *command,
               const struct opt_group *groups, void *args, int argc, char **argv,
               struct err *err)
{
    const struct command_args *common = args;
    struct config config = { .secret = false };
    int first = 0;
    int status = -1;

    if (config_load(&config, groups, args, known, commands, err) == 0 &&
        opt_environment(groups, args, err) == 0 &&
        opt_parse(groups, args, argc, argv, &first, err) == 0) {
        log_setup(common->quiet          ? LOG_ERROR
                  : common->verbose == 1 ? LOG_INFO
                  : common->verbose      ? LOG_DEBUG
                                         : LOG_WARNING,
                  common->log_format == 1);
        status = common->help ? help_command(command, groups)
                              : command->run(args, argc - first, argv + first, err);
    }
    config_clear(&config);
    return status;
}

static int start(const struct command *const *commands, const struct command *command, int argc,
                 char **argv)
{
    struct opt_group groups[GROUPS_MAX];
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
    join_groups(command, groups);
    status = run(commands, command, groups, args, argc, argv, &err);
    (void)snprintf(hint, sizeof(hint), "%s ", command->name);
    if (status < 0 && reader_gone())
        status = EXIT_SIGNAL + SIGPIPE;
    if (status < 0)
        status = fail(&err, hint);
    opt_clear(groups, args);
    mem_free(args);
    return finish(status);
}

/* Find a command by name; ERR_USAGE, suggesting the nearest name, if there is none. */
static const struct command *find(const struct command *const *commands, const char *word,
                                  struct err *err)
{
    struct text_nearest nearest = { word, 3, NULL };
    size_t i;

    for (i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, word) == 0)
            return commands[i];
        text_nearer(&nearest, commands[i]->name);
    }
    (void)err_set(err, ERR_USAGE, "'%.100s' is not a command", word);
    if (nearest.best)
        (void)err_hint(err, "did you mean '%s'?", nearest.best);
    return NULL;
}

int dispatch_main(const struct command *const *commands, const char *version, int argc,
                  char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const struct command *command;
    struct err err;

    if (!word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        char help[] = "--help";
        char *args[] = { argc > 2 ? argv[2] : NULL, help, NULL };

        if (argc < 3) {
            help_program(commands, word ? stdout : stderr);
            return word ? EXIT_DONE : EXIT_USAGE;
        }
        command = find(commands, argv[2], &err);
        return command ? start(commands, command, 2, args) : fail(&err, "");
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        (void)printf("%s\n", version);
        return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_DONE;
    }
    command = find(commands, word, &err);
    return command ? start(commands, command, argc - 1, argv + 1) : fail(&err, "");
}
