/* SPDX-License-Identifier: MIT */
/*
 * idlist: run IDs from operands and files, checked before any request.
 *
 * Errors   ERR_USAGE for a malformed ID; ERR_SYSTEM for a file
 * Owns     its IDs, until idlist_clear
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
 * Add a run ID, or the one in the address of a run's page ("https://HOST/runs/ID"), unless it
 * is there. where: what to say of a bad one ("argument 3").
 */
int idlist_add(struct idlist *list, const char *text, const char *where,
               struct err *err) MUST_CHECK;

/* Add those in a file ("-": standard input): one a line, # begins a comment. */
int idlist_load(struct idlist *list, const char *path, struct err *err) MUST_CHECK;

/*
 * Collect the run IDs of a command: its operands, then those in its files. ERR_USAGE when there
 * are neither operands nor files; files without an ID leave the list empty, which is said.
 */
int idlist_collect(struct idlist *list, int count, char *const *operands,
                   const struct opt_list *files, struct err *err) MUST_CHECK;

/* Free a list of IDs; may be called twice. */
void idlist_clear(struct idlist *list);

#endif
