/* SPDX-License-Identifier: MIT */
/*
 * timestamp: which time stamps the volumes have, and which they wait for.
 *
 * A volume waits for a time stamp from when it is imported until the authority has given one.
 * Authorities are named by their URL without user, query and fragment, which may be secret.
 * Volumes without a row were written without time stamps, or before the catalog was rebuilt.
 *
 * Functions that write need no transaction: each of their statements is then committed by
 * itself.
 *
 * Units    milliseconds since 1970
 * Errors   the catalog's
 * Owns     nothing; texts are borrowed for the call
 * Threads  the catalog's
 */
#ifndef CATALOG_TIMESTAMP_H
#define CATALOG_TIMESTAMP_H

#include "base/digest.h"
#include "base/err.h"
#include "catalog/db.h"

#include <stdbool.h>
#include <stdint.h>

/* A time stamp of a volume. */
struct timestamp {
    const char *volume;
    unsigned number; /* of the file NAME.tsr or NAME.N.tsr, from 1 on */
    const char *authority;
    int64_t at_ms;                 /* its time; DB_UNKNOWN: the volume waits for it */
    const char *reason;            /* why the last request failed; NULL: none, or not asked */
    uint8_t manifest[SHA256_SIZE]; /* SHA-256 of the volume's manifest */
};

/*
 * A volume that still waits for a time stamp of an authority waits for one of another instead,
 * unless it has or awaits one of that.
 */
int timestamp_move(struct db *catalog, const struct timestamp *stamp, const char *authority,
                   struct err *err) MUST_CHECK;

/*
 * A volume waits for a time stamp.
 *
 * anew     it is a new volume: a row of an earlier one of that name is replaced; else an
 *          existing row stays
 */
int timestamp_want(struct db *c, const char *volume, unsigned number, const char *authority,
                   bool anew, struct err *err) MUST_CHECK;

/* Record the result of a request: the time of the stamp, or a reason (at_ms DB_UNKNOWN). */
int timestamp_asked(struct db *c, const struct timestamp *stamp, int64_t now_ms,
                    struct err *err) MUST_CHECK;

/* A volume is going to be replaced by a rewritten one, which waits for the same time stamps. */
int timestamp_copy(struct db *c, const char *from, const char *to, struct err *err) MUST_CHECK;

/* A volume is removed. */
int timestamp_forget(struct db *c, const char *volume, struct err *err) MUST_CHECK;

/* Visits a time stamp; returns -1 to fail. */
typedef int timestamp_fn(void *ctx, const struct timestamp *stamp, struct err *err);

/*
 * Visit time stamps of volumes in the catalog, by volume and number. fn must not change rows.
 *
 * volume   NULL: all
 * waiting  only those that volumes wait for
 */
int timestamp_each(struct db *c, const char *volume, bool waiting, timestamp_fn *fn, void *ctx,
                   struct err *err) MUST_CHECK;

#endif
