/* SPDX-License-Identifier: MIT */
/*
 * frame: a piece of the tar stream coded on its own, so that it can be coded
 * beside others and read without them.
 *
 * FRAME_ZSTD   one zstd frame with its content size and checksum. Squeezed by
 *              libzstd, or stored: raw blocks of at most 128 KiB around bytes
 *              that are never copied.
 * FRAME_GZIP   one gzip member by zlib; stored is deflate's level 0.
 * FRAME_NONE   the bytes themselves.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     a coder owns its contexts; parts are borrowed
 * Threads  a coder belongs to one thread at a time
 * Source   RFC 8878 (zstd), RFC 1952 (gzip); docs/archive-format.md
 */
#ifndef FORMAT_FRAME_H
#define FORMAT_FRAME_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FRAME_CUT_FILE  ((size_t)256 << 10) /* a frame this full ends where a file begins */
#define FRAME_CUT_PIECE ((size_t)4 << 20)   /* and no frame is larger */
#define FRAME_PART_MAX  ((size_t)128 << 10) /* bytes of one part: a zstd block */

enum frame_codec { FRAME_NONE, FRAME_ZSTD, FRAME_GZIP };

struct frame_coder;

/* level 0: the codec's default; outside its range: its nearest. */
struct frame_coder *frame_coder_new(enum frame_codec codec, int level,
                                    struct err *err) MUST_CHECK;

/* Free a coder; NULL is fine. */
void frame_coder_free(struct frame_coder *coder);

/*
 * Code parts of size bytes together.
 *
 * store    do not squeeze
 * out      gets what frame_emit needs beside the parts
 */
int frame_code(struct frame_coder *coder, const struct iovec *parts, size_t count,
               uint64_t size, bool store, struct buf *out, struct err *err) MUST_CHECK;

/* What frame_code was given, and what it made. */
struct frame_parts {
    const struct iovec *at;
    size_t count;
    bool store;
    const struct buf *coded;
};

/* Put out the frame that frame_code made. */
int frame_emit(enum frame_codec codec, const struct frame_parts *frame, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
