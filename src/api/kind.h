/* SPDX-License-Identifier: MIT */
/*
 * kind: Skyvern's artifact types with their groups and file extensions, and filters by type.
 *
 * Errors   ERR_USAGE for a malformed type; ERR_MEMORY
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
    const char *ext; /* without the dot; NULL: depends on name or content */
};

/* All known types, in the order of the API's documentation; the last entry's type is NULL. */
extern const struct kind kinds[];

/* Find a type by its name; NULL if it is unknown. */
const struct kind *kind_find(const char *type);

/* Whether a type (NULL: unknown) is that of the ZIPs that hold other artifacts. */
bool kind_is_bundle(const struct kind *kind);

struct kind_filter {
    char **wanted; /* types to include; none: all */
    size_t wanted_count;
    char **unwanted;
    size_t unwanted_count;
    bool unknown;         /* wanted has a type that this program does not know */
    bool all;             /* "all" is wanted: wanted stays empty */
    char **unknown_types; /* the names that this program does not know, of either kind */
    size_t unknown_count;
};

/*
 * Add a comma-separated list of types and groups ("recordings,html") to a filter; "all" is
 * every type, also one that this program does not know.
 *
 * unwanted      exclude these types instead
 * unknown_name  gets the first unknown name, or NULL; an unknown name is taken for a type newer
 *               than this program. Valid until kind_filter_clear
 */
int kind_filter_add(struct kind_filter *filter, const char *list, bool unwanted,
                    const char **unknown_name, struct err *err) MUST_CHECK;

/* Whether a filter has any condition. */
bool kind_filter_narrows(const struct kind_filter *filter);

/* Whether a filter accepts artifacts of this type (NULL: without a type). */
bool kind_filter_match(const struct kind_filter *filter, const char *type);

/*
 * The known type or group with the most similar name, for suggestions; NULL: none is similar.
 */
const char *kind_nearest(const char *name);

/* Free a filter's types; may be called twice. */
void kind_filter_clear(struct kind_filter *filter);

#endif
