/* SPDX-License-Identifier: MIT */
/*
 * stamping: asks authorities for the time stamps that volumes wait for.
 *
 * Each volume waits for a time stamp of each authority, also one that was written before the
 * authority was given, and one of which the response is gone; the catalog keeps that
 * (catalog/timestamp). What does not come is a warning, and is asked for
 * again by the next sync to which the same authority is given. An authority that failed is not
 * asked again in the same sync.
 *
 * Errors   the catalog's; those of the authorities are logged
 * Owns     nothing
 * Threads  the catalog's; waits for an answer, at most AUTHORITY_MS for each authority that
 * fails
 */
#ifndef SYNC_STAMPING_H
#define SYNC_STAMPING_H

#include "attest/authority.h"
#include "base/err.h"
#include "catalog/db.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>

struct stamping {
    struct db *catalog;
    const struct volume_store *store;
    const struct authorities *authorities;
    bool away[TSP_MOST]; /* authorities that failed */
    size_t kept;         /* time stamps that came */
    bool looked;         /* for volumes that do not wait and should */
};

/*
 * A volume is about to be written: it waits for the time stamps of all authorities.
 */
int stamping_want(const struct stamping *stamping, const char *volume,
                  struct err *err) MUST_CHECK;

/* Ask for the time stamps that volumes wait for. */
int stamping_ask(struct stamping *stamping, struct err *err) MUST_CHECK;

/* How many time stamps volumes wait for; 0 also if the catalog cannot be read. */
size_t stamping_waiting(const struct stamping *stamping);

#endif
