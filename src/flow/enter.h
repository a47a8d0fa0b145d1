/* SPDX-License-Identifier: MIT */
/*
 * enter: volumes into the catalog, from what they say of themselves.
 *
 * The manifest of a volume is all that is read. So the catalog can be made again
 * from the volumes alone; and a volume that stands on disk and is not in the
 * catalog, since skyarc was killed between, is entered by the next sync.
 *
 * Units    milliseconds
 * Errors   the archive's, the catalog's, ERR_SYSTEM
 * Owns     nothing
 * Threads  one
 */
#ifndef FLOW_ENTER_H
#define FLOW_ENTER_H

#include "base/err.h"
#include "vault/catalog.h"
#include "vault/shelf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether an artifact that is missing for this reason will never come. */
bool enter_is_final(const char *reason);

/*
 * Read a volume that has just been written back: every hash.
 *
 * returns  0: it is whole; 1: it is not, and err says so; -1: it cannot be read
 */
int enter_check(const char *path, bool (*stopped)(void *ctx), void *ctx,
                struct err *err) MUST_CHECK;

struct enter_opts {
    int64_t verified_ms; /* CATALOG_UNKNOWN: it was not verified */
    int64_t now_ms;
    int64_t settle;  /* a run is listed once more so long after; see sync.h */
    int64_t give_up; /* and sealed as it is so long after its end */
    bool pruning;    /* states of runs are not touched */
};

/* Enter one volume, in a transaction of its own. */
int enter_volume(struct catalog *catalog, const struct shelf *shelf, const char *name,
                 const struct enter_opts *opts, struct err *err) MUST_CHECK;

/* Enter every volume that the catalog does not have, and forget those that are no more;
 * *entered counts. What is no archive is told, and passed over. */
int enter_all(struct catalog *catalog, const struct shelf *shelf, const struct enter_opts *opts,
              size_t *entered, struct err *err) MUST_CHECK;

#endif
