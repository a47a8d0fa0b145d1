/* SPDX-License-Identifier: MIT */
#include "writer/compress_pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define PARTS_MAX 65536
#define CONTEXTS  ((size_t)8 << 20) /* bytes of zstd's contexts, with --level auto */
#define INTERVAL  250000            /* us between two choices of the level */
#define CODED_MAX ((size_t)16 << 20)
#define KEEP_ROOM ((size_t)1 << 20) /* larger output buffers are freed after use */

int piece_add(struct piece *piece, struct chunk *chunk, size_t from, size_t len,
              struct err *err)
{
    struct iovec *last = piece->count ? &piece->parts[piece->count - 1] : NULL;
    unsigned char *bytes = chunk->data + from;

    if (last && piece->chunks[piece->count - 1] == chunk &&
        (unsigned char *)last->iov_base + last->iov_len == bytes &&
        last->iov_len + len <= FRAME_PART_MAX) {
        last->iov_len += len;
        piece->size += len;
        chunk_unref(chunk); /* the previous part already references it */
        return 0;
    }
    if (piece->count == piece->cap) {
        size_t cap = piece->cap;
        size_t also = piece->cap;

        if (mem_room(&piece->parts, &cap, piece->count, sizeof(*piece->parts), PARTS_MAX, err) <
                0 ||
            mem_room(&piece->chunks, &also, piece->count, sizeof(*piece->chunks), PARTS_MAX,
                     err) < 0) {
            chunk_unref(chunk);
            return -1;
        }
        piece->cap = cap;
    }
    piece->parts[piece->count] = (struct iovec){ bytes, len };
    piece->chunks[piece->count++] = chunk;
    piece->size += len;
    return 0;
}

void piece_reset(struct piece *piece)
{
    while (piece->count)
        chunk_unref(piece->chunks[--piece->count]);
    piece->size = 0;
}

void piece_clear(struct piece *piece)
{
    piece_reset(piece);
    mem_free(piece->parts);
    mem_free(piece->chunks);
    *piece = (struct piece){ 0 };
}

/* Steps of the automatic level, with the time that each takes for real pages. */
static const struct {
    int level;
    unsigned cost;
} steps[] = { { 1, 10 }, { 3, 15 }, { 6, 40 }, { 9, 60 } };
#define STEPS (sizeof(steps) / sizeof(steps[0]))

void compress_pace_look(struct compress_pace *pace, uint64_t now)
{
    uint64_t passed = now - pace->since;
    uint64_t room = passed * pace->workers;
    size_t i = 0;

    if (passed < INTERVAL)
        return;
    while (i + 1 < STEPS && steps[i].level < pace->level)
        i++;
    if (pace->blocked > passed / 20)
        i = 0;
    else if (pace->busy * 10 > room * 9 && i > 0)
        i--;
    else if (i + 1 < STEPS && steps[i + 1].level <= pace->most &&
             pace->busy * steps[i + 1].cost / steps[i].cost * 10 <= room * 7)
        i++;
    pace->level = steps[i].level;
    pace->since = now;
    pace->busy = 0;
    pace->blocked = 0;
}

enum ring_state { RING_FREE, RING_FILLED, RING_TAKEN, RING_CODED };

struct piece_slot {
    enum ring_state state; /* under lock */
    struct piece piece;
    struct buf coded;
    struct err err;
    bool failed;
};

struct compress_pool {
    enum frame_codec codec;
    struct output *output;
    struct seek seek; /* used by the writer thread, and by the packer after a drain */
    size_t kept;      /* number of frames at the mark */
    struct frame_coder **coders;
    pthread_t *threads; /* the workers, then the writer */
    unsigned workers;
    unsigned started;
    bool stepped;              /* no threads: see compress_pool_step */
    int level;                 /* 0: by pace */
    struct compress_pace pace; /* under lock */
    atomic_bool hurried;
    struct piece_slot *slots;
    size_t size;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t coded;
    pthread_cond_t freed;
    uint64_t submitted; /* pieces submitted so far; slot is i % size */
    uint64_t taken;
    uint64_t written;
    bool closing;
    bool failed;
    struct err err;
};

/* The next piece to compress, or NULL at the end; called with the lock held. */
static struct piece_slot *take(struct compress_pool *pool)
{
    for (;;) {
        while (pool->taken < pool->submitted) {
            struct piece_slot *slot = &pool->slots[pool->taken++ % pool->size];

            if (slot->state == RING_FILLED) {
                slot->state = RING_TAKEN;
                return slot;
            }
        }
        if (pool->closing)
            return NULL;
        (void)pthread_cond_wait(&pool->filled, &pool->lock);
    }
}

static int code(struct frame_coder *coder, struct piece_slot *slot)
{
    frame_coder_level(coder, slot->piece.level);
    return frame_code(coder, slot->piece.parts, slot->piece.count, slot->piece.size,
                      &slot->piece.store, &slot->coded, &slot->err);
}

