/* SPDX-License-Identifier: MIT */
/*
 * inspection_csv: the runs of the inspection as a table for spreadsheets.
 *
 * Errors   the sink's, the catalog's
 * Owns     nothing
 * Threads  one
 * Source   RFC 4180; OWASP, "CSV injection"
 */
#ifndef EVIDENCE_INSPECTION_CSV_H
#define EVIDENCE_INSPECTION_CSV_H

#include "base/buf.h"
#include "base/err.h"

/* Write the table, in which no cell is a formula; a file_maker, ctx is a struct
 * inspection_document. */
int inspection_csv_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
