/* SPDX-License-Identifier: MIT */
/*
 * manifest_scan: an open archive's manifest.json, found and read row by row.
 *
 * Units    bytes
 * Errors   ERR_FORMAT where there is none, or locator and header disagree; ERR_LIMIT; what
 * reading gives Owns     nothing Threads  one a box Source   docs/archive-format.md
 */
#ifndef READER_MANIFEST_SCAN_H
#define READER_MANIFEST_SCAN_H

#include "base/digest.h"
#include "base/err.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"

#include <stdint.h>

#define MANIFEST_SCAN_MAX ((uint64_t)8 << 30) /* bytes of manifest.json */

/* Digests of manifest.json. */
struct manifest_digests {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    uint8_t sha512[SHA512_SIZE]; /* what signatures are of */
};

/*
 * Read the manifest, and note its top directory in the box.
 *
 * fn       gets each row; NULL: no row is wanted
 * digests  NULL, or set when the whole manifest was read: when fn did not end it
 */
int manifest_scan(struct archive_reader *box, manifest_read_fn *fn, void *ctx,
                  struct manifest_digests *digests, struct err *err) MUST_CHECK;

#endif
