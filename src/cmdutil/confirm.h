/* SPDX-License-Identifier: MIT */
/*
 * confirm: whether the service still has runs as a sync directory archived them.
 *
 * Used before runs are listed as safe to delete at the service (sync --list-safe): each run's
 * list is fetched again and compared with the catalog. A run for which the service has further
 * artifacts, or artifacts with another size, checksum or time, is left out and reopened, so
 * that the next sync archives the change. The directory's lock is taken only for the reopening.
 *
 * Units    milliseconds
 * Errors   those of session, API and catalog; ERR_CANCELLED
 * Owns     nothing
 * Threads  runs the transfer loop
 */
#ifndef CMDUTIL_CONFIRM_H
#define CMDUTIL_CONFIRM_H

#include "api/kind.h"
#include "base/err.h"
#include "cmdutil/session.h"

#include <stddef.h>

struct confirm {
    const char *dir;
    const struct session_args *session;
    const struct kind_filter *types; /* types of artifacts that are archived */
    int (*fn)(void *ctx, const char *run_id, struct err *err);
    void *ctx;
    /* results */
    size_t changed; /* runs left out because they changed; each is logged */
    size_t unasked; /* runs left out because they could not be listed; each is logged */
    size_t left;    /* runs left out because the service no longer has them; not logged */
};

/* Visit the runs that the service has as archived, in the order of ids. */
int confirm_runs(struct confirm *confirm, char *const *ids, size_t count,
                 struct err *err) MUST_CHECK;

#endif
