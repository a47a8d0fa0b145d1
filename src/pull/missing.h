/* SPDX-License-Identifier: MIT */
/*
 * missing: counts and reports the artifacts that are missing or differ from what the service
 * announced.
 *
 * Errors   of missing_refuse only
 * Owns     nothing
 * Threads  one, after fetching and packing have ended
 */
#ifndef PULL_MISSING_H
#define PULL_MISSING_H

#include "client/listing.h"
#include "fetch/fetch.h"
#include "pull/pull_opts.h"
#include "writer/plan.h"

#include <stddef.h>

/* Why an item is missing. */
enum reason missing_reason(const struct fetch *fetch, const struct item *item);

/* Count the missing items by reason, at most `most` entries; returns the number of entries. */
size_t missing_reasons(const struct listing *listing, const struct plan *plan,
                       const struct fetch *fetch, struct missing_reason *out, size_t most);

/* Number of artifacts that are missing for a temporary reason. */
size_t missing_coming(const struct fetch *fetch, const struct plan *plan);

/* Call the options' hook with each missing artifact, and log one line for each reason. */
void missing_tell(const struct pull_opts *opts, const struct plan *plan,
                  const struct fetch *fetch);

/*
 * Count the runs' records into a result, and log a warning for each reason why some are lost.
 */
void missing_records(const struct listing *listing, struct pull_result *result);

/*
 * For --strict: ERR_MISMATCH, naming the first artifact, if an artifact is missing, has a wrong
 * checksum or suspect content, or if the result lacks records, runs or types. To be called
 * after missing_records.
 */
int missing_refuse(const struct plan *plan, const struct fetch *fetch,
                   const struct pull_result *result, struct err *err) MUST_CHECK;

/*
 * Log one warning for the artifacts whose checksum differs from the service's, and one for
 * those whose content does not match their type; each names the first ten.
 */
void missing_wrong(const struct plan *plan, const struct fetch *fetch);

#endif
