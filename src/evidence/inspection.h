/* SPDX-License-Identifier: MIT */
/*
 * inspection: what can be said of the runs of a period, for an auditor: is each archived, in
 * which archives, whole or not and why, held or removed; are the archives there, what they
 * were, in a chain, and signed.
 *
 * Of a directory of skyarc sync, the runs come from its catalog, holds and removals from its
 * log, and each volume with such a run is looked at: its size, its last bytes, its manifest's
 * digest and its signature. Contents are not read: that is what skyarc verify does, and the
 * time when it was done is told. Of one archive, the runs come from its manifest.
 *
 * Units    bytes; microseconds since 1970 for times of records, milliseconds for others
 * Errors   those of the catalog and of reading; ERR_LIMIT
 * Owns     the catalog and all texts, until inspection_free
 * Threads  one
 */
#ifndef EVIDENCE_INSPECTION_H
#define EVIDENCE_INSPECTION_H

#include "base/err.h"
#include "catalog/period.h"
#include "catalog/shard.h"
#include "evidence/archives.h"
#include "evidence/decisions.h"
#include "evidence/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inspection;

struct inspection_opts {
    struct archives_opts archives;
    struct period period; /* of the runs' creation */
    int64_t now_ms;
};

struct inspection_run {
    const struct period_run *facts; /* texts are redacted; volumes is not set */
    enum verdict verdict;
    const char *why;             /* of the verdict, or NULL */
    const struct decision *hold; /* NULL: not held */
    struct archive_state *const *archives;
    size_t archive_count;
    bool more; /* there are more archives than these */
};

/* Totals. */
struct inspection_sum {
    uint64_t runs;
    uint64_t verdicts[VERDICTS];
    uint64_t held;
    uint64_t artifacts;
    uint64_t missing;
    uint64_t bytes;
    uint64_t faults; /* archives with a fault or doubt, and faults of the directory */
    uint64_t gaps;   /* see inspection_gaps */
    uint64_t syncs;
    uint64_t failed_syncs; /* failed, or killed */
};

/* A document that is made of an inspection. */
struct inspection_document {
    struct inspection *inspection;
    const char *made_by; /* program and version */
    int64_t made_ms;
};

/* Open the catalog of a directory: before a sandbox is entered. opts is copied, its texts are
 * borrowed until inspection_free. */
struct inspection *inspection_open(const struct inspection_opts *opts,
                                   struct err *err) MUST_CHECK;

/* Free the inspection; NULL is fine. */
void inspection_free(struct inspection *inspection);

/* Look at everything; to be called once, before the functions below. */
int inspection_collect(struct inspection *inspection, struct err *err) MUST_CHECK;

/* The shard that a directory is filled with; n is 0 if that is all runs, or for an archive. */
const struct shard *inspection_shard(const struct inspection *inspection);

/* What is inspected. */
const struct inspection_opts *inspection_of(const struct inspection *inspection);

/* The totals. */
const struct inspection_sum *inspection_sum(const struct inspection *inspection);

/* Visit the runs, the oldest first; fn returns -1 to fail. */
int inspection_runs(struct inspection *inspection,
                    int (*fn)(void *ctx, const struct inspection_run *run, struct err *err),
                    void *ctx, struct err *err) MUST_CHECK;

/* The archives that have the runs, sorted by name. */
size_t inspection_archives(const struct inspection *inspection,
                           struct archive_state *const **archives);

/* What is wrong with the directory as a whole: its log, its chain. */
const struct remarks *inspection_faults(const struct inspection *inspection);

/* What is not known: the service's list of the period, volumes that the catalog lacks. */
const struct remarks *inspection_gaps(const struct inspection *inspection);

/* Entries of the log in the period, or of its runs and archives, in the log's order: holds,
 * releases, removals, losses. */
size_t inspection_events(const struct inspection *inspection,
                         const struct decision *const **events);

/* Visit the syncs that began in the period, the oldest first; none of an archive. */
int inspection_syncs(struct inspection *inspection,
                     int (*fn)(void *ctx, const struct period_sync *sync, struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

/* Visit the times in which the service's lists of runs are known to be complete: see
 * period_frontiers. None of an archive. */
int inspection_frontiers(struct inspection *inspection,
                         int (*fn)(void *ctx, const char *filter, const struct period *known,
                                   struct err *err),
                         void *ctx, struct err *err) MUST_CHECK;

#endif
