/* SPDX-License-Identifier: MIT */
/*
 * coverage: whether the service's lists of runs were read for a whole period: only then a run
 * that is in no list was not made.
 *
 * Units    microseconds since 1970 for times of runs, milliseconds for times of this machine
 * Errors   the catalog's
 * Owns     nothing
 * Threads  any
 */
#ifndef EVIDENCE_COVERAGE_H
#define EVIDENCE_COVERAGE_H

#include "base/err.h"
#include "catalog/period.h"

#include <stdbool.h>
#include <stdint.h>

#define COVERAGE_TEXT_MAX 160

struct coverage {
    struct period wanted; /* of the runs' creation */
    int64_t now_ms;
    int64_t from;    /* all runs created since are known; DB_UNKNOWN: of no time */
    int64_t good_ms; /* begin of the last sync that read the lists; DB_UNKNOWN: none did */
    bool failed;     /* the last sync failed, or was killed */
};

/* Whether a filter of syncs accepts all runs: no name in it, such as "tag=", has a value. */
bool coverage_is_everything(const char *filter);

/* Set what the catalog knows: from, good_ms, failed. */
int coverage_read(struct coverage *coverage, struct db *catalog, struct err *err) MUST_CHECK;

/* Whether the lists were read for the whole period; if not, out says what is not known. */
bool coverage_judge(const struct coverage *coverage, char out[COVERAGE_TEXT_MAX]);

#endif
