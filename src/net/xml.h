/* SPDX-License-Identifier: MIT */
/*
 * xml: reads an object store's XML responses, by Expat.
 *
 * The texts of elements are visited by their path, so that a caller picks what it needs and
 * ignores the rest. Documents with a DOCTYPE are refused: they could define entities.
 *
 * Errors   ERR_FORMAT for malformed XML; ERR_LIMIT; the visitor's errors
 * Owns     nothing that outlives a call; its copies of the text are wiped
 * Threads  any
 * Source   XML 1.0; Amazon S3 API reference, "Error responses"
 */
#ifndef NET_XML_H
#define NET_XML_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

#define ELEMENT_PATH_MAX 200  /* of an element's path */
#define ELEMENT_TEXT_MAX 4096 /* of an element's text */

/*
 * Visit each element when it ends.
 *
 * path     names from the document's element on: "ListBucketResult/Contents/Key"
 * text     its own text without that of elements in it, without surrounding blanks
 */
typedef int xml_visit_fn(void *ctx, const char *path, const char *text, struct err *err);

/* Parse a document and visit its elements; white space before it is skipped. */
int xml_parse(const char *text, size_t len, xml_visit_fn *visit, void *ctx,
              struct err *err) MUST_CHECK;

/* The same, but texts keep their surrounding blanks. */
int xml_parse_exact(const char *text, size_t len, xml_visit_fn *visit, void *ctx,
                    struct err *err) MUST_CHECK;

/* Append a text with the characters escaped that XML reserves. */
int xml_escape(struct buf *out, const char *text, struct err *err) MUST_CHECK;

#endif
