/* SPDX-License-Identifier: MIT */
/*
 * planner: from the lists of all runs to the plan of what is fetched.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     nothing; the plan borrows from the listing
 * Threads  one, before others know of the plan
 */
#ifndef PULL_PLANNER_H
#define PULL_PLANNER_H

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
    struct listing *listing; /* gets the rows that records name beside it */
    const struct kind_filter *filter;
    bool must_match; /* see planner_check */
    bool dedupe;
    enum bundle_mode bundles;
    bool (*skip)(void *ctx, const char *run_id,
                 const char *artifact_id); /* whether to leave it out, or planner_skips_none */
    void *ctx;
};

struct planner_count {
    size_t listed;  /* items that are not only there to be taken apart */
    uint64_t bytes; /* to be fetched, as far as sizes are known */
    size_t unsized; /* items to be fetched whose size is not known */
};

/* Skips nothing. */
bool planner_skips_none(void *ctx, const char *run_id, const char *artifact_id);

/* One line of --dry-run; lent for the call. */
struct pull_planned {
    const char *run_id;
    const char *artifact_id;
    const char *artifact_type;
    const char *path;
    const char *same_as; /* path of what it is the same as, or NULL */
    uint64_t size;       /* when sized */
    bool sized;
    const char *record; /* it is no artifact, but this record of the run; else NULL */
};

/*
 * Make the plan of a pull from its lists: which artifacts are wanted, under which names.
 * *count gets how many were left out. The plan is the caller's, to be freed with plan_free;
 * NULL with an error.
 */
struct plan *planner_plan(const struct planner_opts *opts, struct planner_count *count,
                          struct err *err) MUST_CHECK;

/* Do not expect the bytes of what is packed already; packed: by the plan's index. */
void planner_subtract(const struct plan *plan, const struct packed *packed,
                      struct planner_count *count);

/*
 * Count the requested runs of which, with their children, the filter accepts nothing, and log
 * what they have instead; ERR_NOT_FOUND if it accepts nothing at all. Without a filter there
 * are none.
 */
int planner_check(const struct planner_opts *opts, const struct plan *plan, size_t *unmatched,
                  struct err *err) MUST_CHECK;

/* How many runs, at least one asked for and its children, have artifacts of most bytes
 * together; what says no size counts as a usual one. */
size_t planner_fit(const struct planner_opts *opts, uint64_t most);

/* Tell what would be fetched: artifacts, then records. Gives each artifact its name. */
int planner_tell(const struct planner_opts *opts, struct plan *plan,
                 void (*planned)(void *ctx, const struct pull_planned *planned), void *ctx,
                 struct err *err) MUST_CHECK;

/* Whether a row is a ZIP that others may be members of. */
bool planner_is_zip(const struct artifact *a);

#endif
