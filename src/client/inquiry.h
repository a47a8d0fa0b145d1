/* SPDX-License-Identifier: MIT */
/*
 * inquiry: everything that is asked about one run, until it is listed.
 *
 * Calls are made in rounds: what the answers of one round tell (the other name of the run, its
 * browser session) decides what the next one asks, and a round begins when all calls of the one
 * before have ended. Each question is asked once (a list twice, when a list by type is not
 * enough), so the rounds end.
 *
 * Errors   a run's own go into it; ERR_MEMORY and the like into the listing
 * Owns     its calls and their answers, until it has ended
 * Threads  the transfer loop
 */
#ifndef CLIENT_INQUIRY_H
#define CLIENT_INQUIRY_H

#include "base/err.h"
#include "client/listing.h"

/*
 * Ask about the runs from `from` on, which are in the array and not asked about yet, so many at
 * a time, until all are answered. The loop's hooks are called meanwhile.
 */
int inquiry_all(struct listing *listing, struct loop *loop, size_t from,
                struct err *err) MUST_CHECK;

/* Release all that are open; the loop must have been cleared. */
void inquiry_clear(struct listing *listing);

#endif
