/* SPDX-License-Identifier: MIT */
/*
 * compress_pool: pieces of the tar stream go in, in order; frames come out of the
 * other end, in the same order, coded by as many threads as there are cores.
 *
 * A ring of slots. The packer fills the next free one and submits it; whichever
 * worker is free codes the oldest piece that nobody has; one writer thread puts
 * the frames out in order and empties the slots. A full ring makes the packer
 * wait; the workers and the writer thread wait for the disk alone, never for the
 * packer. After a failure everything is swallowed until compress_pool_drain reports it.
 *
 * Errors   what coding and writing say, kept and given by compress_pool_drain
 * Owns     the pieces' chunks from compress_pool_submit on; the seek table
 * Threads  slot, submit and drain: the packer alone
 * Source   the ordering follows pigz's list of jobs by sequence number
 */
#ifndef WRITER_COMPRESS_POOL_H
#define WRITER_COMPRESS_POOL_H

#include "base/err.h"
#include "base/pool.h"
#include "format/frame.h"
#include "format/seek.h"
#include "writer/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum piece_kind {
    PIECE_FRAME,
    PIECE_MARK, /* remember this point of the output */
    PIECE_BACK, /* go back to it */
};

/* Bytes of the tar stream, by reference. */
struct piece {
    enum piece_kind kind;
    bool store;
    struct iovec *parts; /* each at most FRAME_PART_MAX bytes, in chunks[i] */
    struct chunk **chunks;
    size_t count;
    size_t cap;
    uint64_t size;
};

struct compress_pool;

/*
 * Start workers threads and one that writes; the writer must outlive them.
 *
 * stepped  start none: compress_pool_step does their work, in the caller's thread
 */
struct compress_pool *compress_pool_new(enum frame_codec codec, int level, unsigned workers,
                                        bool stepped, struct output *output,
                                        struct err *err) MUST_CHECK;

/* Stepped: code and put out the oldest piece; false when there is none. */
bool compress_pool_step(struct compress_pool *pool);

/* Stop all threads and release; what was not drained is dropped. NULL is fine. */
void compress_pool_free(struct compress_pool *pool);

/* Hand a piece over: its contents move in, and it is left empty. Waits for a slot. */
void compress_pool_submit(struct compress_pool *pool, struct piece *piece);

/*
 * From now on frames are stored, whatever they hold, also those that are being compressed:
 * there is no time. Any thread.
 */
void compress_pool_hurry(struct compress_pool *pool);

/* Wait until all that was submitted is put out; gives the first failure. */
int compress_pool_drain(struct compress_pool *pool, struct err *err) MUST_CHECK;

/* Whether something failed: no use in going on. */
bool compress_pool_failed(struct compress_pool *pool);

/* The frames put out; only between compress_pool_drain and the next submit. */
struct seek *compress_pool_seek(struct compress_pool *pool);

/* Append a part; takes over one reference to the chunk. Merges with the part before it. */
int piece_add(struct piece *piece, struct chunk *chunk, size_t from, size_t len,
              struct err *err) MUST_CHECK;

/* Drop the contents and keep the room. */
void piece_reset(struct piece *piece);

/* Release; may be called twice, and on {0}. */
void piece_clear(struct piece *piece);

#endif
