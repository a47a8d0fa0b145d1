/* SPDX-License-Identifier: MIT */
/*
 * idlist: run IDs from operands and files, validated before any request.
 *
 * Errors   ERR_USAGE for a malformed ID; ERR_SYSTEM for a file
 * Owns     the IDs, until idlist_clear
 * Threads  one
 */
#ifndef CMDUTIL_IDLIST_H
#define CMDUTIL_IDLIST_H

#include "base/err.h"
#include "cli/opt.h"

#include <stddef.h>

struct idlist {
    char **ids;
    size_t count;
    size_t cap;
};

/*
 * Add a run ID, or the one in the URL of a run's page ("https://HOST/runs/ID", or without the
 * scheme), unless the list has it. where: the ID's origin for messages ("argument 3").
 */
int idlist_add(struct idlist *list, const char *text, const char *where,
               struct err *err) MUST_CHECK;

/* Add the IDs, or URLs, that the option --run was given. */
int idlist_option(struct idlist *list, const struct opt_list *option,
                  struct err *err) MUST_CHECK;

/* Add the IDs in a file ("-": standard input), one per line; # starts a comment. */
int idlist_load(struct idlist *list, const char *path, struct err *err) MUST_CHECK;

/*
 * Collect a command's IDs: operands, then files. ERR_USAGE if there are neither operands nor
 * files; files without any ID leave the list empty, with a warning.
 */
int idlist_collect(struct idlist *list, int count, char *const *operands,
                   const struct opt_list *files, struct err *err) MUST_CHECK;

/* Free the IDs; may be called twice. */
void idlist_clear(struct idlist *list);

#endif
