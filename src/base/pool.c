/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

struct pool {
    struct chunk *all;
    unsigned char *pages;
    size_t count;
    size_t size;   /* of a chunk */
    size_t stride; /* the same in whole pages, so that chunks share none (pool_lazy) */
    void (*on_return)(void *ctx);
    void *on_return_ctx;
    bool lazy; /* chunks grow: pool_lazy */
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t home;
    struct chunk *free;
    size_t idle;
    size_t most; /* bytes that lazy chunks may have together */
    size_t held; /* bytes that they have, by pool_grow */
    bool refused;
};

static void ignore_return(void *ctx)
{
    (void)ctx;
}

struct pool *pool_new(size_t count, size_t size, struct err *err)
{
    struct pool *pool = mem_new(sizeof(*pool), err);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t stride = (size + page - 1) / page * page;
    size_t i;

    if (!pool)
        return NULL;
    pool->count = count;
    pool->size = size;
    pool->stride = stride;
    pool->all = mem_array(count, sizeof(*pool->all), err);
    pool->pages = mmap(NULL, count * stride, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!pool->all || pool->pages == MAP_FAILED) {
        if (pool->pages == MAP_FAILED)
            (void)err_sys(err, "cannot map %zu MiB", count * size >> 20);
        else
            (void)munmap(pool->pages, count * stride);
        mem_free(pool->all);
        mem_free(pool);
        return NULL;
    }
    pool->on_return = ignore_return;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->home, NULL);
    for (i = count; i-- > 0;) {
        pool->all[i].home = pool;
        pool->all[i].data = pool->pages + i * stride;
        pool->all[i].size = size;
        pool->all[i].next = pool->free;
        pool->free = &pool->all[i];
    }
    pool->idle = count;
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    assert(pool->idle == pool->count);
    (void)pthread_cond_destroy(&pool->home);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)munmap(pool->pages, pool->count * pool->stride);
    mem_free(pool->all);
    mem_free(pool);
}

void pool_on_return(struct pool *pool, void (*fn)(void *ctx), void *ctx)
{
    pool->on_return = fn;
    pool->on_return_ctx = ctx;
}

void pool_lazy(struct pool *pool, size_t most)
{
    size_t i;

    pool->lazy = true;
    pool->most = most;
    for (i = 0; i < pool->count; i++)
        pool->all[i].size = 0;
}

/* Enlarge a chunk if the pool may; called with the lock held. */
static bool enlarge(struct pool *pool, struct chunk *chunk, size_t bytes)
{
    if (pool->held + bytes > pool->most)
        return false;
    pool->held += bytes;
    chunk->size += bytes;
    return true;
}

/* How many bytes a chunk grows at a time: fewer at its end. */
static size_t growth(const struct chunk *chunk, size_t bytes)
{
    size_t left = chunk->home->size - chunk->size;

    return bytes < left ? bytes : left;
}

bool pool_grow(struct chunk *chunk, size_t bytes)
{
    struct pool *pool = chunk->home;
    bool grown;

    (void)pthread_mutex_lock(&pool->lock);
    grown = enlarge(pool, chunk, growth(chunk, bytes));
    (void)pthread_mutex_unlock(&pool->lock);
    return grown;
}

void pool_grow_wait(struct chunk *chunk, size_t bytes)
{
    struct pool *pool = chunk->home;

    (void)pthread_mutex_lock(&pool->lock);
    while (!enlarge(pool, chunk, growth(chunk, bytes)))
        (void)pthread_cond_wait(&pool->home, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}

size_t pool_limit(struct pool *pool, size_t most)
{
    (void)pthread_mutex_lock(&pool->lock);
    most = most < pool->held ? pool->held : most;
    pool->most = most;
    (void)pthread_cond_signal(&pool->home);
    (void)pthread_mutex_unlock(&pool->lock);
    return most;
}

size_t pool_chunk_size(const struct pool *pool)
{
    return pool->size;
}

size_t pool_count(const struct pool *pool)
{
    return pool->count;
}

/* Take a free chunk, of which there must be one; called with the lock held. */
static struct chunk *pop(struct pool *pool)
{
    struct chunk *chunk = pool->free;

    pool->free = chunk->next;
    pool->idle--;
    chunk->next = NULL;
    chunk->len = 0;
    atomic_store_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

struct chunk *pool_try(struct pool *pool)
{
    struct chunk *chunk = NULL;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->idle)
        chunk = pop(pool);
    else
        pool->refused = true;
    (void)pthread_mutex_unlock(&pool->lock);
    return chunk;
}

struct chunk *pool_wait(struct pool *pool)
{
    struct chunk *chunk;

    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->idle)
        (void)pthread_cond_wait(&pool->home, &pool->lock);
    chunk = pop(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return chunk;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    (void)atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

void chunk_unref(struct chunk *chunk)
{
    struct pool *pool;
    bool tell;

    if (!chunk || atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) != 1)
        return;
    pool = chunk->home;
    if (pool->lazy && chunk->size)
        (void)madvise(chunk->data, chunk->size, MADV_DONTNEED);
    (void)pthread_mutex_lock(&pool->lock);
    if (pool->lazy) {
        pool->held -= chunk->size;
        chunk->size = 0;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->idle++;
    tell = pool->refused;
    pool->refused = false;
    (void)pthread_cond_signal(&pool->home);
    (void)pthread_mutex_unlock(&pool->lock);
    if (tell)
        pool->on_return(pool->on_return_ctx);
}
