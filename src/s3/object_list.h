/* SPDX-License-Identifier: MIT */
/*
 * object_list: lists the objects of a bucket, page by page.
 *
 * Memory is bounded by one page, not by the number of objects. A list that does not go on is an
 * error, see s3/object_page; one that always has greater keys goes on until the visitor ends
 * it. Each page is one request, of which stores demand more money than for reading an object.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   those of s3_client and s3/object_page; the visitor's errors
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: ListObjectsV2
 */
#ifndef S3_OBJECT_LIST_H
#define S3_OBJECT_LIST_H

#include "base/err.h"
#include "s3/object_page.h"
#include "s3/s3_client.h"

/*
 * Visit the objects whose keys begin with a prefix, in the order of their keys, byte by byte.
 * No call of the client is running while the visitor is called, so that it may use the client.
 *
 * prefix   "": all
 * after    the first key is greater than this; NULL: from the first on
 */
int object_list(struct s3_client *client, const char *prefix, const char *after,
                object_list_fn *visit, void *ctx, struct err *err) MUST_CHECK;

#endif
