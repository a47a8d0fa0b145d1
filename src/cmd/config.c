/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "redact/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 1000

struct config_args {
    struct command_args common;
};

static const struct config_args config_defaults = { .common = { 0 } };

static const struct opt_group config_groups[] = { { NULL, NULL, 0 } };

/* clang-format off */
static const struct table_column columns[] = {
    { "OPTION", TABLE_TEXT, 0, 0 }, { "VALUE", TABLE_TEXT, 16, 0 }, { "SOURCE", TABLE_TEXT, 16, 0 },
    { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

struct showing {
    struct config file;
    const char *profile;
    const struct command *command; /* NULL: all commands, and only options that are set */
    struct jsonw *json;            /* NULL: a table */
    struct table table;
    struct region *region; /* redacted values: a URL may contain a password */
};

/* instead: the option that counts in place of this one; NULL: this one does. */
static int print(struct showing *s, const char *name, const char *value, const char *source,
                 const char *instead, struct err *err)
{
    char both[SHOWN_MAX + 64];
    const struct redact what = { NULL, false, NULL };
    const char *shown = value ? redact_copy(value, &what, s->region) : NULL;
    const char *cells[TABLE_COLUMNS] = { name, shown, both };

    (void)snprintf(both, sizeof(both), "%s%s%s%s", source, instead ? "; not used: " : "",
                   instead ? instead : "", instead ? " is used instead" : "");
    if (!s->json)
        return table_row(&s->table, cells, err);
    jsonw_object(s->json, NULL, JSONW_INLINE);
    jsonw_text(s->json, "option", name);
    jsonw_text(s->json, "value", shown);
    jsonw_text(s->json, "source", source);
    jsonw_bool(s->json, "used", !instead);
    jsonw_close(s->json);
    return 0;
}

/* The last line of the file that sets an option; NULL: none does. */
static const struct config_line *line_of(const struct showing *s, const char *name,
                                         const char *profile)
{
    const struct config_line *found = NULL;
    size_t i;

    for (i = 0; i < s->file.count; i++) {
        const struct config_line *line = &s->file.lines[i];
        bool here =
            profile ? line->profile && strcmp(line->profile, profile) == 0 : !line->profile;

        if (here && line->key && strcmp(line->key, name) == 0)
            found = line;
    }
    return found;
}

/* The value of the environment, and the variable's name; NULL: none is set. */
static const char *variable_of(const struct opt *opt, char name[OPT_VARIABLE_MAX])
{
    const char *value = opt->config_only ? NULL : getenv(opt_variable(name, opt->name));

    if (opt->config_only && strcmp(opt->name, "api-key") == 0) {
        (void)snprintf(name, OPT_VARIABLE_MAX, "SKYVERN_API_KEY");
        value = getenv(name);
    } else if (!value && opt->env) {
        (void)snprintf(name, OPT_VARIABLE_MAX, "%s", opt->env);
        value = getenv(name);
    }
    return value && *value ? value : NULL;
}

/* The value that an option has without any setting; NULL: none. */
static const char *default_of(const struct command *command, const struct opt_group *group,
                              const struct opt *opt, char *out, size_t size)
{
    const char *base = command->defaults;
    const void *at;
    const char *text;
    uint64_t number;

    if (!base)
        return NULL;
    at = base + group->base + opt->at;
    switch (opt->type) {
    case OPT_FLAG:
        return *(const bool *)at ? "yes" : "no";
    case OPT_TEXT:
        memcpy(&text, at, sizeof(text));
        return text;
    case OPT_CHOICE:
        return opt->choices[*(const unsigned *)at];
    case OPT_MODE:
        (void)snprintf(out, size, "%04o", *(const unsigned *)at);
        return out;
    case OPT_NUMBER:
    case OPT_SIZE:
    case OPT_DURATION:
        memcpy(&number, at, sizeof(number));
        if (!number)
            return NULL;
        if (opt->type == OPT_NUMBER)
            (void)snprintf(out, size, "%llu", (unsigned long long)number);
        else if (opt->type == OPT_SIZE)
            (void)text_size(out, number);
        else
            (void)snprintf(out, size, "%llu%s",
                           (unsigned long long)(number % 1000 ? number : number / 1000),
                           number % 1000 ? "ms" : "s");
        return out;
    case OPT_COUNT:
    case OPT_LIST:
    case OPT_WORDS:
    case OPT_WHEN:
        break;
    }
    return NULL;
}

/* The source of an option's value. */
static enum opt_source source_of(const struct showing *s, const char *name)
{
    char variable[OPT_VARIABLE_MAX];
    const struct opt *opt = dispatch_option(name);

    if (s->profile && line_of(s, name, s->profile))
        return OPT_PROFILE;
    if (opt && variable_of(opt, variable))
        return OPT_ENVIRONMENT;
    return line_of(s, name, NULL) ? OPT_CONFIG : OPT_DEFAULT;
}

/*
 * If "api-key" and "api-key-file" are both set, only one is used (cmdutil/session). Returns the
 * one that is used instead of name; NULL: name is used, or is another option.
 */
static const char *counts_instead(const struct showing *s, const char *name)
{
    enum opt_source key = source_of(s, "api-key");
    enum opt_source file = source_of(s, "api-key-file");

    if (key == OPT_DEFAULT || file == OPT_DEFAULT)
        return NULL;
    if (file >= key)
        return strcmp(name, "api-key") == 0 ? "api-key-file" : NULL;
    return strcmp(name, "api-key-file") == 0 ? "api-key" : NULL;
}

static int show_option(struct showing *s, const struct opt_group *group, const struct opt *opt,
                       struct err *err)
{
    const struct config_line *own = s->profile ? line_of(s, opt->name, s->profile) : NULL;
    const struct config_line *line = own ? own : line_of(s, opt->name, NULL);
    char name[OPT_VARIABLE_MAX] = "";
    char source[SHOWN_MAX] = "default";
    char number[64];
    const char *value = own ? NULL : variable_of(opt, name);

    if (value) {
        (void)snprintf(source, sizeof(source), "environment, %s", name);
    } else if (line) {
        value = line->value;
        (void)snprintf(source, sizeof(source), "%s, line %u%s%s%s", s->file.path, line->number,
                       own ? " [" : "", own ? s->profile : "", own ? "]" : "");
    } else if (!s->command) {
        return 0;
    } else {
        value = default_of(s->command, group, opt, number, sizeof(number));
    }
    if (value && strcmp(opt->name, "api-key") == 0)
        value = "***";
    return print(s, opt->name, value, source, counts_instead(s, opt->name), err);
}

/* Whether an earlier command has an option of this name. */
static bool is_shown(const struct command *const *commands, size_t n, const char *name)
{
    struct opt_group groups[DISPATCH_GROUPS];
    size_t i;

    for (i = 0; i < n; i++) {
        dispatch_groups(commands[i], groups);
        if (opt_known(groups, name))
            return true;
    }
    return false;
}

static int show_command(struct showing *s, size_t n, struct err *err)
{
    const struct command *const *commands = dispatch_commands();
    struct opt_group groups[DISPATCH_GROUPS];
    const struct opt_group *group;
    const struct opt *opt;
    int rc = 0;

    dispatch_groups(commands[n], groups);
    for (group = groups; rc == 0 && group->title; group++) {
        for (opt = group->opts; rc == 0 && opt->name; opt++) {
            if (strcmp(opt->name, "help") == 0 || strcmp(opt->name, "profile") == 0 ||
                (!s->command && is_shown(commands, n, opt->name)))
                continue;
            rc = show_option(s, group, opt, err);
        }
    }
    return rc;
}

static int show(struct showing *s, bool json, struct err *err)
{
    const struct command *const *commands = dispatch_commands();
    struct jsonw *w = json ? mem_new(sizeof(*w), err) : NULL;
    size_t i;
    int rc = json && !w ? -1 : 0;

    if (w) {
        jsonw_init(w, api_client_put, NULL);
        jsonw_object(w, NULL, JSONW_LINES);
        jsonw_text(w, "file", s->file.path);
        jsonw_text(w, "profile", s->profile);
        jsonw_array(w, "options", JSONW_LINES);
    } else if (s->file.path) {
        (void)printf("file: %s%s%s%s\n", s->file.path,
                     s->file.count ? "" : " (not there, or empty)",
                     s->profile ? ", profile " : "", s->profile ? s->profile : "");
    }
    s->json = w;
    for (i = 0; rc == 0 && commands[i]; i++) {
        if (!s->command || s->command == commands[i])
            rc = show_command(s, i, err);
    }
    if (rc == 0 && w) {
        jsonw_close(w);
        jsonw_close(w);
        rc = jsonw_end(w, err);
    } else if (rc == 0) {
        table_print(&s->table, stdout);
    }
    mem_free(w);
    return rc;
}

static int config_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct config_args *args = args_in;
    struct showing s = { .profile = args->common.profile };
    struct command_args ignored = { 0 };
    int rc = 0;

    if (count < 1 || count > 2 || strcmp(operands[0], "show") != 0)
        return err_set(err, ERR_USAGE, "expected 'show', and perhaps the name of a command");
    if (count > 1) {
        s.command = dispatch_find(operands[1], err);
        rc = s.command ? 0 : -1;
    }
    s.region = region_new(err);
    if (rc == 0)
        rc = s.region ? table_init(&s.table, columns, err) : -1;
    if (rc == 0)
        rc = config_load(&s.file, config_groups, &ignored, dispatch_has_option, NULL, err);
    if (rc == 0)
        rc = show(&s, args->common.json, err);
    table_clear(&s.table);
    region_free(s.region);
    config_clear(&s.file);
    return rc < 0 ? -1 : EXIT_DONE;
}

const struct command cmd_config = {
    .name = "config",
    .args = "show [COMMAND]",
    .section = COMMAND_SETUP,
    .brief = "show the settings, and where each comes from",
    .about =
        "Prints the options that the environment or the configuration file set, with their "
        "values and where each comes from; of one command, all its options. The command line "
        "overrides the profile (--profile), the profile overrides the environment, and the "
        "environment overrides the rest of the file. The API key is not shown.",
    .examples = "skyarc config show\n"
                "skyarc config show --profile acme pull\n",
    .exits = "0    shown\n"
             "1    failed\n",
    .groups = config_groups,
    .size = sizeof(struct config_args),
    .defaults = &config_defaults,
    .run = config_main,
};
