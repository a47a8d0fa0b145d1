/* SPDX-License-Identifier: MIT */
/*
 * filter: the options that select artifacts, for commands that pull, list or read.
 *
 * The service's lists (pull, artifacts) and archives (list, extract) are selected by the same
 * options. sync and listen take those of types only: a run of theirs is archived whole, or by
 * types.
 *
 * Errors   ERR_USAGE
 * Owns     nothing
 * Threads  one
 */
#ifndef CMDUTIL_FILTER_H
#define CMDUTIL_FILTER_H

#include "api/artifact_filter.h"
#include "base/err.h"
#include "cli/opt.h"

#include <stdbool.h>
#include <stdint.h>

#define FILTER_UNSET UINT64_MAX /* a limit of size that is not given */

struct filter_args {
    struct opt_list type;
    struct opt_list exclude_type;
    bool allow_unknown;
    struct opt_list name;
    struct opt_list step;
    uint64_t larger_than;
    uint64_t smaller_than;
    const char *newer_than;
    const char *older_than;
};

#define FILTER_DEFAULTS                                                                        \
    {                                                                                          \
        .larger_than = FILTER_UNSET, .smaller_than = FILTER_UNSET                              \
    }

/* The options of types; the others. */
extern const struct opt filter_type_opts[];
extern const struct opt filter_opts[];

/* Build a filter by types from -t and -x; an unknown type is ERR_USAGE unless allow_unknown. */
int filter_kinds(struct kind_filter *filter, const struct opt_list *types,
                 const struct opt_list *excluded, bool allow_unknown,
                 struct err *err) MUST_CHECK;

/* Fill err with ERR_USAGE: this type is not known; suggests the nearest. Returns -1. */
int filter_refuse_type(const char *name, struct err *err);

/* Build a filter from all options; it must be {0}, and args must outlive it. */
int filter_fill(struct artifact_filter *filter, const struct filter_args *args,
                struct err *err) MUST_CHECK;

#endif
