/* SPDX-License-Identifier: MIT */
/*
 * report: the offline view of an existing archive.
 *
 * The archive is read once, sequentially; damaged texts are left out and logged.
 *
 * Errors   those of reading; ERR_SYSTEM
 * Owns     the page being built, until report_free
 * Threads  one
 */
#ifndef CMDUTIL_REPORT_H
#define CMDUTIL_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>

struct report;

/* Create an empty report; temporary files without names are opened in dir. */
struct report *report_new(const char *dir, struct err *err) MUST_CHECK;

/* Read an archive; call once. stop is polled. */
int report_read(struct report *report, const char *archive, struct stop stop,
                struct err *err) MUST_CHECK;

/* Free a report; NULL is fine. */
void report_free(struct report *report);

/* The archive's top directory; valid until report_free. */
const char *report_top(const struct report *report);

/* Write the page; a file_maker, ctx is the report. */
int report_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
