/* SPDX-License-Identifier: MIT */
/*
 * run_lists: lists the runs of a pull, and makes the plan from the lists.
 *
 * When the lists take long, the plan begins with the first runs, and grows while their bodies
 * are already fetched: run_lists_begin returns early then, and run_lists_step does the rest
 * between the turns of the loop. Runs are planned in the order of the request, so that plan,
 * names and manifest are the same either way. The plan stops growing before the first run that
 * started other runs: these are listed last, but planned directly after it. The remaining runs
 * are planned when everything is listed. A pull does not begin early if an interrupted attempt
 * is to be resumed (what is kept depends on the whole plan), if it waits for runs, or if two of
 * its IDs may be names of one run.
 *
 * Units    milliseconds
 * Errors   those of the lister and the planner; ERR_NOT_FOUND and the like if no run is left
 * Owns     listing, records, names and plan, until run_lists_clear
 * Threads  the transfer loop
 */
#ifndef PULL_RUN_LISTS_H
#define PULL_RUN_LISTS_H

#include "base/err.h"
#include "client/await.h"
#include "client/listing.h"
#include "pull/planner.h"
#include "pull/pull_opts.h"
#include "writer/entry_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_lists {
    const struct pull_opts *opts;
    struct pull_result *result; /* gets the numbers of runs */
    struct loop *loop;
    struct pagefile *pagefile; /* the lists, and a row for each artifact */
    uint64_t deadline;         /* of --wait */
    bool resumes;              /* an interrupted attempt is to be resumed */

    struct listing listing;
    struct records *records; /* NULL: none wanted */
    struct entry_names *names;
    struct planner planner;
    struct await await;
    size_t ended; /* runs, while waiting */
    size_t asked; /* IDs of the request that the listing covers */
    bool over;    /* all is listed and planned */
    bool refused; /* no run, or with --strict not every run, could be listed */

    /* private */
    size_t met;   /* number of runs that were passed to the hook of the options */
    bool stopped; /* the plan grows no more before all is listed */
};

/*
 * List the runs, with --wait after they have ended, and plan them; or (not `over`) a part of
 * them. The fields before `listing` are set by the caller, the others are zero. Runs the loop.
 */
int run_lists_begin(struct run_lists *lists, struct callers *callers,
                    struct err *err) MUST_CHECK;

/*
 * Unless `over`: begin further requests, and plan the runs that were listed in the meantime.
 * Sets over when all is listed and planned.
 */
int run_lists_step(struct run_lists *lists, struct err *err) MUST_CHECK;

/* Free all; the loop must have been cleared. May be called twice, and on {0}. */
void run_lists_clear(struct run_lists *lists);

#endif
