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

#include <stdbool.h>
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

/* Begin to list runs step by step, as lister_fetch does at once. */
int lister_begin(struct listing *listing, char *const *ids, size_t count,
                 struct err *err) MUST_CHECK;

/*
 * Begin further requests, as far as they may run at a time; to be called before each turn of
 * the loop, until *over is set: all is listed. The array of runs may move.
 */
int lister_step(struct listing *listing, bool *over, struct err *err) MUST_CHECK;

/* Run a turn of the loop after lister_step. */
int lister_turn(struct listing *listing, struct loop *loop, struct err *err) MUST_CHECK;

/*
 * Before the listing has ended: whether requested run i is listed (or failed), started no runs,
 * and cannot turn out to be another requested run. If this is true of all runs up to i, they
 * keep their indexes and contents.
 */
bool lister_settled(const struct listing *listing, size_t i);

/* Free the listing; the loop must have been cleared. May be called twice, and on {0}. */
void lister_clear(struct listing *listing);

#endif
