/* SPDX-License-Identifier: MIT */
/*
 * lanes: the tar stream, laid out in two lanes and cut into frames.
 *
 * Entries that are compressed already go into one lane, whose frames are
 * stored, the others into one whose frames are squeezed. A frame ends where a
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

struct lanes;

/* Sizes that a simulation makes small; 0: as usual. */
struct lanes_sizes {
    size_t cut_file;  /* FRAME_CUT_FILE */
    size_t cut_piece; /* FRAME_CUT_PIECE */
    size_t copy_max;  /* a shorter piece is copied: it frees its chunk */
    size_t chunk;     /* CHUNK_SIZE, of the copies */
};

struct lanes_opts {
    enum frame_codec codec;
    int level;
    unsigned workers;
    bool stepped; /* no threads: lanes_step does their work */
    struct lanes_sizes sizes;
};

/* The writer must outlive it. */
struct lanes *lanes_new(const struct lanes_opts *opts, struct writer *writer,
                        struct err *err) MUST_CHECK;

/* Stop the threads behind it and release; NULL is fine. */
void lanes_free(struct lanes *lanes);

/* Stepped: put out one frame; false when none has ended. */
bool lanes_step(struct lanes *lanes);

/* Before the first entry: go on behind frames that are there; their rows move in. */
void lanes_start(struct lanes *lanes, struct seek *seek, uint64_t plain);

/* Begin an entry; link as in entry_header. place may be NULL. */
int lanes_begin(struct lanes *lanes, bool packed, const char *path, uint64_t size,
                int64_t mtime, const char *link, struct spot *place,
                struct err *err) MUST_CHECK;

/* Its bytes, by copy; and those of a chunk, by reference where that pays. */
int lanes_add(struct lanes *lanes, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Add a chunk's bytes to the entry, by reference where that saves a copy. */
int lanes_add_chunk(struct lanes *lanes, struct chunk *chunk, struct err *err) MUST_CHECK;

/* End it. */
int lanes_end(struct lanes *lanes, uint64_t size, struct err *err) MUST_CHECK;

/* End both lanes' frames, so that the next entry begins one. */
void lanes_flush(struct lanes *lanes);

/* A point to come back to, on a frame's border; what lanes_back undoes is gone. */
void lanes_mark(struct lanes *lanes);

/* Go back to the last mark: what was added since then is gone. */
void lanes_back(struct lanes *lanes);

/* Put everything out; the seek table, until the next entry, in *seek (may be NULL). */
int lanes_drain(struct lanes *lanes, struct seek **seek, struct err *err) MUST_CHECK;

/* See squeeze_hurry. */
void lanes_hurry(struct lanes *lanes);

/* Whether something failed already. */
bool lanes_failed(struct lanes *lanes);

#endif
