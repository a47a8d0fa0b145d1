/* SPDX-License-Identifier: MIT */
/*
 * har: a HAR file boiled down to what the offline view shows of each request.
 *
 * Units    milliseconds, bytes
 * Errors   ERR_FORMAT for what is no HAR; ERR_MEMORY, ERR_LIMIT
 * Threads  any
 * Source   HAR 1.2 (W3C web performance group's draft)
 */
#ifndef VIEW_HAR_H
#define VIEW_HAR_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

#define HAR_SIZE_MAX ((size_t)32 << 20) /* a larger one is not looked at */
#define HAR_ROWS_MAX 5000
#define HAR_URL_MAX  2000 /* bytes; what is longer is cut */

/*
 * Append {"total": N, "entries": [[start, time, method, URL, status, type, size, error], ...]};
 * start is ms since 1970, size -1 when it is not known, status 0 when no answer came.
 */
int har_rows(const char *text, size_t len, struct buf *out, struct err *err) MUST_CHECK;

#endif
