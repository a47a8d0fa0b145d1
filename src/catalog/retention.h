/* SPDX-License-Identifier: MIT */
/*
 * retention: decides which runs are kept.
 *
 * A run is kept if any rule says so, or if it is held. Calendar rules keep the newest run of
 * each of the last N days, weeks, months or years (UTC) that have one.
 *
 * Pure: the caller passes the clock.
 *
 * Units    microseconds since 1970
 * Errors   none
 * Owns     nothing
 * Threads  any
 * Source   terms and meaning are those of restic (forget, "removing snapshots according to a
 *          policy")
 */
#ifndef CATALOG_RETENTION_H
#define CATALOG_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retention_rules {
    uint64_t days; /* all runs of the last N days; 0: no such rule; the same below */
    uint64_t last; /* the newest N runs */
    uint64_t daily;
    uint64_t weekly;
    uint64_t monthly;
    uint64_t yearly;
    const char *const *statuses; /* all runs with these statuses */
    size_t status_count;
};

/* Why a run is kept. */
enum retention_why {
    RETENTION_HELD,
    RETENTION_LAST,
    RETENTION_DAYS,
    RETENTION_STATUS,
    RETENTION_DAILY,
    RETENTION_WEEKLY,
    RETENTION_MONTHLY,
    RETENTION_YEARLY,
    RETENTION_PARENT, /* its parent is kept; retention_decide does not know parents */
    RETENTION_WHYS    /* number of values above */
};

struct retention_run {
    const char *run_id;
    const char *status;
    int64_t ended; /* or the creation, if the end is not known: see struct contents_kept */
    bool held;
    /* results */
    bool kept;
    unsigned why; /* all reasons that keep the run, bits 1 << enum retention_why; 0: none */
};

/* Whether there is any rule. */
bool retention_any(const struct retention_rules *rules);

/* Decide for each run; sorts the runs, newest first. */
void retention_decide(const struct retention_rules *rules, struct retention_run *runs,
                      size_t count, int64_t now);

#endif
