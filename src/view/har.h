/* SPDX-License-Identifier: MIT */
/*
 * har: reduces a HAR file to the data that the offline view shows for each request.
 *
 * Units    milliseconds, bytes
 * Errors   ERR_FORMAT if the text is not a HAR; ERR_MEMORY, ERR_LIMIT
 * Threads  any
 * Source   HAR 1.2 (W3C web performance group's draft)
 */
#ifndef VIEW_HAR_H
#define VIEW_HAR_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

#define HAR_SIZE_MAX ((size_t)32 << 20) /* larger files are not read */
#define HAR_ROWS_MAX 5000
#define HAR_TEXT_MAX ((size_t)4 << 20) /* bytes of rows; the further ones are left out */
#define HAR_URL_MAX  2000              /* bytes; longer URLs are truncated */

/*
 * Append {"total": N, "entries": [[start, time, method, URL, status, type, size, error], ...]};
 * start is in ms since 1970, size is -1 if not known, status is 0 if there was no response.
 * values: the limit of values and keys in the file, for memory; ERR_LIMIT if it has more.
 */
int har_rows(const char *text, size_t len, size_t values, struct buf *out,
             struct err *err) MUST_CHECK;

#endif
