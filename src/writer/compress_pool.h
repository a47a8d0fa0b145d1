/* SPDX-License-Identifier: MIT */
/*
 * compress_pool: compresses pieces of the tar stream into frames, in order, with one thread per
 * core, or as many as there is memory for.
 *
 * The pieces are in a ring of slots. The packer fills the next free slot and submits it; a free
 * worker compresses the oldest piece that no other worker has; one writer thread writes the
 * frames in order and empties the slots. If the ring is full, the packer waits; the workers and
 * the writer thread wait for the disk only, never for the packer. After a failure all pieces
 * are discarded until compress_pool_drain reports it.
 *
 * Errors   errors of compressing and writing are kept, and returned by compress_pool_drain
 * Owns     the pieces' chunks from compress_pool_submit on; the seek table
 * Threads  submit, level, waited, drain and seek: the packer only; hurry and failed: any
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
    PIECE_MARK, /* set a mark at this point of the output */
    PIECE_BACK, /* go back to the mark */
    PIECE_SAVE, /* write to the file what the output has buffered */
};

/* Bytes of the tar stream, by reference. */
struct piece {
    enum piece_kind kind;
    bool store;
    int level;           /* of a frame that is compressed */
    struct iovec *parts; /* each at most FRAME_PART_MAX bytes, in chunks[i] */
    struct chunk **chunks;
    size_t count;
    size_t cap;
    uint64_t size;
};

/*
 * The level of the next frames, chosen by how busy the threads were. All times in us, by a
 * clock that the caller reads.
 */
struct compress_pace {
    int level;
    int most;         /* no higher level */
    unsigned workers; /* threads */
    uint64_t since;   /* start of the interval */
    uint64_t busy;    /* time that the threads together spent compressing in it */
    uint64_t blocked; /* time that the packer waited for them in it */
};

/*
 * At an interval's end, choose the level and start the next interval: the lowest if the packer
 * waited for the threads; a higher one, step by step, if they would still be idle for a part
 * of the time; a lower one if they are nearly always busy.
 */
void compress_pace_look(struct compress_pace *pace, uint64_t now);

#define COMPRESS_POOL_LEVEL 6 /* the highest automatic level, if the threads are idle */
#define COMPRESS_POOL_SPARE 2 /* pieces that wait, in addition to one for each worker */

struct compress_pool;

struct compress_pool_opts {
    enum frame_codec codec;
    int level; /* 0: chosen for each frame while writing, for zstd; otherwise the default */
    unsigned workers;
    size_t contexts; /* bytes of all contexts of zstd, which limit a chosen level; 0: default */
    bool stepped;    /* no threads: compress_pool_step does their work in the caller's thread */
};

/*
 * How many threads there will be: at least one, and with a chosen level no more than contexts
 * of the level COMPRESS_POOL_LEVEL fit.
 */
unsigned compress_pool_workers(const struct compress_pool_opts *opts);

/* Start the workers' threads and a thread that writes; the output must outlive them. */
struct compress_pool *compress_pool_new(const struct compress_pool_opts *opts,
                                        struct output *output, struct err *err) MUST_CHECK;

/* Stepped: compress and write the oldest piece; false if there is none. */
bool compress_pool_step(struct compress_pool *pool);

/* Stop all threads and release; pieces that were not drained are discarded. May be NULL. */
void compress_pool_free(struct compress_pool *pool);

/* Submit a piece: its contents are moved, and it is left empty. Waits for a slot. */
void compress_pool_submit(struct compress_pool *pool, struct piece *piece);

/* The level of the next frame. */
int compress_pool_level(struct compress_pool *pool);

/* Record that the packer waited for the threads in another place than compress_pool_submit. */
void compress_pool_waited(struct compress_pool *pool, uint64_t us);

/*
 * From now on store all frames uncompressed, including those that are being compressed, to
 * finish early. Any thread.
 */
void compress_pool_hurry(struct compress_pool *pool);

/* Wait until all submitted pieces are written; returns the first failure. */
int compress_pool_drain(struct compress_pool *pool, struct err *err) MUST_CHECK;

/* Whether something failed: then nothing more needs to be submitted. */
bool compress_pool_failed(struct compress_pool *pool);

/* The frames written; valid only between compress_pool_drain and the next submit. */
struct seek *compress_pool_seek(struct compress_pool *pool);

/*
 * Append a part; takes over one reference to the chunk. Merges it with the previous part if
 * possible.
 */
int piece_add(struct piece *piece, struct chunk *chunk, size_t from, size_t len,
              struct err *err) MUST_CHECK;

/* Remove the contents and keep the memory. */
void piece_reset(struct piece *piece);

/* Release; may be called twice, and on {0}. */
void piece_clear(struct piece *piece);

#endif
