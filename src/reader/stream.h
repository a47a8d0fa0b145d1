/* SPDX-License-Identifier: MIT */
/*
 * stream: decodes the tar stream of a compressed archive, from any offset if the archive is
 * indexed, else from the start.
 *
 * Only the frames that are read are decoded. Each row of the seek table must be exactly one
 * frame. Memory is bounded: a frame that needs a larger window than those below is refused.
 *
 * Units    bytes of the tar stream, unless stated otherwise
 * Errors   ERR_MISMATCH with the number of the damaged frame; ERR_SYSTEM
 * Owns     the decoder; the archive is borrowed
 * Threads  one at a time; several streams may read the same archive
 * Source   RFC 8878, RFC 1952
 */
#ifndef READER_STREAM_H
#define READER_STREAM_H

#include "base/err.h"
#include "reader/archive_reader.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Maximum zstd windows. skyarc's frames are not larger than FRAME_CUT_TEXT; archives repacked
 * by others with zstd --ultra need 2^27.
 */
#define STREAM_WINDOW_LOG 23 /* with an index: 8 MiB per thread */
#define STREAM_WHOLE_LOG  27 /* without: 128 MiB, in one thread */

struct stream;

/*
 * Start at offset at of the tar stream (without an index: 0); the stream ends with the frame
 * that contains the byte before to.
 */
struct stream *stream_open(struct archive_reader *reader, uint64_t at, uint64_t to,
                           struct err *err) MUST_CHECK;

/* Free a stream, but not the archive; NULL is fine. */
void stream_free(struct stream *stream);

/* Read up to len bytes; 0 at the end; -1 on error. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
