/* SPDX-License-Identifier: MIT */
/*
 * timeline: which runs and tasks the timeline of a run names.
 *
 * The timeline lists blocks and thoughts, blocks within blocks. A block names the workflow run
 * that it is part of; where that is another run than the one asked for, it is a run that the
 * one asked for has started, and no other list names it.
 *
 * Pure. The nesting is bounded by JSON_DEPTH_MAX, the lists by TIMELINE_MAX.
 *
 * Errors   ERR_FORMAT for what is no timeline, ERR_MEMORY
 * Owns     a timeline owns its texts, until timeline_clear
 * Threads  any
 * Source   docs/api.md, "Records"
 */
#ifndef API_TIMELINE_H
#define API_TIMELINE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

#define TIMELINE_MAX 1000 /* runs, and tasks, that are taken from one timeline */

struct timeline {
    struct region *region;
    const char **children; /* workflow runs that the run has started, each once */
    size_t child_count;
    const char **tasks; /* tasks of the run's own blocks, each once */
    size_t task_count;
    bool cut; /* there are more */
};

/* Read the timeline of a run with these names (other NULL: it has one). timeline must be {0}.
 */
int timeline_parse(struct timeline *timeline, const char *json, size_t len, const char *id,
                   const char *other, struct err *err) MUST_CHECK;

/*
 * The other name of a run, as far as its timeline tells: its thoughts name both, and when all
 * outermost blocks of a task are of one workflow run, it is that one.
 *
 * returns  in *other a copy in the region, or NULL
 */
int timeline_other(const char **other, const char *json, size_t len, const char *id,
                   struct region *region, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void timeline_clear(struct timeline *timeline);

#endif
