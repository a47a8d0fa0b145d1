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

static int read_line(char *line, const struct opt_group *groups, void *args,
                     bool (*elsewhere)(const void *ctx, const char *name), const void *ctx,
                     struct err *err)
{
    char *value;
    char *key = trim(line);

    if (!*key || *key == '#')
        return 0;
    value = strchr(key, '=');
    if (!value)
        return err_set(err, ERR_USAGE, "expected 'key = value'");
    *value++ = '\0';
    key = trim(key);
    if (!opt_set(groups, args, key, trim(value), OPT_CONFIG, err))
        return elsewhere(ctx, key) ? 0
                                   : err_set(err, ERR_USAGE, "'%.100s' is not an option", key);
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
    char *next;
    unsigned n = 0;

    config->secret = false;
    if (line && strlen(line) != config->text.len) /* text behind a NUL byte would be ignored */
        return err_set(err, ERR_USAGE, "'%s' contains a NUL byte", name);
    for (; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        n++;
        config->secret = config->secret || holds_key(trim(line));
        if (read_line(line, groups, args, elsewhere, ctx, err) < 0)
            return err_wrap(err, "'%s', line %u", name, n);
    }
    return 0;
}

int config_load(struct config *config, const struct opt_group *groups, void *args,
                bool (*elsewhere)(const void *ctx, const char *name), const void *ctx,
                struct err *err)
{
    char *path = where();
    int rc = 0;

    buf_init(&config->text, CONFIG_MAX);
    err_clear(err);
    if (!path)
        return 0;
    if (file_load(path, &config->text, err) == 0) {
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
    mem_free(path);
    return rc;
}

void config_clear(struct config *config)
{
    if (config->text.data)
        explicit_bzero(config->text.data, config->text.cap); /* the text may have the API key */
    buf_clear(&config->text);
}
