/* SPDX-License-Identifier: MIT */
/*
 * object_page: reads one page of a list of objects, and checks that the list goes on.
 *
 * A list is foreign data: keys outside the prefix, keys that do not ascend, pages that repeat
 * their continuation token, and OBJECT_PAGE_EMPTY pages in a row without a key are errors. So a
 * list ends, or comes to greater keys.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   ERR_FORMAT for malformed pages; ERR_LIMIT for texts that are too long; the visitor's
 * Owns     nothing
 * Threads  any
 * Source   Amazon S3 API reference: ListObjectsV2
 */
#ifndef S3_OBJECT_PAGE_H
#define S3_OBJECT_PAGE_H

#include "base/err.h"
#include "net/xml.h"
#include "s3/location.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_PAGE_EMPTY 100 /* pages without a key that may follow each other */

/* One object of a list; valid during the call. */
struct object_listed {
    const char *key; /* any bytes but NUL, up to LOCATION_KEY_MAX, with the prefix */
    uint64_t size;
    const char *etag;    /* with its quotes; "": the list does not tell */
    int64_t modified_ms; /* by the store's clock; CLOCK_NONE: the list does not tell */
};

/* Visit one object; -1 ends the list with the visitor's error. */
typedef int object_list_fn(void *ctx, const struct object_listed *object, struct err *err);

/* How far a list has been read. To begin: prefix, and last if the list begins after a key. */
struct object_page {
    const char *prefix;
    char last[LOCATION_KEY_MAX + 1];  /* the greatest key so far; "": none */
    char token[ELEMENT_TEXT_MAX + 1]; /* with which the next page is asked for; "": none */
    bool more;                        /* there is a next page */
    unsigned empty;                   /* pages without a key since the last one with some */
};

/* What a page says of itself, which may stand behind its entries. */
struct object_page_head {
    bool list;    /* it is a list */
    bool encoded; /* keys are percent-encoded */
    bool truncated;
};

/* Take an element, if it is one of these. root: the name of the page's outermost element */
void object_page_take(struct object_page_head *head, const char *root, const char *path,
                      const char *text);

/* Decode a key as lists encode it: as a form's value, in which '+' is a blank. */
int object_page_decode(char *key, struct err *err) MUST_CHECK;

/* Decode the key of an entry, if it is encoded, and check its length and prefix. */
int object_page_key(char *key, bool encoded, const char *prefix, struct err *err) MUST_CHECK;

/* Read a page and visit its objects, in their order. */
int object_page_read(struct object_page *page, const char *text, size_t len,
                     object_list_fn *visit, void *ctx, struct err *err) MUST_CHECK;

#endif
