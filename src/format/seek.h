/* SPDX-License-Identifier: MIT */
/*
 * seek: where each frame lies, and the tail of the archive that says so.
 *
 * .tar.zst ends in a locator (a skippable frame, which the table counts as a
 * frame without content) and the seek table of the Zstandard seekable format.
 * .tar.gz ends in empty members whose extra fields hold the table and, last and
 * of a fixed size, the locator. Readers that know nothing of this skip it.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Limits   SEEK_ROWS_MAX rows of 8 bytes each, and 16 bytes for every SEEK_STRIDE rows
 * Owns     a table owns its rows
 * Threads  one at a time
 * Source   zstd's contrib/seekable_format specification 0.1.0; RFC 1952, 2.3.1.1;
 *          docs/archive-format.md
 */
#ifndef FORMAT_SEEK_H
#define FORMAT_SEEK_H

#include "base/buf.h"
#include "base/err.h"
#include "format/frame.h"

#include <stddef.h>
#include <stdint.h>

#define SEEK_SKIPPABLE_TABLE   0x184d2a5eU
#define SEEK_SKIPPABLE_LOCATOR 0x184d2a5dU
#define SEEK_MAGIC             0x8f92eab1U
#define SEEK_LOCATOR_SIZE      48 /* bytes of a locator's content */
#define SEEK_LOCATOR_MAGIC     "skyarc\0\1"
#define SEEK_ROWS_MAX          ((size_t)1 << 24) /* frames of one archive */
#define SEEK_PLAIN_MAX         (64U << 20)       /* tar bytes of one frame, when read */
#define SEEK_STRIDE            64                /* rows between two marks */

struct seek_row {
    uint32_t coded; /* bytes in the archive */
    uint32_t plain; /* bytes of tar */
};

/* Where every SEEK_STRIDE-th frame begins. */
struct seek_mark {
    uint64_t coded;
    uint64_t plain;
};

struct seek {
    struct seek_row *rows;
    size_t count;
    size_t cap;
    struct seek_mark *marks;
    size_t mark_cap;
    uint64_t coded; /* sums over all rows */
    uint64_t plain;
};

/* Where the manifest is. */
struct seek_locator {
    uint64_t frame; /* index of the frame that begins with its tar header */
    uint64_t coded; /* that frame's offset in the archive */
    uint64_t plain; /* the tar header's offset in the tar stream */
    uint64_t size;  /* bytes of manifest.json */
};

/* Note the next frame. */
int seek_add(struct seek *seek, uint64_t coded, uint64_t plain, struct err *err) MUST_CHECK;

/* Forget the frames from count on. */
void seek_cut(struct seek *seek, size_t count);

/* Append the archive's tail; nothing for FRAME_NONE. */
int seek_tail(struct seek *seek, enum frame_codec codec, const struct seek_locator *locator,
              struct buf *out, struct err *err) MUST_CHECK;

/* Where an archive's bytes are: fill all of len bytes from an offset. */
typedef int seek_read_fn(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);

/*
 * Read the tail that seek_tail wrote, and check it against the archive's size. A frame without
 * bytes, or of more than SEEK_PLAIN_MAX, is wrong.
 *
 * seek      must be {0}; gets the rows of all frames with content
 * returns   1; 0: this archive has no such tail; -1: it has one that is wrong (ERR_FORMAT)
 */
int seek_load(struct seek *seek, enum frame_codec codec, struct seek_locator *locator,
              seek_read_fn *read, void *ctx, uint64_t size, struct err *err) MUST_CHECK;

/*
 * The frame that holds a byte of the tar stream, found by bisection; seek->count when there is
 * none. coded and plain get where that frame begins.
 */
size_t seek_find(const struct seek *seek, uint64_t at, uint64_t *coded, uint64_t *plain);

/* Free a seek table's rows; may be called twice. */
void seek_clear(struct seek *seek);

#endif
