/* SPDX-License-Identifier: MIT */
/*
 * await: lists runs once they, and the runs that they started, have ended.
 *
 * Only a listing names the runs that a run started, so the listing is repeated after they have
 * ended. Runs that have ended start no others: each repetition reaches one level further
 * down, and there are at most CHILDREN_DEPTH.
 *
 * Units    milliseconds
 * Errors   those of waiting and listing; ERR_BUSY: runs have not ended at the deadline
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef CLIENT_AWAIT_H
#define CLIENT_AWAIT_H

#include "base/err.h"
#include "client/listing.h"
#include "client/wait.h"

#include <stdbool.h>
#include <stddef.h>

struct await {
    struct wait_opts how; /* set before; interval 0: do not wait */
    bool waiting;         /* for the status line */
};

/* List runs; the listing is as for lister_fetch. Runs that cannot be polled are listed. */
int await_list(struct await *await, struct listing *listing, char *const *ids, size_t count,
               struct err *err) MUST_CHECK;

/* Log a warning if runs of a listing, or runs that they started, have not ended. */
void await_warn(const struct listing *listing);

#endif
