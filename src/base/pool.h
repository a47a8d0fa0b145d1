/* SPDX-License-Identifier: MIT */
/*
 * pool: counted buffers of one size, used again and again.
 *
 * Fresh pages cost more than copying does, so chunks are handed out last in,
 * first out, and no more exist than the pool was born with: that is the budget
 * that keeps memory flat, and an empty pool is the back-pressure.
 *
 * Errors   NULL from pool_try when none may be had; ERR_MEMORY at birth
 * Owns     the chunks; a chunk goes home when its last reference ends
 * Threads  any
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>

/* Bytes in a chunk, and the most that one may have: a zstd block, eight TLS records. */
#define CHUNK_SIZE ((size_t)128 * 1024)

struct pool;

struct chunk {
    struct chunk *next; /* for whoever holds it */
    struct pool *home;
    unsigned char *data;
    size_t size; /* bytes of room: the pool's */
    size_t len;  /* bytes in use; the holder's */
    atomic_uint refs;
};

/* count chunks of size bytes (at most CHUNK_SIZE); their pages are touched on first use. */
struct pool *pool_new(size_t count, size_t size, struct err *err) MUST_CHECK;

/* Bytes of room in each chunk. */
size_t pool_chunk_size(const struct pool *pool);

/* Release; every chunk must be home. NULL is fine. */
void pool_free(struct pool *pool);

/*
 * Take a chunk (len 0, one reference) without waiting.
 *
 * returns  NULL when all are out; the pool then calls pool_on_return's function at the next
 *          return
 */
struct chunk *pool_try(struct pool *pool) MUST_CHECK;

/*
 * Take a chunk, waiting until there is one. Only for whom the holders of the others do not wait
 * in turn: see docs/architecture.md, "Why a pull ends".
 */
struct chunk *pool_wait(struct pool *pool) MUST_CHECK;

/* Set what is called, from any thread, when a chunk comes back after a refusal; before use. */
void pool_on_return(struct pool *pool, void (*fn)(void *ctx), void *ctx);

/* One holder more; returns the chunk. */
struct chunk *chunk_ref(struct chunk *chunk);

/* One holder less; NULL is fine. */
void chunk_unref(struct chunk *chunk);

#endif
