/* SPDX-License-Identifier: MIT */
/*
 * inspection_json: the inspection as one JSON document.
 *
 * Errors   the sink's, the catalog's
 * Owns     nothing
 * Threads  one
 * Source   docs/schemas/audit.json
 */
#ifndef EVIDENCE_INSPECTION_JSON_H
#define EVIDENCE_INSPECTION_JSON_H

#include "base/buf.h"
#include "base/err.h"

/* Write the document; a file_maker, ctx is a struct inspection_document. */
int inspection_json_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
