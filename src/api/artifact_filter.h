/* SPDX-License-Identifier: MIT */
/*
 * artifact_filter: which artifacts are wanted, by type, name, step, size and time.
 *
 * One filter serves for the service's lists and for the rows of a manifest: the caller gives
 * the facts of an artifact. All conditions must hold; several names or steps are alternatives.
 *
 * Where a fact is unknown, the filter must not lose data: an artifact of unknown size passes
 * the limits of size, and one of unknown time the limits of time. An artifact that belongs to
 * no step does not pass a condition on steps.
 *
 * Units    bytes; microseconds since 1970
 * Errors   ERR_USAGE for a malformed name or step; ERR_MEMORY
 * Owns     its types, names and steps, until artifact_filter_clear
 * Threads  many may match at a time
 * Source   docs/archive-format.md, "The manifest" (request.filter)
 */
#ifndef API_ARTIFACT_FILTER_H
#define API_ARTIFACT_FILTER_H

#include "api/artifact.h"
#include "api/kind.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits, so that a filter fits in one row of the manifest. */
#define ARTIFACT_FILTER_MAX      400 /* names, and steps */
#define ARTIFACT_FILTER_NAME_MAX 255
#define ARTIFACT_FILTER_STEP_MAX 128

/* {0} accepts everything. */
struct artifact_filter {
    struct kind_filter kinds;
    char **names; /* shell patterns for the name; none: all */
    size_t name_count;
    char **steps; /* step IDs, or order numbers; none: all */
    size_t step_count;
    bool larger;  /* larger_than is set */
    bool smaller; /* smaller_than is set */
    bool newer;   /* newer_us is set */
    bool older;   /* older_us is set */
    uint64_t larger_than;
    uint64_t smaller_than;
    int64_t newer_us;       /* created at this time or after it */
    int64_t older_us;       /* created before this time */
    const char *newer_said; /* the times as the user gave them, or NULL; borrowed */
    const char *older_said;
    struct region *region; /* owns names and steps; NULL: they are borrowed */
};

/* The values that a filter compares; NULL where unknown. */
struct artifact_facts {
    const char *type;
    const char *name;       /* a path, of which the last part is the name */
    const char *other_name; /* a second name, or NULL: one of the two must match */
    const char *step_id;
    const char *uri;
    const char *created_at;
    uint64_t size; /* if sized */
    bool sized;
};

/* Add a shell pattern for names. */
int artifact_filter_name(struct artifact_filter *filter, const char *pattern,
                         struct err *err) MUST_CHECK;

/* Add a comma-separated list of step IDs and order numbers ("0,2,stp_123"). */
int artifact_filter_steps(struct artifact_filter *filter, const char *list,
                          struct err *err) MUST_CHECK;

/* Whether names and steps are within the limits: those of a manifest may not be. */
bool artifact_filter_within(const struct artifact_filter *filter);

/* Whether a filter has any condition. */
bool artifact_filter_narrows(const struct artifact_filter *filter);

/* Whether a filter has a condition other than excluded types: each run should then have
 * something that passes. */
bool artifact_filter_asks(const struct artifact_filter *filter);

/* Whether a filter has a condition other than those of types. */
bool artifact_filter_has_more(const struct artifact_filter *filter);

/* Whether a filter accepts an artifact. */
bool artifact_filter_match(const struct artifact_filter *filter,
                           const struct artifact_facts *facts);

/* The name of an artifact of a list, as a path: that of the downloaded file, that in its ZIP,
 * or its URI, else its ID. */
const char *artifact_filter_name_of(const struct artifact *artifact);

/* Whether a filter accepts an artifact of a list: the name of a downloaded file matches, or
 * that of its object. Names that only the run's record has must have been added (extras_add).
 */
bool artifact_filter_listed(const struct artifact_filter *filter,
                            const struct artifact *artifact);

/* Free what a filter owns; may be called twice. */
void artifact_filter_clear(struct artifact_filter *filter);

#endif
