/* SPDX-License-Identifier: MIT */
/*
 * planner: makes the plan of the artifacts to fetch from the lists of runs, in their order.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     the plan, which borrows from the listing
 * Threads  one; see writer/plan for the threads that use the plan meanwhile
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

/* The plan of a pull, which can be made at once or while runs are being listed. */
struct planner {
    struct plan *plan; /* until planner_clear */
    struct planner_count count;
    size_t runs; /* number of runs that are planned: the first ones of the listing */

    /* private */
    struct planner_opts opts;
    uint64_t bytes; /* of these runs, as counted by planner_admits */
};

/* Begin a plan, which is empty. What opts points to must stay valid until planner_clear. */
int planner_begin(struct planner *planner, const struct planner_opts *opts,
                  struct err *err) MUST_CHECK;

/* Free the plan; may be called twice, and on {0}. */
void planner_clear(struct planner *planner);

/*
 * Plan the next run of the listing, which keeps its index and its list: which artifacts are
 * wanted, under which names. The same plan results whether runs are planned one by one or by
 * planner_finish, except that nothing is joined to items that were closed in between.
 */
int planner_next(struct planner *planner, struct err *err) MUST_CHECK;

/* All is listed: plan the other runs, and decide how bundles are fetched. */
int planner_finish(struct planner *planner, struct err *err) MUST_CHECK;

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
 * most `most` bytes together; an artifact without a size counts as one of typical size. Runs
 * that are planned are counted if planner_admits was called for each of them.
 */
size_t planner_fit(const struct planner *planner, uint64_t most);

/*
 * The same for the next run, which is a requested one without children: whether it is among
 * these runs. Call it once for each run before planner_next.
 */
bool planner_admits(struct planner *planner, uint64_t most);

/* Report what would be fetched: artifacts, then records. Names each artifact. */
int planner_tell(const struct planner_opts *opts, struct plan *plan,
                 void (*planned)(void *ctx, const struct pull_planned *planned), void *ctx,
                 struct err *err) MUST_CHECK;

/* Whether a row is a ZIP that other rows may be members of. */
bool planner_is_zip(const struct artifact *a);

#endif
