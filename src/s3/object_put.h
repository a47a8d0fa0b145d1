/* SPDX-License-Identifier: MIT */
/*
 * object_put: writes a small object by one request, also under a condition.
 *
 * A request whose answer was lost is repeated. If it was a conditional one, its first attempt
 * may have made its second one fail: then the object is read back, and if it has the bytes that
 * were to be written, they count as written. So writers that compete for one key must not write
 * equal bytes: each puts its name, or a random number, into them.
 *
 * Units    bytes
 * Errors   those of s3_client. ERR_EXISTS: the condition was not met, and no attempt of this
 *          call wrote the object; ERR_NOT_FOUND: OBJECT_MATCHES, and there is no object;
 *          ERR_BUSY: also after retries, another request was made at the same moment (409);
 *          ERR_HTTP with http 501: the store has no such condition. After ERR_NET and 5xx the
 *          object may be written later; so the caller reads it, or writes again
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference, PutObject; user guide, "Conditional requests"
 */
#ifndef S3_OBJECT_PUT_H
#define S3_OBJECT_PUT_H

#include "base/err.h"
#include "s3/object.h"
#include "s3/s3_client.h"

#include <stddef.h>

#define OBJECT_PUT_MAX ((size_t)64 << 20) /* more is for s3/upload */

enum object_condition {
    OBJECT_ALWAYS,
    OBJECT_ABSENT,  /* there is no object of this key (If-None-Match: *) */
    OBJECT_MATCHES, /* the object has this entity tag (If-Match) */
};

struct object_put_opts {
    const char *key;
    const void *bytes;
    size_t len; /* up to OBJECT_PUT_MAX */
    enum object_condition condition;
    const char *etag;                     /* of OBJECT_MATCHES, as the store gave it */
    const struct object_options *options; /* NULL: none */
};

/* Write an object; *info gets its size, entity tag, version and digest. */
int object_put(struct s3_client *client, const struct object_put_opts *opts,
               struct object_info *info, struct err *err) MUST_CHECK;

#endif
