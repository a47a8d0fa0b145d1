/* SPDX-License-Identifier: MIT */
/*
 * version_list: lists the versions of the objects of a bucket, page by page.
 *
 * Memory is bounded by one page. A list is foreign data: keys outside the prefix, a page
 * without a version before others, or that repeats the one before, and more than
 * VERSION_LIST_MAX versions are errors.
 *
 * Units    bytes
 * Errors   those of s3_client; ERR_FORMAT for malformed pages; ERR_LIMIT; the visitor's
 * Owns     nothing
 * Threads  one, the client's; version_list_read any
 * Source   Amazon S3 API reference: ListObjectVersions
 */
#ifndef S3_VERSION_LIST_H
#define S3_VERSION_LIST_H

#include "base/err.h"
#include "net/xml.h"
#include "s3/location.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERSION_LIST_MAX 50000000

/* One version of a key, or a delete marker; valid during the call. */
struct version_listed {
    const char *key;
    const char *id; /* "null": it was written without versions */
    bool latest;    /* it is what a request without a version ID gets */
    bool marker;    /* it is a delete marker: there is no object of this key */
    uint64_t size;  /* 0 of a delete marker */
};

/* Visit one version; -1 ends the list with the visitor's error. */
typedef int version_list_fn(void *ctx, const struct version_listed *version, struct err *err);

/* How far a list has been read. To begin: prefix. */
struct version_page {
    const char *prefix;
    char key[ELEMENT_TEXT_MAX + 1]; /* with which the next page is asked for; "": none */
    char id[ELEMENT_TEXT_MAX + 1];  /* the same */
    bool more;                      /* there is a next page */
    uint64_t count;                 /* of versions so far */
};

/*
 * Read a page and visit its versions. Delete markers may come after all versions of the page.
 */
int version_list_read(struct version_page *page, const char *text, size_t len,
                      version_list_fn *visit, void *ctx, struct err *err) MUST_CHECK;

/* Visit the versions of the objects whose keys begin with a prefix. The visitor must not use
 * the client. */
int version_list(struct s3_client *client, const char *prefix, version_list_fn *visit,
                 void *ctx, struct err *err) MUST_CHECK;

#endif
