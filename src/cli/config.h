/* SPDX-License-Identifier: MIT */
/*
 * config: the configuration file, "key = value" with the options' own names.
 *
 * Lines that begin with # are comments. A key of no command's option is an error that
 * names file and line.
 *
 * Errors   ERR_USAGE, ERR_SYSTEM; a file that is not there is none
 * Owns     the file's text, until config_clear: options point into it
 * Threads  one, at the start
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/opt.h"

#include <stdbool.h>

struct config {
    struct buf text;
    bool secret; /* it holds the key */
};

/*
 * Read $XDG_CONFIG_HOME/skyarc/config (or ~/.config/...) into args. config must be {0}.
 *
 * elsewhere   whether another command has an option of this name: then the key is for that one
 */
int config_load(struct config *config, const struct opt_group *groups, void *args,
                bool (*elsewhere)(const void *ctx, const char *name), const void *ctx,
                struct err *err) MUST_CHECK;

/* The same of a text that is there already; name is the file's, for messages. */
int config_parse(struct config *config, const char *name, const struct opt_group *groups,
                 void *args, bool (*elsewhere)(const void *ctx, const char *name),
                 const void *ctx, struct err *err) MUST_CHECK;

/* Wipe and release; may be called twice, and on {0}. */
void config_clear(struct config *config);

#endif
