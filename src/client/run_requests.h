/* SPDX-License-Identifier: MIT */
/*
 * run_requests: all requests needed to list one run.
 *
 * Requests are made in rounds: a round begins when all calls of the previous round have ended,
 * and uses its results (the run's other name, its browser session). Each request is made once
 * (a list at most twice, if a list by type is not sufficient), so the number of rounds is
 * bounded.
 *
 * Errors   errors of a run are stored in the run; ERR_MEMORY and the like in the listing
 * Owns     the calls and their responses, until the run is listed
 * Threads  the transfer loop
 */
#ifndef CLIENT_RUN_REQUESTS_H
#define CLIENT_RUN_REQUESTS_H

#include "base/err.h"
#include "client/listing.h"

/*
 * Begin the requests of the next runs of the array, of which several are listed at a time. To
 * be called again after each turn of the loop, until all runs are listed. Returns the
 * listing's error, if it has one.
 */
int run_requests_more(struct listing *listing, struct err *err) MUST_CHECK;

/* Free all open requests; the loop must have been cleared. */
void run_requests_clear(struct listing *listing);

#endif
