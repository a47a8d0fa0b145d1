/* SPDX-License-Identifier: MIT */
/*
 * inspection_html: the inspection as a page to be read and printed.
 *
 * Errors   the sink's, the catalog's
 * Owns     nothing
 * Threads  one
 */
#ifndef EVIDENCE_INSPECTION_HTML_H
#define EVIDENCE_INSPECTION_HTML_H

#include "base/buf.h"
#include "base/err.h"

/* Write the page, which has no script and loads nothing; a file_maker, ctx is a struct
 * inspection_document. */
int inspection_html_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
