/* SPDX-License-Identifier: MIT */
/*
 * object_lock: legal hold and retention of a version of an object.
 *
 * They protect versions: whatever hides a version (a delete marker, a newer version of the key)
 * leaves it there, and its lock. A version is named by its ID; "": the current one.
 *
 * Units    milliseconds since 1970
 * Errors   those of s3_client: ERR_DENIED without the permission, ERR_NOT_FOUND if there is no
 *          such version, ERR_HTTP (400) if the bucket has no Object Lock; ERR_FORMAT for a
 *          malformed answer
 * Owns     nothing
 * Threads  one, the client's; the functions that read answers any
 * Source   Amazon S3 API reference: PutObjectLegalHold, GetObjectLegalHold, PutObjectRetention,
 *          GetObjectRetention
 */
#ifndef S3_OBJECT_LOCK_H
#define S3_OBJECT_LOCK_H

#include "base/err.h"
#include "s3/object.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_retention {
    unsigned mode;    /* enum object_lock; OBJECT_LOCK_NONE: there is no retention */
    int64_t until_ms; /* its end */
};

/* Put a version under legal hold, or take it off; one that is as wanted is no error. */
int object_lock_put_hold(struct s3_client *client, const char *key, const char *version,
                         bool on, struct err *err) MUST_CHECK;

/* Whether a version is under legal hold: 1, 0 or -1. */
int object_lock_get_hold(struct s3_client *client, const char *key, const char *version,
                         struct err *err) MUST_CHECK;

/* Set the retention of a version, which the store only lets become longer. */
int object_lock_put_retention(struct s3_client *client, const char *key, const char *version,
                              const struct object_retention *retention,
                              struct err *err) MUST_CHECK;

/* Ask for the retention of a version. */
int object_lock_get_retention(struct s3_client *client, const char *key, const char *version,
                              struct object_retention *retention, struct err *err) MUST_CHECK;

/* Read an answer about a legal hold: 1: on, 0: off, -1. */
int object_lock_read_hold(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Read an answer about a retention. */
int object_lock_read_retention(const char *text, size_t len, struct object_retention *out,
                               struct err *err) MUST_CHECK;

#endif
