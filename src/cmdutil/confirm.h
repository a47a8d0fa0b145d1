/* SPDX-License-Identifier: MIT */
/*
 * confirm: whether the service still has of runs what a sync directory has of them.
 *
 * Asked before runs are named that may be removed there (sync --list-safe): each run's list is
 * fetched once more, and held against the catalog. A run of which it has more, or has something
 * with another size, checksum or time than it was archived by, is left out, and is opened
 * again, so that the next sync archives that. For this alone the directory's lock is taken.
 *
 * Units    milliseconds
 * Errors   the session's, the API's, the catalog's; ERR_CANCELLED
 * Owns     nothing
 * Threads  runs the transfer loop
 */
#ifndef CMDUTIL_CONFIRM_H
#define CMDUTIL_CONFIRM_H

#include "api/kind.h"
#include "base/err.h"
#include "cmdutil/session.h"

#include <stddef.h>
#include <stdint.h>

struct confirm {
    const char *dir;
    const struct session_args *session;
    const struct kind_filter *types; /* of artifacts that are archived */
    int (*fn)(void *ctx, const char *run_id, struct err *err);
    void *ctx;
    /* answered */
    size_t changed; /* runs left out, that are otherwise by now; told one by one */
    size_t unasked; /* runs left out, that could not be asked about; the same */
    size_t left;    /* runs left out, that the service does not have any more; not told */
};

/* Visit those runs that the service has as they are archived, in their order. */
int confirm_runs(struct confirm *confirm, char *const *ids, size_t count,
                 struct err *err) MUST_CHECK;

#endif
