/* SPDX-License-Identifier: MIT */
/*
 * zip: writes a ZIP archive, by libarchive.
 *
 * There is one entry per file, stored or deflated. ZIPs have no links and no frames.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   errors of put; ERR_FORMAT with libarchive's message
 * Threads  one at a time
 * Source   PKWARE APPNOTE.TXT; zip64 if needed
 */
#ifndef FORMAT_ZIP_H
#define FORMAT_ZIP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip;

/* Create a ZIP writer. level 0: the default. */
struct zip *zip_new(int level, put_fn *put, void *ctx, struct err *err) MUST_CHECK;

/* Begin a file; its size bytes follow by zip_add. store: do not compress. */
int zip_entry(struct zip *zip, const char *path, uint64_t size, int64_t mtime, bool store,
              struct err *err) MUST_CHECK;

/* Add bytes to the current file, in total its size. */
int zip_add(struct zip *zip, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Write the central directory. */
int zip_end(struct zip *zip, struct err *err) MUST_CHECK;

/* Free the writer, complete or not; NULL is fine. */
void zip_free(struct zip *zip);

#endif
