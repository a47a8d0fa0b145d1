/* SPDX-License-Identifier: MIT */
/*
 * lister: lists runs: asks about each, joins two names of one run, adds the runs that they
 * started.
 *
 * Errors   ERR_CANCELLED, ERR_MEMORY; why one run cannot be listed is in that run
 * Threads  the transfer loop
 */
#ifndef CLIENT_LISTER_H
#define CLIENT_LISTER_H

#include "base/err.h"
#include "client/listing.h"

#include <stddef.h>

/*
 * List all runs; the loop's hooks are called meanwhile.
 *
 * listing  {0} but for what is set before; to be cleared in any case, the loop first
 * ids      of the runs, count of them; lent until lister_clear
 */
int lister_fetch(struct listing *listing, struct loop *loop, char *const *ids, size_t count,
                 struct err *err) MUST_CHECK;

/* Release what is listed; the loop must have been cleared. May be called twice, and on {0}. */
void lister_clear(struct listing *listing);

#endif
