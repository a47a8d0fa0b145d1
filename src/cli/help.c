/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <stdbool.h>
#include <string.h>

#define WIDTH          80
#define STATUS_COLUMN  7 /* column of what an exit status means */
#define LINE_MAX_BYTES 400
#define EXITS_USAGE    "2    the command line is wrong\n"
#define EXITS_SIGNAL   "128  plus the number of the signal that interrupted the program\n"
#define COLUMN         28 /* column of an option's help text */

#define SETTINGS                                                                               \
    "Each option is also set by a variable SKYARC_... (SKYARC_JOBS=4: --jobs 4), or\n"         \
    "in ~/.config/skyarc/config ($XDG_CONFIG_HOME/skyarc/config), which may have\n"            \
    "[NAME] sections for --profile NAME. 'skyarc config show' prints what is set.\n"

void help_program(const struct command *const *commands, FILE *out)
{
    static const char *const titles[COMMAND_SECTIONS] = { "The main job", "Around a run",
                                                          "Every night", "Open again",
                                                          "Settings" };
    unsigned section;
    size_t i;

    (void)fprintf(out,
                  "Usage: skyarc COMMAND [OPTIONS] ...\n\n"
                  "Archives the artifacts of Skyvern runs: run IDs in, one verified archive "
                  "out.\n\nFirst archive:\n"
                  "    export SKYVERN_API_KEY=...   (self-hosted: SKYVERN_BASE_URL, too)\n"
                  "    skyarc runs --limit 5        (shows run IDs)\n"
                  "    skyarc pull -o run.tar.zst RUN_ID\n"
                  "    skyarc extract run.tar.zst   (then open run/index.html)\n");
    for (section = 0; section < COMMAND_SECTIONS; section++) {
        (void)fprintf(out, "\n%s:\n", titles[section]);
        for (i = 0; commands[i]; i++) {
            if (commands[i]->section == section)
                (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->brief);
        }
    }
    (void)fprintf(out, "\n'skyarc COMMAND --help' shows a command's options, examples and exit "
                       "statuses.\n'skyarc --version' prints the version. Options may stand "
                       "before the command.\n" SETTINGS);
}

/* Print text starting at `column`, wrapped at spaces. */
static void wrap(const char *text, size_t column)
{
    size_t at = column;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (at > column && at + 1 + word > WIDTH) {
            (void)printf("\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            (void)putchar(' ');
            at++;
        }
        (void)printf("%.*s", (int)word, text);
        at += word;
        text += word + strspn(text + word, " ");
    }
    (void)putchar('\n');
}

static void option(const struct opt *opt)
{
    char left[64];
    int len = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", opt->letter ? '-' : ' ',
                       opt->letter ? opt->letter : ' ', opt->letter ? ',' : ' ', opt->name,
                       opt->arg ? " " : "", opt->arg ? opt->arg : "");

    if (len >= COLUMN - 1)
        (void)printf("%s\n%*s", left, COLUMN, "");
    else
        (void)printf("%-*s", COLUMN, left);
    wrap(opt->help, COLUMN);
}

/* Print a line of examples or exit statuses, indented by 2; column: where it goes on if it is
 * too long, 0: it is not wrapped. Returns the next line. */
static const char *print_line(const char *text, size_t column)
{
    size_t len = strcspn(text, "\n");
    char line[LINE_MAX_BYTES];

    (void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
    if (column && len > column - 2) {
        (void)printf("  %.*s", (int)column - 2, line);
        wrap(line + column - 2, column);
    } else {
        (void)printf("  %s\n", line);
    }
    return text + len + (text[len] == '\n');
}

/* Print the exit statuses in order: the command's, and those that all commands have. */
static void print_exits(const char *text)
{
    bool printed = false;

    while (*text) {
        if (!printed && *text > '2') {
            (void)print_line(EXITS_USAGE, STATUS_COLUMN);
            printed = true;
        }
        text = print_line(text, STATUS_COLUMN);
    }
    if (!printed)
        (void)print_line(EXITS_USAGE, STATUS_COLUMN);
    (void)print_line(EXITS_SIGNAL, STATUS_COLUMN);
}

int help_command(const struct command *command, const struct opt_group *groups)
{
    const char *examples = command->examples;
    const struct opt *opt;

    (void)printf("Usage: skyarc %s [OPTIONS]%s%s\n\n", command->name, *command->args ? " " : "",
                 command->args);
    wrap(command->about, 0);
    for (; groups->title; groups++) {
        (void)printf("\n%s:\n", groups->title);
        for (opt = groups->opts; opt->name; opt++) {
            if (!opt->config_only)
                option(opt);
        }
    }
    (void)printf("\nExamples:\n");
    while (*examples)
        examples = print_line(examples, 0);
    (void)printf("\nExit status:\n");
    print_exits(command->exits);
    (void)printf("\n" SETTINGS);
    return EXIT_DONE;
}
