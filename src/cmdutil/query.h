/* SPDX-License-Identifier: MIT */
/*
 * query: the options that select runs, for commands that list runs.
 *
 * Errors   ERR_USAGE
 * Owns     nothing
 * Threads  one
 */
#ifndef CMDUTIL_QUERY_H
#define CMDUTIL_QUERY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/opt.h"
#include "client/runs.h"

#include <stdint.h>

struct query_args {
    struct opt_list status;
    struct opt_list run_type;
    struct opt_list tag;
    const char *search;
    const char *workflow;
    int64_t since;
    int64_t until;
};

#define QUERY_DEFAULTS                                                                         \
    {                                                                                          \
        .since = CLOCK_NONE, .until = CLOCK_NONE                                               \
    }

extern const struct opt query_opts[];

/* ERR_USAGE, with the nearest status, for a word that is not a run's status. */
int query_check_status(const struct opt_list *list, struct err *err) MUST_CHECK;

/* Fill in a query; its texts belong to args. */
int query_fill(const struct query_args *args, struct runs_query *query,
               struct err *err) MUST_CHECK;

/* Write the query as a text, without its times: equal queries have equal texts. */
int query_text(const struct query_args *args, struct buf *out, struct err *err) MUST_CHECK;

#endif
