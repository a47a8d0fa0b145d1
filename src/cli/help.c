/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <string.h>

#define WIDTH  80
#define COLUMN 28 /* column of an option's help text */

void help_program(const struct command *const *commands, FILE *out)
{
    size_t i;

    (void)fprintf(out, "Usage: skyarc COMMAND [OPTIONS] ...\n\n"
                       "Archives the artifacts of Skyvern runs.\n\nCommands:\n");
    for (i = 0; commands[i]; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->brief);
    (void)fprintf(out, "\n'skyarc COMMAND --help' shows a command's options. 'skyarc "
                       "--version' prints the version.\n");
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

int help_command(const struct command *command, const struct opt_group *groups)
{
    const struct opt *opt;

    (void)printf("Usage: skyarc %s [OPTIONS] %s\n\n", command->name, command->args);
    wrap(command->about, 0);
    for (; groups->title; groups++) {
        (void)printf("\n%s:\n", groups->title);
        for (opt = groups->opts; opt->name; opt++) {
            if (!opt->config_only)
                option(opt);
        }
    }
    return EXIT_DONE;
}
