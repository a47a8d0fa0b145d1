/* SPDX-License-Identifier: MIT */
/*
 * forward_reader: opens several files of an archive at their places, one after the other, so
 * that a frame with many of them is decoded once.
 *
 * A file whose frame is being decoded, and whose place is ahead, is reached by decoding the
 * frame further. For any other file, its frame is decoded from the start. Whatever is damaged,
 * or lies about its size, on the way to a file does not matter if the file itself can be read.
 *
 * Order    files opened in the order of their places: each frame is decoded once; in any other
 *          order, some more often
 * Units    bytes of the tar stream
 * Errors   ERR_MISMATCH if something else is at the place; those of reading (entry_reader)
 * Limits   one decoder (reader/stream)
 * Owns     the entry reader; the archive is borrowed
 * Threads  one
 */
#ifndef VIEWER_FORWARD_READER_H
#define VIEWER_FORWARD_READER_H

#include "base/err.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"

#include <stdint.h>

struct forward_reader {
    struct archive_reader *reader; /* set by the caller: indexed, or a plain tar */
    struct entry_reader *entries;  /* NULL: nothing is being decoded */
    uint64_t data;                 /* offset of the content of the file opened last */
};

/*
 * Open a file, whose content may then be read.
 *
 * path     without the top directory
 * offset   of its tar header
 * size     of its content
 * returns  valid until the next call; NULL: error
 */
struct entry_reader *forward_reader_open(struct forward_reader *forward, const char *path,
                                         uint64_t offset, uint64_t size,
                                         struct err *err) MUST_CHECK;

/* Stop decoding; may be called twice. */
void forward_reader_clear(struct forward_reader *forward);

#endif
