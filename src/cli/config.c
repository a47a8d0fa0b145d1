/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20)
#define LINES_MAX  CONFIG_MAX

/* The path of the configuration file; NULL if neither XDG_CONFIG_HOME nor HOME is set. */
static char *where(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (xdg && *xdg == '/')
        return mem_format(NULL, "%s/skyarc/config", xdg);
    return home && *home ? mem_format(NULL, "%s/.config/skyarc/config", home) : NULL;
}

/* Strip leading and trailing white space, in place. */
static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* Read one line, which is split in place; *profile is the profile that it is in. */
static int read_line(struct config *config, char *text, unsigned number, const char **profile,
                     struct err *err)
{
    struct config_line line = { .number = number };
    char *value;
    char *key = trim(text);
    size_t len = strlen(key);

    if (!*key || *key == '#')
        return 0;
    if (*key == '[') {
        if (len < 3 || key[len - 1] != ']' || strcspn(key + 1, "[]") != len - 2)
            return err_set(err, ERR_USAGE, "expected '[PROFILE]'");
        key[len - 1] = '\0';
        *profile = trim(key + 1);
    } else {
        value = strchr(key, '=');
        if (!value)
            return err_set(err, ERR_USAGE, "expected 'key = value'");
        *value++ = '\0';
        line.key = trim(key);
        line.value = trim(value);
    }
    line.profile = *profile;
    if (mem_room(&config->lines, &config->cap, config->count, sizeof(line), LINES_MAX, err) < 0)
        return -1;
    config->lines[config->count++] = line;
    return 0;
}

/* Set the option of a line. */
static int apply(const struct config_line *line, enum opt_source source,
                 const struct opt_group *groups, void *args, struct err *err)
{
    if (!opt_set(groups, args, line->key, line->value, source, err))
        return 0;
    return err->kind ? -1 : 0;
}

/* Whether a line sets "api-key" (and not "api-key-file"). */
static bool holds_key(const char *line)
{
    return strncmp(line, "api-key", 7) == 0 && line[7] != '-';
}

int config_parse(struct config *config, const char *name, const struct opt_group *groups,
                 void *args, bool (*elsewhere)(const void *ctx, const char *name),
                 const void *ctx, struct err *err)
{
    char *line = config->text.data;
    const char *profile = NULL;
    char *next;
    unsigned n = 0;
    size_t i;

    config->secret = false;
    if (line && strlen(line) != config->text.len) /* text after a NUL byte would be ignored */
        return err_set(err, ERR_USAGE, "'%s' contains a NUL byte", name);
    for (; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        n++;
        config->secret = config->secret || holds_key(trim(line));
        if (read_line(config, line, n, &profile, err) < 0)
            return err_wrap(err, "'%s', line %u", name, n);
    }
    for (i = 0; i < config->count; i++) {
        const struct config_line *at = &config->lines[i];
        int rc = 0;

        if (at->key && !opt_known(groups, at->key) && !elsewhere(ctx, at->key))
            rc = err_set(err, ERR_USAGE, "'%.100s' is not an option", at->key);
        else if (at->key && !at->profile)
            rc = apply(at, OPT_CONFIG, groups, args, err);
        if (rc < 0)
            return err_wrap(err, "'%s', line %u", name, at->number);
    }
    return 0;
}

int config_profile(const struct config *config, const char *profile,
                   const struct opt_group *groups, void *args, struct err *err)
{
    const char *name = config->path ? config->path : "~/.config/skyarc/config";
    bool found = false;
    size_t i;

    for (i = 0; i < config->count; i++) {
        const struct config_line *line = &config->lines[i];

        if (!line->profile || strcmp(line->profile, profile) != 0)
            continue;
        found = true;
        if (line->key && apply(line, OPT_PROFILE, groups, args, err) < 0)
            return err_wrap(err, "'%s', line %u", name, line->number);
    }
    return found ? 0 : err_set(err, ERR_USAGE, "'%s' has no profile [%.100s]", name, profile);
}

int config_load(struct config *config, const struct opt_group *groups, void *args,
                bool (*elsewhere)(const void *ctx, const char *name), const void *ctx,
                struct err *err)
{
    char *path = config->path = where();
    int rc = 0;

    buf_init(&config->text, CONFIG_MAX);
    err_clear(err);
    if (!path)
        return 0;
    /* no handlers are installed yet: a signal ends the program */
    if (file_load(path, stop_never(), &config->text, err) == 0) {
        rc = config_parse(config, path, groups, args, elsewhere, ctx, err);
        if (rc == 0 && config->secret && file_shared(path))
            log_line(
                LOG_WARNING,
                "'%s' contains an API key and other users may read it; run chmod 600 on it",
                path);
    } else if (err->os == ENOENT || err->os == ENOTDIR) {
        err_clear(err);
    } else {
        rc = -1;
    }
    return rc;
}

void config_clear(struct config *config)
{
    if (config->text.data)
        explicit_bzero(config->text.data, config->text.cap); /* the text may have the API key */
    buf_clear(&config->text);
    mem_free(config->lines);
    mem_free(config->path);
    *config = (struct config){ .secret = false };
}
