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
#include "catalog/shard.h"
#include "cmdutil/filter.h"
#include "cmdutil/session.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct confirm {
    const struct volume_store *store;
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

/* What sync --list-safe is asked for. */
struct confirm_safe {
    const struct volume_store *store;
    const struct session_args *session;
    const struct filter_args *filter; /* its types */
    struct shard shard;               /* n 0: the directory's; another one is an error */
    uint64_t days;                    /* since the end of the runs */
    uint64_t within;                  /* maximum time since their volumes were verified */
    bool json;
};

/*
 * Print the runs of the directory's shard that are safe to delete at the service: first check
 * the volumes on disk, then ask the service. What is left out is logged. Returns the exit
 * status, or -1.
 */
int confirm_list_safe(const struct confirm_safe *safe, struct err *err) MUST_CHECK;

#endif
