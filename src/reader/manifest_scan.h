/* SPDX-License-Identifier: MIT */
/*
 * manifest_scan: finds manifest.json in an open archive and parses it row by row.
 *
 * Units    bytes
 * Errors   ERR_FORMAT if there is none, or if locator and tar header do not match; ERR_LIMIT;
 *          errors of reading
 * Owns     nothing
 * Threads  one per archive
 * Source   docs/archive-format.md
 */
#ifndef READER_MANIFEST_SCAN_H
#define READER_MANIFEST_SCAN_H

#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"

#include <stdint.h>

#define MANIFEST_SCAN_MAX ((uint64_t)8 << 30) /* maximum size of manifest.json */

/* Size and digests of manifest.json. */
struct manifest_digests {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    uint8_t sha512[SHA512_SIZE]; /* the digest that is signed */
};

/*
 * Parse the manifest, and store the top directory in reader.
 *
 * fn       called with each row; manifest_read_check: only validate
 * digests  may be NULL; if fn stops the reading, they are not those of the whole manifest
 */
int manifest_scan(struct archive_reader *reader, manifest_read_fn *fn, void *ctx,
                  struct manifest_digests *digests, struct err *err) MUST_CHECK;

/* The same of an archive at a path, or in a bucket, that is opened for that; stop: ends it. */
int manifest_scan_path(const char *path, struct stop stop, manifest_read_fn *fn, void *ctx,
                       struct manifest_digests *digests, struct err *err) MUST_CHECK;

/*
 * Get the name of the previous archive of a series, and the SHA-256 of its manifest in hex,
 * from the text of a manifest's member "previous".
 */
int manifest_scan_previous(const char *text, size_t len, char *name, size_t size,
                           char sha256[SHA256_TEXT], struct err *err) MUST_CHECK;

#endif
