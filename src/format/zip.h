/* SPDX-License-Identifier: MIT */
/*
 * zip: a zip archive, by libarchive.
 *
 * One entry a file, media stored and text deflated; no links, no frames.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   what put says; ERR_FORMAT with libarchive's words
 * Threads  one at a time
 * Source   PKWARE APPNOTE.TXT; zip64 where sizes ask for it
 */
#ifndef FORMAT_ZIP_H
#define FORMAT_ZIP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip;

/* level 0: the default. */
struct zip *zip_new(int level, put_fn *put, void *ctx, struct err *err) MUST_CHECK;

/* Begin a file; its size bytes follow by zip_add. */
int zip_entry(struct zip *zip, const char *path, uint64_t size, int64_t mtime, bool store,
              struct err *err) MUST_CHECK;

/*
 * Add bytes of the file that zip_entry began; all of its size must come before the next
 * one.
 */
int zip_add(struct zip *zip, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Put the directory out. */
int zip_end(struct zip *zip, struct err *err) MUST_CHECK;

/* Release, ended or not; NULL is fine. */
void zip_free(struct zip *zip);

#endif
