/* SPDX-License-Identifier: MIT */
/*
 * entry_names: names the entries of an archive; no two names are equal or differ only in case.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     the paths that it returns, until entry_names_free
 * Threads  any: the thread that makes the plan, and the packer
 * Source   docs/archive-format.md, "Names"
 */
#ifndef WRITER_ENTRY_NAMES_H
#define WRITER_ENTRY_NAMES_H

#include "base/err.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct entry_names;
struct pagefile;

/* Make an empty set of names, for tests; NULL with ERR_MEMORY. */
struct entry_names *entry_names_new(struct err *err) MUST_CHECK;

/* The same with its paths on a page file, which must outlive it (NULL: in memory). */
struct entry_names *entry_names_on(struct pagefile *file, struct err *err) MUST_CHECK;

/* Free it with all paths; may be NULL. */
void entry_names_free(struct entry_names *names);

/*
 * Give an item a path below the top directory.
 *
 * head     its first bytes (for the extension), or NULL if they are unknown
 * returns  the path, or NULL
 */
const char *entry_names_give(struct entry_names *names, const struct item *item,
                             const void *head, size_t len, struct err *err) MUST_CHECK;

/* Whether a path is free. */
bool entry_names_is_free(struct entry_names *names, const char *path);

/* Take a path that is free; returns the stored path, or NULL. */
const char *entry_names_take(struct entry_names *names, const char *path,
                             struct err *err) MUST_CHECK;

#endif
