/* SPDX-License-Identifier: MIT */
/*
 * frame: a part of the tar stream that is compressed independently, so that frames can be
 * compressed in parallel and read one by one.
 *
 * FRAME_ZSTD   one zstd frame with its content size and checksum: compressed by libzstd, or
 *              stored as raw blocks of at most 128 KiB, whose bytes are not copied.
 * FRAME_GZIP   one gzip member by zlib; stored frames use deflate's level 0.
 * FRAME_NONE   the uncompressed bytes.
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

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FRAME_CUT_FILE  ((size_t)256 << 10) /* a frame of this size ends at the next file */
#define FRAME_CUT_PIECE ((size_t)4 << 20)   /* a frame of this size ends inside a file */
#define FRAME_CUT_TEXT  ((size_t)8 << 20)   /* maximum size of a frame: texts of whole files */
#define FRAME_PART_MAX  ((size_t)128 << 10) /* maximum size of a part: a zstd block */

enum frame_codec { FRAME_NONE, FRAME_ZSTD, FRAME_GZIP };

struct frame_coder;

/* Create a coder. level 0 is the codec's default; a level out of range is clamped. */
struct frame_coder *frame_coder_new(enum frame_codec codec, int level,
                                    struct err *err) MUST_CHECK;

/*
 * Set a flag that a coder checks, and that must outlive it: once the flag is true, frames are
 * stored without compression, including the frame that is being compressed.
 */
void frame_coder_watch(struct frame_coder *coder, const atomic_bool *hurried);

/*
 * Compress the next frames with another level; a level out of range is clamped. FRAME_ZSTD
 * only: the other codecs keep their level.
 */
void frame_coder_level(struct frame_coder *coder, int level);

/* The level that a codec has for `level`: its default for 0, clamped. */
int frame_level(enum frame_codec codec, int level);

/* Bytes of zstd's context at a level, for a frame whose parts are contiguous. */
size_t frame_context(int level);

/* The highest of zstd's levels up to `most` whose context for a frame fits into `bytes`. */
int frame_level_within(int most, size_t bytes);

/* Free a coder; NULL is fine. */
void frame_coder_free(struct frame_coder *coder);

/*
 * Compress parts, of size bytes in total, into a frame.
 *
 * store    in: store the bytes without compression; set to true if the flag of
 *          frame_coder_watch caused that
 * out      gets the data that frame_emit needs in addition to the parts
 */
int frame_code(struct frame_coder *coder, const struct iovec *parts, size_t count,
               uint64_t size, bool *store, struct buf *out, struct err *err) MUST_CHECK;

/* The input and output of frame_code. */
struct frame_parts {
    const struct iovec *at;
    size_t count;
    bool store;
    const struct buf *coded;
};

/* Write the frame that frame_code created. */
int frame_emit(enum frame_codec codec, const struct frame_parts *frame, put_fn *put, void *ctx,
               struct err *err) MUST_CHECK;

#endif
