/* SPDX-License-Identifier: MIT */
/*
 * gather: fetches further records of listed runs, while their artifacts are fetched.
 *
 * The records are steps and actions of each task, the action log of the browser session, heal
 * and fallback episodes, the script, tags and their history, and the server's version.
 * GATHER_JOBS requests run at a time, and at most RECORD_REQUESTS_MAX per run, including those
 * of the listing. callers_pump drives the requests. Records and the reasons of missing ones are
 * stored in the module records.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY, ERR_SYSTEM, ERR_CANCELLED: returned by gather_finish
 * Owns     the calls, until gather_free
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

/* Start fetching; listing and its records must outlive the result. */
struct gather *gather_new(struct listing *listing, struct err *err) MUST_CHECK;

/* Free; either gather_finish succeeded, or the loop has been cleared. NULL is fine. */
void gather_free(struct gather *gather);

/*
 * Run the loop until all records have been received; records missing at the deadline
 * (UINT64_MAX: none) are noted as lost.
 */
int gather_finish(struct gather *gather, struct loop *loop, uint64_t deadline,
                  struct err *err) MUST_CHECK;

/*
 * Call tell with the name of each record that would be fetched for a run; returns their number.
 */
size_t gather_tell(const struct listing *listing, const struct listed_run *run,
                   void (*tell)(void *ctx, const char *name), void *ctx);

#endif
