/* SPDX-License-Identifier: MIT */
/*
 * timeline: the runs and tasks named in a run's timeline.
 *
 * The timeline lists blocks, which may be nested, and thoughts. A block names the workflow run
 * that it belongs to. If that is another run, it was started by this run (a child), and no
 * other list names it.
 *
 * Pure. The nesting is bounded by JSON_DEPTH_MAX, the lists by TIMELINE_MAX.
 *
 * Errors   ERR_FORMAT for a malformed timeline, ERR_MEMORY
 * Owns     a timeline owns its strings, until timeline_clear
 * Threads  any
 * Source   docs/api.md, "Records"
 */
#ifndef API_TIMELINE_H
#define API_TIMELINE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

#define TIMELINE_MAX 1000 /* maximum number of runs, and of tasks, from one timeline */

struct timeline {
    struct region *region;
    const char **children; /* workflow runs started by this run, without duplicates */
    size_t child_count;
    const char **tasks; /* tasks of the run's own blocks, without duplicates */
    size_t task_count;
    bool cut; /* TIMELINE_MAX was exceeded */
};

/*
 * Parse a run's timeline. timeline must be {0}; id and other (may be NULL) are the run's names.
 */
int timeline_parse(struct timeline *timeline, const char *json, size_t len, const char *id,
                   const char *other, struct err *err) MUST_CHECK;

/*
 * Find a run's other name in its timeline: thoughts name both, and if all outermost blocks of a
 * task belong to one workflow run, that run is the other name.
 *
 * returns  in *other: a copy in the region, or NULL
 */
int timeline_other(const char **other, const char *json, size_t len, const char *id,
                   struct region *region, struct err *err) MUST_CHECK;

/* Free the timeline; may be called twice, and on {0}. */
void timeline_clear(struct timeline *timeline);

#endif
