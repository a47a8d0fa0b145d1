/* SPDX-License-Identifier: MIT */
/*
 * stream: the tar stream of an indexed archive, decoded from any point on.
 *
 * Only the frames that are read are decoded, with a window's memory each.
 *
 * Units    bytes of the tar stream, where not said otherwise
 * Errors   ERR_MISMATCH with the frame that is damaged; ERR_SYSTEM
 * Owns     its decoder; the box is lent
 * Threads  one at a time; several streams may read one box
 * Source   RFC 8878, RFC 1952
 */
#ifndef OPEN_STREAM_H
#define OPEN_STREAM_H

#include "base/err.h"
#include "open/box.h"

#include <stdint.h>
#include <sys/types.h>

struct stream;

/* Start at an offset of the tar stream; ends where the frame ends that holds the byte before
 * to. */
struct stream *stream_open(struct box *box, uint64_t at, uint64_t to,
                           struct err *err) MUST_CHECK;
void stream_free(struct stream *stream);

/* The next bytes, at most len; 0 at the end; -1 on error. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
