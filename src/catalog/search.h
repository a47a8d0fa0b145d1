/* SPDX-License-Identifier: MIT */
/*
 * search: finds runs and artifacts in a catalog.
 *
 * All conditions must match. Runs are found by either ID. Texts are searched in prompts,
 * titles, outputs and failure reasons, and in the logs and LLM texts that are in the index
 * (catalog/text_index), ignoring the case of ASCII letters. Newest runs first.
 *
 * Units    bytes; microseconds since 1970
 * Errors   the catalog's
 * Owns     nothing; rows are valid during the call
 * Threads  the catalog's
 */
#ifndef CATALOG_SEARCH_H
#define CATALOG_SEARCH_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct search {
    const char *const *run_ids;
    size_t run_count;
    const char *const *types; /* artifact types */
    size_t type_count;
    const char *const *statuses;
    size_t status_count;
    const char *artifact_id;
    const char *text;      /* in one of the texts of the run */
    const uint8_t *sha256; /* NULL: any */
    int64_t since;         /* created at or after this; DB_UNKNOWN: no limit */
    int64_t until;         /* created before this */
    uint64_t limit;        /* maximum number of rows; 0: all */
    bool runs;             /* rows are runs, not artifacts */
};

struct search_row {
    const char *volume;
    const char *run_id;
    const char *status; /* the last known status */
    const char *other;  /* the run's second ID */
    const char *parent; /* the run that started it */
    const char *failure_reason;
    int64_t created_at; /* of the run */
    /* of a run; NULL for an artifact */
    const char *run_type;
    const char *title;
    const char *prompt;
    /* of an artifact; NULL for a run */
    const char *path;
    const char *artifact_id;
    const char *type;
    uint64_t size; /* of a run: sum of all artifacts */
    char sha256[SHA256_TEXT];
};

/* Visit the matching rows; fn returns -1 to fail. */
int search_run(struct db *c, const struct search *search,
               int (*fn)(void *ctx, const struct search_row *row, struct err *err), void *ctx,
               struct err *err) MUST_CHECK;

/* Write SQLite's plan of a search, a line for each step: how it finds the rows. */
int search_plan(struct db *c, const struct search *search, struct buf *plan,
                struct err *err) MUST_CHECK;

/* Visit the types of all artifacts, with how many there are of each; type is NULL for those
 * without one. */
int search_types(struct db *c, void (*fn)(void *ctx, const char *type, uint64_t count),
                 void *ctx, struct err *err) MUST_CHECK;

/*
 * Visit the runs, oldest first, that ended before a time, are sealed and complete, and whose
 * child runs are all sealed and complete. Left out are runs that the service removed before
 * they were listed a second time, and runs without artifacts. Whether the volumes exist is not
 * checked.
 */
int search_sealed(struct db *c, int64_t before,
                  int (*fn)(void *ctx, const char *run_id, struct err *err), void *ctx,
                  struct err *err) MUST_CHECK;

/* Whether a run is in a volume newer than this one: 1, 0, or -1. */
int search_newer(struct db *c, const char *run_id, const char *name,
                 struct err *err) MUST_CHECK;

/* Whether a run's status or end differs from its newest volume: 1, 0 (also if no volume has
 * the run), or -1. status may be NULL. */
int search_differs(struct db *c, const char *run_id, const char *status, int64_t finished_at,
                   struct err *err) MUST_CHECK;

#endif
