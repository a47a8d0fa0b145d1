/* SPDX-License-Identifier: MIT */
/*
 * records_fetch: fetches further records of listed runs, while their artifacts are fetched.
 *
 * The records are steps and actions of each task, the action log of the browser session, heal
 * and fallback episodes, the script, tags and their history, and the server's version.
 * RECORDS_FETCH_JOBS requests run at a time, and at most RECORD_REQUESTS_MAX per run, including
 * those of the listing. callers_pump drives the requests. Records and the reasons of missing
 * ones are stored in the module records.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_MEMORY, ERR_SYSTEM, ERR_CANCELLED: returned by records_fetch_finish
 * Owns     the calls, until records_fetch_free
 * Threads  the transfer loop
 * Source   docs/api.md, "Records"
 */
#ifndef CLIENT_RECORDS_FETCH_H
#define CLIENT_RECORDS_FETCH_H

#include "base/err.h"
#include "client/listing.h"

#include <stddef.h>
#include <stdint.h>

#define RECORDS_FETCH_JOBS 8

struct records_fetch;

/* Start fetching; listing and its records must outlive the result. */
struct records_fetch *records_fetch_new(struct listing *listing, struct err *err) MUST_CHECK;

/* Free; either records_fetch_finish succeeded, or the loop has been cleared. May be NULL. */
void records_fetch_free(struct records_fetch *fetch);

/*
 * Run the loop until all records have been received; records missing at the deadline
 * (UINT64_MAX: none) are noted as lost.
 */
int records_fetch_finish(struct records_fetch *fetch, struct loop *loop, uint64_t deadline,
                         struct err *err) MUST_CHECK;

/*
 * Call tell with the name of each record that would be fetched for a run; returns their number.
 */
size_t records_fetch_tell(const struct listing *listing, const struct listed_run *run,
                          void (*tell)(void *ctx, const char *name), void *ctx);

#endif
