/* SPDX-License-Identifier: MIT */
/*
 * planner: makes the plan of the artifacts to fetch from the lists of all runs.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     nothing; the plan borrows from the listing
 * Threads  one, before other threads use the plan
 */
#ifndef PULL_PLANNER_H
#define PULL_PLANNER_H

#include "api/artifact_filter.h"
#include "base/err.h"
#include "client/listing.h"
#include "writer/entry_names.h"
#include "writer/entry_writer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct planner_opts {
    struct entry_names *names;
    struct listing *listing; /* gets the rows that only records name */
    const struct artifact_filter *filter;
    bool must_match; /* see planner_check */
    bool dedupe;
    enum bundle_mode bundles;
    /* whether to skip an artifact, or planner_skips_none */
    bool (*skip)(void *ctx, const char *run_id, const struct artifact *artifact);
    void *ctx;
};

struct planner_count {
    size_t listed;  /* items that are not only fetched to be unpacked */
    uint64_t bytes; /* bytes to be fetched, as far as sizes are known */
    size_t unsized; /* items to be fetched whose size is not known */
};

/* Skips nothing. */
bool planner_skips_none(void *ctx, const char *run_id, const struct artifact *artifact);

/* One line of --dry-run; valid during the call. */
struct pull_planned {
    const char *run_id;
    const char *artifact_id;
    const char *artifact_type;
    const char *path;
    const char *same_as; /* path of the identical item, or NULL */
    uint64_t size;       /* set if sized */
    bool sized;
    const char *record; /* for a record of the run, its name; NULL for an artifact */
};

/*
 * Make the plan of a pull from its lists: which artifacts are wanted, under which names.
 * *count gets the number of skipped artifacts. The caller frees the plan with plan_free;
 * NULL with an error.
 */
struct plan *planner_plan(const struct planner_opts *opts, struct planner_count *count,
                          struct err *err) MUST_CHECK;

/*
 * Exclude the bytes of items that are packed already from the expected bytes; packed: by the
 * plan's index.
 */
void planner_subtract(const struct plan *plan, const struct packed *packed,
                      struct planner_count *count);

/*
 * Count the requested runs of which the filter, children included, accepts nothing, and log
 * what they have instead; ERR_NOT_FOUND if the filter accepts nothing at all. Without a filter
 * the count is 0.
 */
int planner_check(const struct planner_opts *opts, const struct plan *plan, size_t *unmatched,
                  struct err *err) MUST_CHECK;

/*
 * The number of runs, at least one requested run with its children, whose artifacts have at
 * most `most` bytes together; an artifact without a size counts as one of typical size.
 */
size_t planner_fit(const struct planner_opts *opts, uint64_t most);

/* Report what would be fetched: artifacts, then records. Names each artifact. */
int planner_tell(const struct planner_opts *opts, struct plan *plan,
                 void (*planned)(void *ctx, const struct pull_planned *planned), void *ctx,
                 struct err *err) MUST_CHECK;

/* Whether a row is a ZIP that other rows may be members of. */
bool planner_is_zip(const struct artifact *a);

#endif
