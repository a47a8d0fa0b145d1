/* SPDX-License-Identifier: MIT */
/*
 * period: what a catalog knows of the runs that were created in a period, archived or not, and
 * of the syncs in it.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for times of this
 *          machine; bytes
 * Errors   the catalog's
 * Owns     nothing; rows are valid during the call
 * Threads  the catalog's
 */
#ifndef CATALOG_PERIOD_H
#define CATALOG_PERIOD_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdint.h>

struct period {
    int64_t since; /* at or after this; DB_UNKNOWN: no limit */
    int64_t until; /* before this */
};

struct period_run {
    const char *run_id;
    const char *other;  /* the run's second ID, or NULL */
    const char *parent; /* the run that started it, or NULL */
    const char *run_type;
    const char *title;
    const char *status;      /* the last known one */
    const char *state;       /* see catalog/run_state; NULL: only a volume has the run */
    const char *reason;      /* of the state */
    const char *supplements; /* of a single archive: the one that has the run's other part */
    const char *why; /* reasons of missing artifacts: "expired", or "expired 2, not-found 1";
                        NULL: none */
    const char *volumes; /* names, one a line, the oldest first; NULL: in no volume */
    int64_t created_at;  /* DB_UNKNOWN: not known */
    int64_t finished_at;
    uint64_t artifacts; /* archived */
    uint64_t bytes;     /* of these */
    uint64_t missing;   /* artifacts that could not be fetched */
    uint64_t lost;      /* parts that only a lost volume had */
};

/*
 * Visit the runs created in a period, the oldest first; also those whose time of creation is
 * not known. fn returns -1 to fail.
 */
int period_runs(struct db *c, const struct period *period,
                int (*fn)(void *ctx, const struct period_run *run, struct err *err), void *ctx,
                struct err *err) MUST_CHECK;

struct period_sync {
    int64_t began_ms;
    int64_t ended_ms;    /* DB_UNKNOWN: not known, it runs or was killed */
    const char *outcome; /* as in catalog/sync_log; NULL: it has no end */
    const char *error;   /* or NULL */
    uint64_t runs;
    uint64_t artifacts;
    uint64_t missing;
    uint64_t damaged; /* volumes */
};

/* Visit the syncs that began in a period, the oldest first; fn returns -1 to fail. */
int period_syncs(struct db *c, const struct period *period,
                 int (*fn)(void *ctx, const struct period_sync *sync, struct err *err),
                 void *ctx, struct err *err) MUST_CHECK;

/*
 * Visit the filters of syncs, each with the times of creation between which all runs that it
 * accepts are known (microseconds, DB_UNKNOWN: no such time). fn returns -1 to fail.
 */
int period_frontiers(struct db *c,
                     int (*fn)(void *ctx, const char *filter, const struct period *known,
                               struct err *err),
                     void *ctx, struct err *err) MUST_CHECK;

#endif
