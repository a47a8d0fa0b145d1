/* SPDX-License-Identifier: MIT */
/*
 * pool: a pool of reference-counted buffers ("chunks") of one size.
 *
 * Touching fresh pages costs more than copying, so chunks are reused last in, first out. The
 * number of chunks is fixed: it bounds the memory, and an empty pool is the back pressure on
 * the network.
 *
 * Errors   NULL from pool_try if all chunks are in use; pool_new: ERR_MEMORY, ERR_SYSTEM
 * Owns     the chunks; a chunk returns to the pool when its last reference is dropped
 * Threads  any
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The usual and largest size of a chunk: a zstd block, eight TLS records. */
#define CHUNK_SIZE ((size_t)128 * 1024)

struct pool;

struct chunk {
    struct chunk *next; /* for lists of the holder */
    struct pool *home;
    unsigned char *data;
    size_t size; /* capacity: the pool's chunk size */
    size_t len;  /* bytes in use; set by the holder */
    atomic_uint refs;
};

/*
 * Create count chunks of size bytes (at most CHUNK_SIZE, unless they are lazy); pages are
 * touched on first use.
 */
struct pool *pool_new(size_t count, size_t size, struct err *err) MUST_CHECK;

/*
 * Have chunks that begin with a size of 0 and grow, together to at most `most` bytes; a chunk
 * that returns gives its memory back to the kernel. To be called before the first use.
 */
void pool_lazy(struct pool *pool, size_t most);

/*
 * Enlarge a chunk of a lazy pool by some bytes, or to the pool's size of a chunk.
 *
 * returns  false: the pool's chunks may not have more bytes now
 */
bool pool_grow(struct chunk *chunk, size_t bytes) MUST_CHECK;

/* The same, waiting until others have returned; see pool_wait. */
void pool_grow_wait(struct chunk *chunk, size_t bytes);

/*
 * Change how many bytes the chunks of a lazy pool may have together: `most`, or as many as they
 * have now if these are more.
 *
 * returns  the bytes that they may have from now on
 */
size_t pool_limit(struct pool *pool, size_t most);

/* The capacity of each chunk in bytes. */
size_t pool_chunk_size(const struct pool *pool);

/* The number of its chunks, in use or not. */
size_t pool_count(const struct pool *pool);

/* Free the pool; every chunk must have been returned. NULL is fine. */
void pool_free(struct pool *pool);

/*
 * Take a chunk (len 0, one reference) without waiting.
 *
 * returns  NULL if all chunks are in use; the function of pool_on_return is then called at the
 *          next return of a chunk
 */
struct chunk *pool_try(struct pool *pool) MUST_CHECK;

/*
 * Take a chunk, waiting until there is one. Only for threads that no holder of a chunk waits
 * for (deadlock): see docs/architecture.md, "Why a pull ends".
 */
struct chunk *pool_wait(struct pool *pool) MUST_CHECK;

/*
 * Set a function called, from any thread, at the first return after a pool_try failed. Must be
 * set before the first use.
 */
void pool_on_return(struct pool *pool, void (*fn)(void *ctx), void *ctx);

/* Add a reference; returns the chunk. */
struct chunk *chunk_ref(struct chunk *chunk);

/* Drop a reference; NULL is fine. */
void chunk_unref(struct chunk *chunk);

#endif
