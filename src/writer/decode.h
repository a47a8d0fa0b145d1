/* SPDX-License-Identifier: MIT */
/*
 * decode: decodes a body that was received compressed.
 *
 * For bodies whose server compressed them although no coding was requested, and for HAR files
 * that are zstd-compressed at rest. Errors are a truncated stream, bytes after its end, and a
 * decoded size that exceeds the allowed ratio (DECODE_RATIO).
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a broken stream, ERR_LIMIT for a decompression bomb or a zstd window
 *          above 128 MiB, ERR_MEMORY; the spool's
 * Owns     nothing after a call returns
 * Threads  the packer's
 * Source   RFC 1950 (zlib), RFC 1951 (deflate), RFC 1952 (gzip), RFC 8878 (zstd); RFC 9110,
 *          8.4.1 (content codings)
 */
#ifndef WRITER_DECODE_H
#define WRITER_DECODE_H

#include "base/err.h"
#include "writer/body.h"

#include <stdint.h>

/* decoded bytes allowed per coded byte, in addition to ... */
#define DECODE_RATIO 200
#define DECODE_GRACE ((uint64_t)16 << 20) /* ... this number of bytes */

/*
 * Decode a whole body into a new one.
 *
 * coding   not CODED_NOT
 * spool    where the new body is stored
 * max      maximum size of the new body
 * returns  the new body, owned by the caller; NULL on failure
 */
struct body *decode_body(const struct body *body, enum body_coding coding,
                         const struct spool *spool, uint64_t max, struct err *err) MUST_CHECK;

#endif
