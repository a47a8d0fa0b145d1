/* SPDX-License-Identifier: MIT */
/*
 * upload_list: lists the unfinished uploads of a bucket, page by page.
 *
 * Units    milliseconds since 1970
 * Errors   those of s3_client; ERR_FORMAT for malformed lists; the visitor's errors
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: ListMultipartUploads
 */
#ifndef S3_UPLOAD_LIST_H
#define S3_UPLOAD_LIST_H

#include "base/err.h"
#include "s3/s3_client.h"

#include <stdint.h>

/* One unfinished upload; valid during the call. */
struct upload_listed {
    const char *key; /* one that skyarc could not write is left out */
    const char *id;
    int64_t when_ms; /* when it was begun, by the store's clock; CLOCK_NONE: unknown */
};

/* Visit one upload; -1 ends the list with the visitor's error. */
typedef int upload_list_fn(void *ctx, const struct upload_listed *listed, struct err *err);

/* Visit all unfinished uploads whose key starts with a prefix. */
int upload_list(struct s3_client *client, const char *prefix, upload_list_fn *visit, void *ctx,
                struct err *err) MUST_CHECK;

#endif
