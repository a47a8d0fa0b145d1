/* SPDX-License-Identifier: MIT */
/*
 * retention: which runs are kept.
 *
 * A run is kept when any rule says so, or it is held. Rules by calendar keep the
 * newest run of each of the last N days, weeks, months or years (UTC) in which
 * there was one.
 *
 * Pure: the caller passes the clock.
 *
 * Units    microseconds since 1970
 * Errors   ERR_MEMORY
 * Owns     nothing
 * Threads  any
 * Source   the words and their meaning are restic's (forget, "removing snapshots according
 *          to a policy")
 */
#ifndef CATALOG_RETENTION_H
#define CATALOG_RETENTION_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retention_rules {
    uint64_t days; /* all of the last so many days; 0: no such rule, also below */
    uint64_t last; /* the newest so many */
    uint64_t daily;
    uint64_t weekly;
    uint64_t monthly;
    uint64_t yearly;
    const char *const *statuses; /* all of these */
    size_t status_count;
};

struct retention_run {
    const char *run_id;
    const char *status;
    int64_t ended; /* or began, where that is not known */
    bool held;
    /* answered */
    bool kept;
    const char *why; /* the rule that keeps it first; NULL: none */
};

/* Whether there is a rule at all. */
bool retention_any(const struct retention_rules *rules);

/* Decide; sorts the runs, newest first. */
void retention_decide(const struct retention_rules *rules, struct retention_run *runs,
                      size_t count, int64_t now);

#endif
