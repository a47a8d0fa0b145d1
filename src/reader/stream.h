/* SPDX-License-Identifier: MIT */
/*
 * stream: the tar stream of a compressed archive, decoded from any point on; of one without
 * index, from its beginning.
 *
 * Only the frames that are read are decoded. A row of the seek table is exactly one frame.
 * Memory is bounded by the windows below: a frame that asks for a larger one is refused.
 *
 * Units    bytes of the tar stream, where not said otherwise
 * Errors   ERR_MISMATCH with the frame that is damaged; ERR_SYSTEM
 * Owns     its decoder; the box is lent
 * Threads  one at a time; several streams may read one box
 * Source   RFC 8878, RFC 1952
 */
#ifndef READER_STREAM_H
#define READER_STREAM_H

#include "base/err.h"
#include "reader/archive_reader.h"

#include <stdint.h>
#include <sys/types.h>

/* zstd windows: frames that skyarc writes are no larger than FRAME_CUT_PIECE; zstd --ultra, by
 * which others may pack, asks for 2^27. */
#define STREAM_WINDOW_LOG 23 /* with an index: 8 MiB for each thread */
#define STREAM_WHOLE_LOG  27 /* without: 128 MiB, and one thread alone */

struct stream;

/* Start at an offset of the tar stream (without index: 0); ends where the frame ends that holds
 * the byte before to. */
struct stream *stream_open(struct archive_reader *box, uint64_t at, uint64_t to,
                           struct err *err) MUST_CHECK;

/* Free a stream; NULL is fine. The box stays open. */
void stream_free(struct stream *stream);

/* The next bytes, at most len; 0 at the end; -1 on error. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