static void *work(void *ctx)
{
    struct compress_pool *pool = ctx;
    struct frame_coder *coder;
    struct piece_slot *slot;

    (void)pthread_mutex_lock(&pool->lock);
    coder = pool->coders[pool->started++];
    while ((slot = take(pool))) {
        bool skip = pool->failed;
        uint64_t start = clock_mono_us();

        (void)pthread_mutex_unlock(&pool->lock);
        slot->failed = !skip && code(coder, slot) < 0;
        (void)pthread_mutex_lock(&pool->lock);
        if (!slot->piece.store)
            pool->pace.busy += clock_mono_us() - start;
        slot->state = RING_CODED;
        (void)pthread_cond_signal(&pool->coded);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Write one compressed piece; called without the lock. */
static int put_out(struct compress_pool *pool, struct piece_slot *slot, struct err *err)
{
    struct piece *piece = &slot->piece;
    uint64_t before = output_offset(pool->output);
    struct frame_parts frame;

    if (slot->failed) {
        *err = slot->err;
        return -1;
    }
    switch (piece->kind) {
    case PIECE_MARK:
        pool->kept = pool->seek.count;
        return output_mark(pool->output, err);
    case PIECE_BACK:
        seek_cut(&pool->seek, pool->kept);
        return output_back(pool->output, err);
    case PIECE_SAVE:
        return output_save(pool->output, err);
    case PIECE_FRAME:
        break;
    }
    frame = (struct frame_parts){ piece->parts, piece->count, piece->store, &slot->coded };
    if (frame_emit(pool->codec, &frame, output_put, pool->output, err) < 0)
        return -1;
    return seek_add(&pool->seek, output_offset(pool->output) - before, piece->size, err);
}

/*
 * Write the oldest slot, which is compressed, and empty it; called with the lock held, which is
 * held again on return.
 */
static void retire(struct compress_pool *pool, struct piece_slot *slot)
{
    /* after a failure the slot may not have been compressed */
    bool skip = pool->failed;
    struct err err;
    int rc = 0;

    (void)pthread_mutex_unlock(&pool->lock);
    err_clear(&err);
    if (!skip)
        rc = put_out(pool, slot, &err);
    piece_reset(&slot->piece);
    if (slot->coded.cap > KEEP_ROOM)
        buf_clear(&slot->coded);
    buf_reset(&slot->coded);
    (void)pthread_mutex_lock(&pool->lock);
    if (rc < 0) {
        pool->failed = true;
        pool->err = err;
    }
    pulse_beat(BEAT_CODED);
    slot->state = RING_FREE;
    pool->written++;
    (void)pthread_cond_broadcast(&pool->freed);
}

static void *write_out(void *ctx)
{
    struct compress_pool *pool = ctx;

    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct piece_slot *slot = &pool->slots[pool->written % pool->size];

        while (slot->state != RING_CODED &&
               !(pool->closing && pool->written == pool->submitted))
            (void)pthread_cond_wait(&pool->coded, &pool->lock);
        if (slot->state != RING_CODED)
            break;
        retire(pool, slot);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

bool compress_pool_step(struct compress_pool *pool)
{
    struct piece_slot *slot = &pool->slots[pool->written % pool->size];

    if (pool->written == pool->submitted)
        return false;
    if (slot->state == RING_FILLED) {
        slot->failed = !pool->failed && code(pool->coders[0], slot) < 0;
        slot->state = RING_CODED;
    }
    (void)pthread_mutex_lock(&pool->lock);
    retire(pool, slot);
    (void)pthread_mutex_unlock(&pool->lock);
    return true;
}

void compress_pool_submit(struct compress_pool *pool, struct piece *piece)
{
    struct piece_slot *slot;
    struct piece empty;

    while (pool->stepped && pool->submitted - pool->written == pool->size &&
           compress_pool_step(pool))
        ;
    (void)pthread_mutex_lock(&pool->lock);
    slot = &pool->slots[pool->submitted % pool->size];
    if (slot->state != RING_FREE) {
        uint64_t start = clock_mono_us();

        while (slot->state != RING_FREE)
            (void)pthread_cond_wait(&pool->freed, &pool->lock);
        pool->pace.blocked += clock_mono_us() - start;
    }
    empty = slot->piece; /* the packer reuses its arrays */
    slot->piece = *piece;
    *piece = empty;
    slot->failed = false;
    pool->submitted++;
    if (slot->piece.kind == PIECE_FRAME && pool->codec != FRAME_NONE) {
        slot->state = RING_FILLED;
        (void)pthread_cond_signal(&pool->filled);
    } else {
        slot->state = RING_CODED;
        (void)pthread_cond_signal(&pool->coded);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

int compress_pool_level(struct compress_pool *pool)
{
    int level = pool->level;

    if (level)
        return level;
    (void)pthread_mutex_lock(&pool->lock);
    compress_pace_look(&pool->pace, clock_mono_us());
    level = pool->pace.level;
    (void)pthread_mutex_unlock(&pool->lock);
    return level;
}

void compress_pool_waited(struct compress_pool *pool, uint64_t us)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->pace.blocked += us;
    (void)pthread_mutex_unlock(&pool->lock);
}

void compress_pool_hurry(struct compress_pool *pool)
{
    atomic_store(&pool->hurried, true);
}

int compress_pool_drain(struct compress_pool *pool, struct err *err)
{
    int rc = 0;

    while (pool->stepped && compress_pool_step(pool))
        ;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->written < pool->submitted)
        (void)pthread_cond_wait(&pool->freed, &pool->lock);
    if (pool->failed) {
        if (err)
            *err = pool->err;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return rc;
}

bool compress_pool_failed(struct compress_pool *pool)
{
    bool failed;

    (void)pthread_mutex_lock(&pool->lock);
    failed = pool->failed;
    (void)pthread_mutex_unlock(&pool->lock);
    return failed;
}

struct seek *compress_pool_seek(struct compress_pool *pool)
{
    return &pool->seek;
}

static int start(struct compress_pool *pool, int level, struct err *err)
{
    unsigned i;

    for (i = 0; i < pool->size; i++)
        buf_init(&pool->slots[i].coded, CODED_MAX);
    for (i = 0; i < pool->workers; i++) {
        pool->coders[i] = frame_coder_new(pool->codec, level, err);
        if (!pool->coders[i])
            return -1;
        frame_coder_watch(pool->coders[i], &pool->hurried);
    }
    return 0;
}

static int launch(struct compress_pool *pool, pthread_t *thread, void *(*fn)(void *),
                  struct err *err)
{
    int rc = pthread_create(thread, NULL, fn, pool);

    errno = rc;
    return rc ? err_sys(err, "cannot start a thread") : 0;
}

unsigned compress_pool_workers(const struct compress_pool_opts *opts)
{
    size_t fit = opts->contexts / frame_context(COMPRESS_POOL_LEVEL);
    unsigned workers = opts->workers;

    if (opts->codec == FRAME_ZSTD && !opts->level && opts->contexts && workers > fit)
        workers = (unsigned)fit;
    return workers ? workers : 1;
}

struct compress_pool *compress_pool_new(const struct compress_pool_opts *opts,
                                        struct output *output, struct err *err)
{
    struct compress_pool *pool = mem_new(sizeof(*pool), err);
    size_t share = (opts->contexts ? opts->contexts : CONTEXTS) / compress_pool_workers(opts);
    enum frame_codec codec = opts->codec;
    int level = opts->level;
    unsigned up = 0;

    if (!pool)
        return NULL;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->filled, NULL);
    (void)pthread_cond_init(&pool->coded, NULL);
    (void)pthread_cond_init(&pool->freed, NULL);
    pool->codec = codec;
    pool->output = output;
    pool->stepped = opts->stepped;
    pool->workers = codec == FRAME_NONE ? 0 : compress_pool_workers(opts);
    pool->size = pool->workers + COMPRESS_POOL_SPARE;
    if (level || opts->stepped || codec != FRAME_ZSTD)
        pool->level = frame_level(codec, level);
    pool->pace =
        (struct compress_pace){ .level = frame_level_within(frame_level(codec, 0), share),
                                .most = frame_level_within(9, share),
                                .workers = pool->workers,
                                .since = clock_mono_us() };
    pool->slots = mem_array(pool->size, sizeof(*pool->slots), err);
    pool->coders = mem_array(pool->workers, sizeof(struct frame_coder *), err);
    pool->threads = mem_array(pool->workers + 1, sizeof(*pool->threads), err);
    if (!pool->slots || !pool->coders || !pool->threads || start(pool, level, err) < 0)
        goto fail;
    if (opts->stepped)
        return pool;
    while (up < pool->workers && launch(pool, &pool->threads[up], work, err) == 0)
        up++;
    if (up == pool->workers && launch(pool, &pool->threads[up], write_out, err) == 0)
        return pool;
fail:
    pool->closing = true;
    (void)pthread_cond_broadcast(&pool->filled);
    while (up)
        (void)pthread_join(pool->threads[--up], NULL);
    pool->closing = false;
    mem_free(pool->threads);
    pool->threads = NULL;
    compress_pool_free(pool);
    return NULL;
}

void compress_pool_free(struct compress_pool *pool)
{
    unsigned i;

    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->failed = pool->closing = true;
    (void)pthread_cond_broadcast(&pool->filled);
    (void)pthread_cond_broadcast(&pool->coded);
    (void)pthread_mutex_unlock(&pool->lock);
    for (i = 0; pool->threads && !pool->stepped && i <= pool->workers; i++)
        (void)pthread_join(pool->threads[i], NULL);
    for (i = 0; pool->slots && i < pool->size; i++) {
        piece_clear(&pool->slots[i].piece);
        buf_clear(&pool->slots[i].coded);
    }
    for (i = 0; pool->coders && i < pool->workers; i++)
        frame_coder_free(pool->coders[i]);
    seek_clear(&pool->seek);
    mem_free(pool->slots);
    mem_free(pool->coders);
    mem_free(pool->threads);
    (void)pthread_cond_destroy(&pool->filled);
    (void)pthread_cond_destroy(&pool->coded);
    (void)pthread_cond_destroy(&pool->freed);
    (void)pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}
