/* SPDX-License-Identifier: MIT */
/*
 * report: the offline view of an archive that is there already.
 *
 * Reads it once, from end to end; damaged texts are left out, and told.
 *
 * Errors   those of reading; ERR_SYSTEM
 * Owns     the page in the making, until report_free
 * Threads  one
 */
#ifndef CMDUTIL_REPORT_H
#define CMDUTIL_REPORT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

#define REPORT_NAME "index.html"

struct report;

/* Make a report of nothing yet; dir is for files without names, which are opened here. */
struct report *report_new(const char *dir, struct err *err) MUST_CHECK;

/* Read an archive, once; stopped (may be NULL) is asked whether to give up. */
int report_read(struct report *report, const char *archive, bool (*stopped)(void *ctx),
                struct err *err) MUST_CHECK;

/* Free a report; NULL is fine. */
void report_free(struct report *report);

/* The archive's top directory; lent. */
const char *report_top(const struct report *report);

/* Write the page; a file_maker, ctx being the report. */
int report_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
