/* SPDX-License-Identifier: MIT */
/*
 * sync_log: when syncs ran, and how they ended, in the catalog.
 *
 * Functions that write need no transaction: each of their statements is then committed by
 * itself.
 *
 * Units    milliseconds since 1970; bytes
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_SYNC_LOG_H
#define CATALOG_SYNC_LOG_H

#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

/* A sync, as stored in the catalog. */
struct sync_log {
    int64_t id;
    const char *outcome; /* "done", "incomplete", "stopped", "failed", "killed" */
    const char *error;   /* or NULL */
    uint64_t runs;
    uint64_t artifacts;
    uint64_t bytes; /* downloaded */
    uint64_t missing;
    uint64_t damaged; /* volumes that were gone, differed, or were damaged */
};

/*
 * Whether an outcome is that of a sync that failed, or was killed; NULL, while it runs, is not.
 */
bool sync_log_has_failed(const char *outcome);

/* Record the start of a sync; earlier syncs without an end are marked as killed. *id is the
 * argument for sync_log_end. */
int sync_log_begin(struct db *c, int64_t now_ms, int64_t *id, struct err *err) MUST_CHECK;

/* Record the end of the sync that sync_log_begin recorded. */
int sync_log_end(struct db *c, int64_t now_ms, const struct sync_log *sync,
                 struct err *err) MUST_CHECK;

/* The last sync that ended, and the last that succeeded. */
struct sync_last {
    int64_t ended_ms;   /* DB_UNKNOWN: none ended */
    int64_t success_ms; /* end of the last one that was done or incomplete; DB_UNKNOWN: none */
    int64_t done_ms;    /* end of the last one that was done; DB_UNKNOWN: none */
    char outcome[16];   /* of the last one */
    char error[256];    /* of the last one; "": none */
};

/* Get the last sync; a catalog without any sync is no error. */
int sync_log_last(struct db *c, struct sync_last *last, struct err *err) MUST_CHECK;

#endif
