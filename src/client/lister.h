/* SPDX-License-Identifier: MIT */
/*
 * lister: lists runs: makes the requests for each, merges two names of the same run, and adds
 * the runs that they started.
 *
 * Errors   ERR_CANCELLED, ERR_MEMORY; errors of a run are stored in the run
 * Threads  the transfer loop
 */
#ifndef CLIENT_LISTER_H
#define CLIENT_LISTER_H

#include "base/err.h"
#include "client/listing.h"

#include <stddef.h>

/*
 * List all runs. Runs the loop, and with it its hooks.
 *
 * listing  {0} except for the fields marked 'set before'; to be cleared in any case, after the
 *          loop
 * ids      count run IDs; borrowed until lister_clear
 */
int lister_fetch(struct listing *listing, struct loop *loop, char *const *ids, size_t count,
                 struct err *err) MUST_CHECK;

/* Free the listing; the loop must have been cleared. May be called twice, and on {0}. */
void lister_clear(struct listing *listing);

#endif
