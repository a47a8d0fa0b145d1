/* SPDX-License-Identifier: MIT */
/*
 * manifest_runs: the runs of one archive, by its manifest, in the form in which the catalog
 * gives them (catalog/period).
 *
 * A run's state is "sealed", or "open" if it had not ended when it was archived.
 *
 * Errors   those of reading; ERR_MEMORY
 * Owns     what is missing, until manifest_runs_free; the path is borrowed until then
 * Threads  one
 */
#ifndef EVIDENCE_MANIFEST_RUNS_H
#define EVIDENCE_MANIFEST_RUNS_H

#include "base/err.h"
#include "base/pulse.h"
#include "catalog/period.h"

#include <stdint.h>

struct manifest_runs;

/* Read what is missing in an archive. */
struct manifest_runs *manifest_runs_new(const char *archive, struct stop stop,
                                        struct err *err) MUST_CHECK;

/* Free it; NULL is fine. */
void manifest_runs_free(struct manifest_runs *runs);

/* Visit the runs created in a period, as period_runs does, in the order of the manifest. */
int manifest_runs_each(const struct manifest_runs *runs, const struct period *period,
                       int (*fn)(void *ctx, const struct period_run *run, struct err *err),
                       void *ctx, struct err *err) MUST_CHECK;

#endif
