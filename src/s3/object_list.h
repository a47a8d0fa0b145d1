/* SPDX-License-Identifier: MIT */
/*
 * object_list: lists the objects and the unfinished uploads of a bucket, page by page.
 *
 * Lists cost more than any other request, so nothing lists what it can know: see
 * docs/object-stores.md.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   those of s3_client; ERR_FORMAT for malformed lists; the visitor's errors
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: ListObjectsV2, ListMultipartUploads
 */
#ifndef S3_OBJECT_LIST_H
#define S3_OBJECT_LIST_H

#include "base/err.h"
#include "s3/s3_client.h"

#include <stdint.h>

struct object_listed {
    const char *key;  /* valid during the call; keys that skyarc could not write are left out */
    const char *id;   /* of an unfinished upload; NULL: an object */
    uint64_t size;    /* of an object */
    int64_t when_ms;  /* last modified, or begun; CLOCK_NONE: unknown */
    const char *etag; /* of an object */
};

/* Visit one element; -1 ends the list with the visitor's error. */
typedef int object_list_fn(void *ctx, const struct object_listed *listed, struct err *err);

/* Visit all objects whose key starts with a prefix, in the order of their keys. */
int object_list(struct s3_client *client, const char *prefix, object_list_fn *visit, void *ctx,
                struct err *err) MUST_CHECK;

/* Visit all unfinished uploads whose key starts with a prefix. */
int object_list_uploads(struct s3_client *client, const char *prefix, object_list_fn *visit,
                        void *ctx, struct err *err) MUST_CHECK;

#endif
