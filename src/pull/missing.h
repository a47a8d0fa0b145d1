/* SPDX-License-Identifier: MIT */
/*
 * missing: what a pull has not got, and what is not as the service said: counted, and told.
 *
 * Errors   none
 * Owns     nothing
 * Threads  one, when fetching and packing have ended
 */
#ifndef PULL_MISSING_H
#define PULL_MISSING_H

#include "client/listing.h"
#include "pull/fetch.h"
#include "pull/pull_opts.h"
#include "writer/plan.h"

#include <stddef.h>

/* Why an item is missing. */
enum reason missing_reason(const struct fetch *fetch, const struct item *item);

/* What is missing, by reason: at most most entries; returns how many. */
size_t missing_reasons(const struct listing *listing, const struct plan *plan,
                       const struct fetch *fetch, struct missing_reason *out, size_t most);

/* How many artifacts are missing for a reason that may pass. */
size_t missing_coming(const struct fetch *fetch, const struct plan *plan);

/* Tell the hook of the options of each artifact that is missing, and log one line for each
 * reason. */
void missing_tell(const struct pull_opts *opts, const struct plan *plan,
                  const struct fetch *fetch);

/* Count the runs' records into a result, and warn of those that are lost. */
void missing_records(const struct listing *listing, struct pull_result *result);

/* Warn of the artifacts that have another checksum than the service gave, in one line, and of
 * those whose content cannot be what their type says. */
void missing_wrong(const struct plan *plan, const struct fetch *fetch);

#endif
