/* SPDX-License-Identifier: MIT */
/*
 * framer: cuts the tar stream into frames, in lanes.
 *
 * Entries that are already compressed go into a lane whose frames are stored, the others into
 * lanes whose frames are compressed: for zstd one for each family of texts, which resemble each
 * other, otherwise one. A frame ends where a file begins, once it holds FRAME_CUT_FILE bytes
 * (of a family: once the file would make it longer than FRAME_CUT_TEXT), and inside a file
 * each FRAME_CUT_PIECE bytes, but a text that fits into FRAME_CUT_TEXT is not cut. A file that
 * is spread over frames ends the last of them, so that nothing of other lanes comes between its
 * parts, and the stream is a plain tar in the order in which frames end. The place of an entry
 * is known when its frame ends: then its struct spot is filled in. A hard link must be in the
 * lane of its target, so that it follows its target.
 *
 * Texts of families are copied into one buffer for each frame, so that open frames hold no
 * chunks of bodies, and zstd reads the texts where they are. All buffers together have a limit:
 * if open frames would exceed it, the longest frame ends. While connections need less memory,
 * the reserve lends some of it: then there may be more copies, and frames become longer.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_FORMAT; errors of its threads are returned at drain
 * Owns     its input until it is written; places must stay valid until drain
 * Threads  the packer only
 * Source   docs/archive-format.md, "Frames"
 */
#ifndef WRITER_FRAMER_H
#define WRITER_FRAMER_H

#include "base/err.h"
#include "base/pool.h"
#include "base/reserve.h"
#include "format/entry.h"
#include "format/seek.h"
#include "writer/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOT_NONE   UINT64_MAX
#define SPOT_STORED (-1) /* the level of a frame that is not compressed */

/* Where an entry's header begins. */
struct spot {
    uint64_t frame;  /* index, or SPOT_NONE */
    uint64_t offset; /* in the tar stream, or SPOT_NONE */
    int level;       /* of the frame; SPOT_STORED; 0: unknown, or the format has no frames */
};

/* The level as a manifest has it: 0: stored; SPOT_NONE: unknown, or no frames. */
uint64_t spot_level(const struct spot *spot);

struct framer;

/* Sizes that follow from the memory, or that a simulation reduces; 0: the default. */
struct framer_sizes {
    size_t cut_file;  /* FRAME_CUT_FILE */
    size_t cut_piece; /* FRAME_CUT_PIECE */
    size_t copy_max;  /* a shorter piece is copied, which frees its chunk */
    size_t chunk;     /* CHUNK_SIZE: by which a buffer for copies grows */
    size_t cut_text;  /* FRAME_CUT_TEXT, or 2 * cut_piece; more than cut_piece */
    size_t cut_most;  /* cut_text with all that can be borrowed; FRAME_CUT_TEXT, or cut_text */
    size_t copies;    /* bytes of all copies: of open frames, and of those being compressed */
    size_t contexts;  /* bytes of all contexts of zstd, with --level auto */
};

struct framer_opts {
    enum frame_codec codec;
    int level;
    unsigned workers;
    bool stepped; /* no threads: framer_step does their work */
    struct framer_sizes sizes;
    struct reserve *reserve; /* lends memory for more copies and longer frames; or NULL */
};

/* Make a framer; the output must outlive it. */
struct framer *framer_new(const struct framer_opts *opts, struct output *output,
                          struct err *err) MUST_CHECK;

/* Stop its threads and release; may be NULL. */
void framer_free(struct framer *framer);

/* Stepped: write one frame; false if none has ended. */
bool framer_step(struct framer *framer);

/* Before the first entry: continue after existing frames, whose rows are moved in. */
void framer_start(struct framer *framer, struct seek *seek, uint64_t plain);

/* Start an entry. place may be NULL. */
int framer_begin(struct framer *framer, const struct entry_file *file, struct spot *place,
                 struct err *err) MUST_CHECK;

/* Add bytes to the entry, by copy. */
int framer_add(struct framer *framer, const void *bytes, size_t len,
               struct err *err) MUST_CHECK;

/* Add a chunk's bytes to the entry, by reference where that saves a copy. */
int framer_add_chunk(struct framer *framer, struct chunk *chunk, struct err *err) MUST_CHECK;

/* End the entry. size: of its content, as its header says. */
int framer_end(struct framer *framer, uint64_t size, struct err *err) MUST_CHECK;

/* End all frames, so that the next entry starts a frame. */
void framer_flush(struct framer *framer);

/*
 * End the frames that refer to chunks of bodies, so that the chunks are returned to their pool.
 */
void framer_release(struct framer *framer);

/*
 * Called at regular intervals, between entries: end the frames that were open at the last call,
 * and write all ended frames to the file, so that an interruption loses little.
 */
void framer_age(struct framer *framer);

/* Set a mark before the next entry. */
void framer_mark(struct framer *framer);

/*
 * Go back to the last mark, which was set before the current entry, or the one that ended last:
 * it is removed, complete or not.
 */
void framer_back(struct framer *framer);

/* Write everything; *seek (may be NULL) gets the seek table, valid until the next entry. */
int framer_drain(struct framer *framer, struct seek **seek, struct err *err) MUST_CHECK;

/* See compress_pool_hurry. */
void framer_hurry(struct framer *framer);

/* Whether something failed already. */
bool framer_failed(struct framer *framer);

#endif
