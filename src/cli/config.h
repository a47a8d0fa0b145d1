/* SPDX-License-Identifier: MIT */
/*
 * config: the configuration file, lines of "key = value" with the option names as keys.
 *
 * Lines that begin with # are comments. A line [NAME] begins a profile: the keys after it are
 * used only if the profile is chosen. A key that is no command's option is an error, in any
 * profile; the message names the file and the line.
 *
 * Errors   ERR_USAGE, ERR_SYSTEM; a missing file is not an error
 * Owns     the file's text until config_clear: option values point into the text
 * Threads  one, at the start
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/opt.h"

#include <stdbool.h>
#include <stddef.h>

/* A line of the file. */
struct config_line {
    const char *profile; /* NULL: before the first profile */
    const char *key;     /* NULL: the line that begins the profile */
    const char *value;
    unsigned number;
};

struct config {
    struct buf text;
    bool secret; /* the text contains an API key */
    char *path;  /* NULL: neither XDG_CONFIG_HOME nor HOME is set */
    struct config_line *lines;
    size_t count;
    size_t cap;
};

/*
 * Read $XDG_CONFIG_HOME/skyarc/config (or ~/.config/skyarc/config), and set the options of
 * the lines before the first profile. config must be {0}.
 *
 * elsewhere   whether another command has an option of this name; such a key is ignored
 */
int config_load(struct config *config, const struct opt_group *groups, void *args,
                bool (*elsewhere)(const void *ctx, const char *name), const void *ctx,
                struct err *err) MUST_CHECK;

/* Parse config->text, which is already loaded, as config_load does. name: the file's name
 * for messages. */
int config_parse(struct config *config, const char *name, const struct opt_group *groups,
                 void *args, bool (*elsewhere)(const void *ctx, const char *name),
                 const void *ctx, struct err *err) MUST_CHECK;

/* Set the options of a profile, in place of those set before; ERR_USAGE if the file has no such
 * profile. */
int config_profile(const struct config *config, const char *profile,
                   const struct opt_group *groups, void *args, struct err *err) MUST_CHECK;

/* Wipe and release the text; may be called twice, and on {0}. */
void config_clear(struct config *config);

#endif
