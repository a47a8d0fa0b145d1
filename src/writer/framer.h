/* SPDX-License-Identifier: MIT */
/*
 * framer: the tar stream, laid out in two lanes and cut into frames.
 *
 * Entries that are compressed already go into one lane, whose frames are
 * stored, the others into one whose frames are compressed. A frame ends where a
 * file begins, once it holds FRAME_CUT_FILE bytes, and inside a file each
 * FRAME_CUT_PIECE bytes; a file that is spread over frames ends the last of
 * them, so that nothing of the other lane comes between its parts, and the
 * stream is a plain tar in the order in which frames end.
 * Where an entry lies is known when its frame ends: then its struct spot is
 * filled.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_FORMAT; what the threads behind it met shows at drain
 * Owns     what it was given, until it is put out; places are lent until drain
 * Threads  the packer alone
 * Source   docs/archive-format.md, "Frames"
 */
#ifndef WRITER_FRAMER_H
#define WRITER_FRAMER_H

#include "base/err.h"
#include "base/pool.h"
#include "format/entry.h"
#include "format/seek.h"
#include "writer/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOT_NONE UINT64_MAX

/* Where an entry's header begins. */
struct spot {
    uint64_t frame;  /* index, or SPOT_NONE */
    uint64_t offset; /* in the tar stream, or SPOT_NONE */
};

struct framer;

/* Sizes that a simulation makes small; 0: as usual. */
struct framer_sizes {
    size_t cut_file;  /* FRAME_CUT_FILE */
    size_t cut_piece; /* FRAME_CUT_PIECE */
    size_t copy_max;  /* a shorter piece is copied: it frees its chunk */
    size_t chunk;     /* CHUNK_SIZE, of the copies */
};

struct framer_opts {
    enum frame_codec codec;
    int level;
    unsigned workers;
    bool stepped; /* no threads: framer_step does their work */
    struct framer_sizes sizes;
};

/* The writer must outlive it. */
struct framer *framer_new(const struct framer_opts *opts, struct output *output,
                          struct err *err) MUST_CHECK;

/* Stop the threads behind it and release; NULL is fine. */
void framer_free(struct framer *framer);

/* Stepped: put out one frame; false when none has ended. */
bool framer_step(struct framer *framer);

/* Before the first entry: go on behind frames that are there; their rows move in. */
void framer_start(struct framer *framer, struct seek *seek, uint64_t plain);

/* Begin an entry. place may be NULL. */
int framer_begin(struct framer *framer, const struct entry_file *file, struct spot *place,
                 struct err *err) MUST_CHECK;

/* Its bytes, by copy; and those of a chunk, by reference where that pays. */
int framer_add(struct framer *framer, const void *bytes, size_t len,
               struct err *err) MUST_CHECK;

/* Add a chunk's bytes to the entry, by reference where that saves a copy. */
int framer_add_chunk(struct framer *framer, struct chunk *chunk, struct err *err) MUST_CHECK;

/* End it. */
int framer_end(struct framer *framer, uint64_t size, struct err *err) MUST_CHECK;

/* End both lanes' frames, so that the next entry begins one. */
void framer_flush(struct framer *framer);

/* A point to come back to, on a frame's border; what framer_back undoes is gone. */
void framer_mark(struct framer *framer);

/* Go back to the last mark: what was added since then is gone. */
void framer_back(struct framer *framer);

/* Put everything out; the seek table, until the next entry, in *seek (may be NULL). */
int framer_drain(struct framer *framer, struct seek **seek, struct err *err) MUST_CHECK;

/* See compress_pool_hurry. */
void framer_hurry(struct framer *framer);

/* Whether something failed already. */
bool framer_failed(struct framer *framer);

#endif
