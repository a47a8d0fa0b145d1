/* SPDX-License-Identifier: MIT */
/*
 * gather: fetches the records of runs that are listed, while their artifacts are fetched.
 *
 * Steps and actions of each task, the action log of the browser session, heal and fallback
 * episodes, the script, tags and their history, the server's version: GATHER_JOBS requests at a
 * time, at most RECORD_REQUESTS_MAX a run together with those of the listing. Whatever pumps
 * the callers moves it on; what comes is kept by records, and so is why something does not
 * come.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY, ERR_SYSTEM, ERR_CANCELLED: asked for by gather_finish
 * Owns     its calls, until gather_free
 * Threads  the transfer loop
 * Source   docs/api.md, "Records"
 */
#ifndef CLIENT_GATHER_H
#define CLIENT_GATHER_H

#include "base/err.h"
#include "client/listing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATHER_JOBS 8

struct gather;

/* Begin: listing and its records must outlive it. */
struct gather *gather_new(struct listing *listing, struct err *err) MUST_CHECK;

/* Release; the loop must have been cleared, or gather_finish have succeeded. NULL is fine. */
void gather_free(struct gather *gather);

/* Turn the loop until all has come; what has not come at the deadline (UINT64_MAX: none) is
 * noted as lost. */
int gather_finish(struct gather *gather, struct loop *loop, uint64_t deadline,
                  struct err *err) MUST_CHECK;

/* Tell the names of the records that would be fetched for a run; gives how many. */
size_t gather_tell(const struct listing *listing, const struct listed_run *run,
                   void (*tell)(void *ctx, const char *name), void *ctx);

#endif
