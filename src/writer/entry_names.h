/* SPDX-License-Identifier: MIT */
/*
 * entry_names: what the entries of an archive are called; no two names are the same, also when
 * only the case differs.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     the paths that it gives, until entry_names_free
 * Threads  one at a time: who makes the plan, then the packer until it is joined
 * Source   docs/archive-format.md, "Names"
 */
#ifndef WRITER_ENTRY_NAMES_H
#define WRITER_ENTRY_NAMES_H

#include "base/err.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct entry_names;

/* No names yet; NULL with ERR_MEMORY. */
struct entry_names *entry_names_new(struct err *err) MUST_CHECK;

/* Free it with all paths; NULL is fine. */
void entry_names_free(struct entry_names *names);

/*
 * Give an item a path below the top directory.
 *
 * head     its first bytes (for the extension), or NULL when they are not known
 * returns  the path, or NULL
 */
const char *entry_names_give(struct entry_names *names, const struct item *item,
                             const void *head, size_t len, struct err *err) MUST_CHECK;

/* Whether nothing has this path. */
bool entry_names_is_free(struct entry_names *names, const char *path);

/* Take a path that is free; gives it as it is to be kept, or NULL. */
const char *entry_names_take(struct entry_names *names, const char *path,
                             struct err *err) MUST_CHECK;

#endif
