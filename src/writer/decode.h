/* SPDX-License-Identifier: MIT */
/*
 * decode: a body out of the coding that it came in.
 *
 * For bodies whose server compressed them although it was asked not to, and for HAR files that
 * are zstd-compressed at rest. A stream that has not ended when the bytes end is an error, and
 * so are bytes behind its end, and more bytes than the coded ones explain (DECODE_RATIO).
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a broken stream, ERR_LIMIT for a bomb, ERR_MEMORY; the spool's
 * Owns     nothing that outlives a call
 * Threads  the packer's
 * Source   RFC 1950 (zlib), RFC 1951 (deflate), RFC 1952 (gzip), RFC 8878 (zstd);
 *          RFC 9110, 8.4.1 (content codings)
 */
#ifndef WRITER_DECODE_H
#define WRITER_DECODE_H

#include "base/err.h"
#include "writer/body.h"

#include <stdint.h>

#define DECODE_RATIO 200                  /* bytes out for one byte in, beyond ... */
#define DECODE_GRACE ((uint64_t)16 << 20) /* ... this many */

/*
 * Decode a whole body into a new one.
 *
 * coding   not CODED_NOT
 * spool    where the new one lies
 * max      most bytes that it may have
 * returns  the new body, the caller's; NULL on failure
 */
struct body *decode_body(const struct body *body, enum body_coding coding,
                         const struct spool *spool, uint64_t max, struct err *err) MUST_CHECK;

#endif
