/* SPDX-License-Identifier: MIT */
/*
 * bucket: what a bucket is set up to do: versions, and Object Lock.
 *
 * Units    days and years, as the bucket's rule has them
 * Errors   those of s3_client; ERR_FORMAT for malformed answers. A store that does not know a
 *          setting answers with 501 or 404: such a bucket does not have it
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: GetBucketVersioning, GetObjectLockConfiguration
 */
#ifndef S3_BUCKET_H
#define S3_BUCKET_H

#include "base/err.h"
#include "s3/s3_client.h"

#include <stdbool.h>

enum bucket_versions {
    BUCKET_UNVERSIONED,
    BUCKET_VERSIONED,
    BUCKET_SUSPENDED, /* there may be versions, of former times */
};

/* Ask whether the bucket keeps versions. */
int bucket_versions(struct s3_client *client, enum bucket_versions *versions,
                    struct err *err) MUST_CHECK;

struct bucket_lock {
    bool enabled;    /* the bucket was created with Object Lock */
    char mode[16];   /* of the retention that each new object gets; "": none does */
    char period[16]; /* of it: digits */
    bool years;      /* the period is in years, not days */
};

/* Ask whether the bucket has Object Lock. */
int bucket_lock(struct s3_client *client, struct bucket_lock *lock, struct err *err) MUST_CHECK;

#endif
