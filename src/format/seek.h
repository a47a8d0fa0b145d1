/* SPDX-License-Identifier: MIT */
/*
 * seek: the seek table of an archive: the position of each frame, and its encoding at the
 * archive's end.
 *
 * A .tar.zst ends in a locator (a skippable frame, which the table counts as a frame without
 * content) and the seek table of the Zstandard seekable format. A .tar.gz ends in empty
 * members, whose extra fields contain the table and, in the last member, which has a fixed
 * size, the locator. Other readers skip these frames and members.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT, ERR_FORMAT
 * Limits   SEEK_ROWS_MAX rows of 8 bytes each, and 16 bytes for every SEEK_STRIDE rows
 * Owns     a table owns its rows
 * Threads  one at a time
 * Source   zstd's contrib/seekable_format specification 0.1.0; RFC 1952,
 *          2.3.1.1; docs/archive-format.md
 */
#ifndef FORMAT_SEEK_H
#define FORMAT_SEEK_H

#include "base/buf.h"
#include "base/err.h"
#include "format/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEK_SKIPPABLE_TABLE   0x184d2a5eU
#define SEEK_SKIPPABLE_LOCATOR 0x184d2a5dU
#define SEEK_SKIPPABLE_NAMES   0x184d2a5cU
#define SEEK_MAGIC             0x8f92eab1U
#define SEEK_LOCATOR_SIZE      48 /* size of a locator's content */
#define SEEK_LOCATOR_MAGIC     "skyarc\0\1"
#define SEEK_NAMES_MAGIC       "skyarc\0\2"      /* begins each page of the index of names */
#define SEEK_HEAD_SIZE         16                /* bytes that tell whether an index starts */
#define SEEK_ROWS_MAX          ((size_t)1 << 24) /* maximum number of frames in an archive */
#define SEEK_PLAIN_MAX         (64U << 20)       /* largest accepted frame */
#define SEEK_STRIDE            64                /* number of rows per mark */

struct seek_row {
    uint32_t coded; /* compressed size */
    uint32_t plain; /* uncompressed size */
};

/* The start of every SEEK_STRIDE-th frame. */
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
    uint64_t coded; /* totals of all rows */
    uint64_t plain;
};

/* The position of the manifest, and of the index of names. */
struct seek_locator {
    uint64_t frame; /* index of the frame that starts with its tar header */
    uint64_t coded; /* that frame's offset in the archive */
    uint64_t plain; /* the tar header's offset in the tar stream */
    uint64_t size;  /* bytes of manifest.json */
    /* in the seek table, not in the locator */
    uint64_t names_at;   /* offset of the index's frame in the archive */
    uint64_t names_size; /* its size, with the frame's head; 0: there is none */
};

/* Append a frame's sizes to the table. */
int seek_add(struct seek *seek, uint64_t coded, uint64_t plain, struct err *err) MUST_CHECK;

/* Remove the frames from index count on. */
void seek_cut(struct seek *seek, size_t count);

/*
 * Append the encoded table and locator to out; nothing for FRAME_NONE. An index of names, of
 * locator->names_size bytes, has been written before. For FRAME_ZSTD the table then also has
 * rows for that index and for the locator.
 */
int seek_tail(struct seek *seek, enum frame_codec codec, const struct seek_locator *locator,
              struct buf *out, struct err *err) MUST_CHECK;

/* Reads exactly len bytes of an archive at an offset. */
typedef int seek_read_fn(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err);

/*
 * Read the table and locator that seek_tail wrote, and check them against the archive's size.
 * Every byte of them is checked. An empty frame, or one larger than SEEK_PLAIN_MAX, is invalid.
 *
 * seek      must be {0}; gets the rows of all frames with content
 * returns   1; 0: the archive has no seek table; -1: error, ERR_FORMAT for an invalid table
 */
int seek_load(struct seek *seek, enum frame_codec codec, struct seek_locator *locator,
              seek_read_fn *read, void *ctx, uint64_t size, struct err *err) MUST_CHECK;

/*
 * Find the index of names by the end of a .tar.zst, in one read.
 *
 * locator   gets names_at and names_size only; the caller must check the index at that place
 * returns   1; 0: the archive has none
 */
int seek_names(struct seek_locator *locator, seek_read_fn *read, void *ctx, uint64_t size,
               struct err *err) MUST_CHECK;

/*
 * Whether a frame with these first bytes belongs to the table or locator that seek_tail wrote.
 * seek_load does not find a tail whose last bytes are damaged; a reader of all frames does.
 */
bool seek_is_tail(enum frame_codec codec, const unsigned char at[SEEK_HEAD_SIZE]);

/*
 * Find the frame that contains the byte at offset at of the tar stream, by binary search;
 * seek->count if there is none. coded and plain get the start of the frame.
 */
size_t seek_find(const struct seek *seek, uint64_t at, uint64_t *coded, uint64_t *plain);

/* Free a seek table's rows; may be called twice. */
void seek_clear(struct seek *seek);

#endif
