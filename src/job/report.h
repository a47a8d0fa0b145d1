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
#ifndef JOB_REPORT_H
#define JOB_REPORT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

#define REPORT_NAME "index.html"

struct report;

/* Read an archive; dir is for files without names; stopped (may be NULL) is asked whether to
 * give up. */
struct report *report_new(const char *archive, const char *dir, bool (*stopped)(void *ctx),
                          struct err *err) MUST_CHECK;
void report_free(struct report *report);

/* The archive's top directory; lent. */
const char *report_top(const struct report *report);

/* Write the page; a file_maker, ctx being the report. */
int report_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
