/* SPDX-License-Identifier: MIT */
/*
 * pull_job_args: the options of a pull, and of whatever writes archives: pull, submit -o, sync
 * and listen.
 *
 * Owns     nothing; texts are those of cli/opt
 * Threads  any
 */
#ifndef CMDUTIL_PULL_JOB_ARGS_H
#define CMDUTIL_PULL_JOB_ARGS_H

#include "cli/opt.h"
#include "cli/watchdog.h"
#include "cmdutil/filter.h"
#include "storage/staging.h"

#include <stdbool.h>
#include <stdint.h>

struct pull_job_args {
    struct filter_args filter;
    const char *records; /* see endpoint_select; NULL: all */
    const char *output;
    const char *format;
    const char *spool_dir;
    const char *local_root;
    const char *sign;
    struct opt_list timestamp;
    const char *timestamp_output;
    const char *tsa_ca;
    const char *after;
    const char *anchor_command;
    struct object_options object;
    uint64_t command_timeout;
    unsigned level;
    uint64_t jobs;
    uint64_t memory;
    uint64_t retries;
    uint64_t timeout;
    uint64_t limit_rate;
    uint64_t max_size;
    uint64_t speed_limit;
    uint64_t speed_time;
    uint64_t hang_timeout;
    unsigned mode;
    unsigned duplicates;
    unsigned bundles;
    bool no_children;
    bool no_dedupe;
    bool no_report;
    bool log_host;
    bool strict;
    bool force;
    bool mount_index;
};

#define PULL_JOB_DEFAULTS                                                                      \
    {                                                                                          \
        .filter = FILTER_DEFAULTS, .jobs = 256, .retries = 5, .max_size = (uint64_t)16 << 30,  \
        .mode = 0600, .speed_limit = 1024, .speed_time = 30000,                                \
        .hang_timeout = WATCHDOG_LIMIT, .command_timeout = 300000                              \
    }

/*
 * Options for records of runs; the archive's name; its format; an object of a bucket; a series
 * of archives; transfers.
 */
extern const struct opt archive_story_opts[];
extern const struct opt archive_name_opts[];
extern const struct opt archive_format_opts[];
extern const struct opt archive_object_opts[];
extern const struct opt archive_series_opts[];
extern const struct opt archive_transfer_opts[];

#endif
