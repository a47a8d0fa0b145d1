/* SPDX-License-Identifier: MIT */
/*
 * search: what a catalog holds, found by what is known of it.
 *
 * Every condition narrows. Runs are found by either of two names. Texts are found in
 * prompts, titles, outputs and failure reasons, whatever their case (of ASCII letters). Newest
 * runs first.
 *
 * Units    bytes; microseconds since 1970
 * Errors   the catalog's
 * Owns     nothing; rows are lent for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_SEARCH_H
#define CATALOG_SEARCH_H

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
    const char *text;      /* in prompt, title, output or failure reason */
    const uint8_t *sha256; /* NULL: any */
    int64_t since;         /* created at or after; DB_UNKNOWN: no limit */
    int64_t until;         /* and before */
    uint64_t limit;        /* most rows; 0: all */
    bool runs;             /* rows are runs, not artifacts */
};

struct search_row {
    const char *volume;
    const char *run_id;
    const char *status; /* the last that is known */
    const char *other;  /* the other name of the run */
    const char *parent; /* the run that has started it */
    const char *failure_reason;
    int64_t created_at; /* of the run */
    /* of an artifact; NULL for a run */
    const char *path;
    const char *artifact_id;
    const char *type;
    uint64_t size; /* of a run: all of it */
    char sha256[SHA256_TEXT];
};

/* fn gives -1 to fail. */
int search_run(struct db *c, const struct search *search,
               int (*fn)(void *ctx, const struct search_row *row, struct err *err), void *ctx,
               struct err *err) MUST_CHECK;

/*
 * Runs that are sealed, lack nothing, and ended before a time, oldest first, and of which all
 * runs that they have started are so; not those that the service removed before they were
 * listed a second time, nor those of which it listed nothing at all. Whether their volumes
 * stand is not looked at.
 */
int search_sealed(struct db *c, int64_t before,
                  int (*fn)(void *ctx, const char *run_id, struct err *err), void *ctx,
                  struct err *err) MUST_CHECK;

/* Whether a run is in a volume that was made after this one, too: 1, 0, or -1. */
int search_newer(struct db *c, const char *run_id, const char *name,
                 struct err *err) MUST_CHECK;

/* Whether a run that is in a volume ended otherwise than the newest of them says: 1, 0 (also of
 * one that is in none), or -1. status may be NULL. */
int search_differs(struct db *c, const char *run_id, const char *status, int64_t finished_at,
                   struct err *err) MUST_CHECK;

#endif
