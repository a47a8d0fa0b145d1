/* SPDX-License-Identifier: MIT */
/*
 * kind: the artifact types that Skyvern has, their groups and extensions, and
 * choosing among them.
 *
 * Errors   ERR_USAGE for what cannot be a type; ERR_MEMORY
 * Owns     a filter owns its names
 * Threads  any
 * Source   docs/api.md, "Artifact types"
 */
#ifndef API_KIND_H
#define API_KIND_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct kind {
    const char *type;
    const char *group;
    const char *ext; /* without the dot; NULL: only its name or content shows it */
};

/* All known types, in the order of the API's documentation; ends with a NULL type. */
extern const struct kind kinds[];

/* The known type of a name, or NULL. */
const struct kind *kind_find(const char *type);

struct kind_filter {
    char **wanted; /* types; none: all */
    size_t wanted_count;
    char **unwanted;
    size_t unwanted_count;
    bool unknown; /* some wanted type is none of ours: the server may refuse it */
};

/*
 * Add a comma list of types and groups ("recordings,html"; "all").
 *
 * unwanted   exclude them instead
 * stranger   gets the first name that is neither, or NULL; it counts as a type
 *            that is newer than this program. Lent until kind_filter_clear
 */
int kind_filter_add(struct kind_filter *filter, const char *list, bool unwanted,
                    const char **stranger, struct err *err) MUST_CHECK;

/* Whether artifacts of this type (NULL: none given) pass. */
bool kind_filter_match(const struct kind_filter *filter, const char *type);

/* The known type or group nearest to a name, or NULL when none is near. */
const char *kind_nearest(const char *name);

/* Free a filter's types; may be called twice. */
void kind_filter_clear(struct kind_filter *filter);

#endif
