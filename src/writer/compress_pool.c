/* SPDX-License-Identifier: MIT */
#include "writer/compress_pool.h"

#include "base/mem.h"
#include "base/pulse.h"

#include <pthread.h>
#include <stdatomic.h>

#define PARTS_MAX 65536
#define CODED_MAX ((size_t)16 << 20)
#define KEEP_ROOM ((size_t)1 << 20) /* output buffers above this are given back */

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
        chunk_unref(chunk); /* the part before holds it already */
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

enum ring_state { RING_FREE, RING_FILLED, RING_TAKEN, RING_CODED };

struct slot {
    enum ring_state state; /* under lock */
    struct piece piece;
    struct buf coded;
    struct err err;
    bool failed;
};

struct compress_pool {
    enum frame_codec codec;
    struct output *writer;
    struct seek seek; /* the writer thread's, the packer's when drained */
    size_t kept;      /* frames at the mark */
    struct frame_coder **coders;
    pthread_t *threads; /* the workers, and the writer last */
    unsigned workers;
    unsigned started;
    bool stepped; /* no threads: compress_pool_step */
    atomic_bool hurried;
    struct slot *slots;
    size_t size;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t coded;
    pthread_cond_t freed;
    uint64_t submitted; /* pieces so far; slot i % size */
    uint64_t taken;
    uint64_t written;
    bool closing;
    bool failed;
    struct err err;
};

/* The next piece that needs coding, or NULL at the end; with the lock held. */
static struct slot *take(struct compress_pool *s)
{
    for (;;) {
        while (s->taken < s->submitted) {
            struct slot *slot = &s->slots[s->taken++ % s->size];

            if (slot->state == RING_FILLED) {
                slot->state = RING_TAKEN;
                return slot;
            }
        }
        if (s->closing)
            return NULL;
        (void)pthread_cond_wait(&s->filled, &s->lock);
    }
}

static int code(struct frame_coder *coder, struct slot *slot)
{
    return frame_code(coder, slot->piece.parts, slot->piece.count, slot->piece.size,
                      &slot->piece.store, &slot->coded, &slot->err);
}

static void *work(void *ctx)
{
    struct compress_pool *s = ctx;
    struct frame_coder *coder;
    struct slot *slot;

    (void)pthread_mutex_lock(&s->lock);
    coder = s->coders[s->started++];
    while ((slot = take(s))) {
        bool skip = s->failed;

        (void)pthread_mutex_unlock(&s->lock);
        slot->failed = !skip && code(coder, slot) < 0;
        (void)pthread_mutex_lock(&s->lock);
        slot->state = RING_CODED;
        (void)pthread_cond_signal(&s->coded);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Put one coded piece out; without the lock. */
static int put_out(struct compress_pool *s, struct slot *slot, struct err *err)
{
    struct piece *piece = &slot->piece;
    uint64_t before = output_offset(s->writer);
    struct frame_parts frame;

    if (slot->failed) {
        *err = slot->err;
        return -1;
    }
    switch (piece->kind) {
    case PIECE_MARK:
        s->kept = s->seek.count;
        return output_mark(s->writer, err);
    case PIECE_BACK:
        seek_cut(&s->seek, s->kept);
        return output_back(s->writer, err);
    case PIECE_FRAME:
        break;
    }
    frame = (struct frame_parts){ piece->parts, piece->count, piece->store, &slot->coded };
    if (frame_emit(s->codec, &frame, output_put, s->writer, err) < 0)
        return -1;
    return seek_add(&s->seek, output_offset(s->writer) - before, piece->size, err);
}

/* Put out the oldest slot, which is coded, and empty it; called and left with the lock held. */
static void retire(struct compress_pool *s, struct slot *slot)
{
    bool skip = s->failed; /* as it is now: then the worker may have coded nothing */
    struct err err;
    int rc = 0;

    (void)pthread_mutex_unlock(&s->lock);
    err_clear(&err);
    if (!skip)
        rc = put_out(s, slot, &err);
    piece_reset(&slot->piece);
    if (slot->coded.cap > KEEP_ROOM)
        buf_clear(&slot->coded);
    buf_reset(&slot->coded);
    (void)pthread_mutex_lock(&s->lock);
    if (rc < 0) {
        s->failed = true;
        s->err = err;
    }
    pulse_beat(BEAT_CODED);
    slot->state = RING_FREE;
    s->written++;
    (void)pthread_cond_broadcast(&s->freed);
}

static void *write_out(void *ctx)
{
    struct compress_pool *s = ctx;

    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        struct slot *slot = &s->slots[s->written % s->size];

        while (slot->state != RING_CODED && !(s->closing && s->written == s->submitted))
            (void)pthread_cond_wait(&s->coded, &s->lock);
        if (slot->state != RING_CODED)
            break;
        retire(s, slot);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

bool compress_pool_step(struct compress_pool *s)
{
    struct slot *slot = &s->slots[s->written % s->size];

    if (s->written == s->submitted)
        return false;
    if (slot->state == RING_FILLED) {
        slot->failed = !s->failed && code(s->coders[0], slot) < 0;
        slot->state = RING_CODED;
    }
    (void)pthread_mutex_lock(&s->lock);
    retire(s, slot);
    (void)pthread_mutex_unlock(&s->lock);
    return true;
}

void compress_pool_submit(struct compress_pool *s, struct piece *piece)
{
    struct slot *slot;
    struct piece empty;

    while (s->stepped && s->submitted - s->written == s->size && compress_pool_step(s))
        ;
    (void)pthread_mutex_lock(&s->lock);
    slot = &s->slots[s->submitted % s->size];
    while (slot->state != RING_FREE)
        (void)pthread_cond_wait(&s->freed, &s->lock);
    empty = slot->piece; /* its arrays go back to the packer */
    slot->piece = *piece;
    *piece = empty;
    slot->failed = false;
    s->submitted++;
    if (slot->piece.kind == PIECE_FRAME && s->codec != FRAME_NONE) {
        slot->state = RING_FILLED;
        (void)pthread_cond_signal(&s->filled);
    } else {
        slot->state = RING_CODED;
        (void)pthread_cond_signal(&s->coded);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void compress_pool_hurry(struct compress_pool *s)
{
    atomic_store(&s->hurried, true);
}

int compress_pool_drain(struct compress_pool *s, struct err *err)
{
    int rc = 0;

    while (s->stepped && compress_pool_step(s))
        ;
    (void)pthread_mutex_lock(&s->lock);
    while (s->written < s->submitted)
        (void)pthread_cond_wait(&s->freed, &s->lock);
    if (s->failed) {
        if (err)
            *err = s->err;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

bool compress_pool_failed(struct compress_pool *s)
{
    bool failed;

    (void)pthread_mutex_lock(&s->lock);
    failed = s->failed;
    (void)pthread_mutex_unlock(&s->lock);
    return failed;
}

struct seek *compress_pool_seek(struct compress_pool *s)
{
    return &s->seek;
}

static int start(struct compress_pool *s, int level, struct err *err)
{
    unsigned i;

    for (i = 0; i < s->size; i++)
        buf_init(&s->slots[i].coded, CODED_MAX);
    for (i = 0; i < s->workers; i++) {
        s->coders[i] = frame_coder_new(s->codec, level, err);
        if (!s->coders[i])
            return -1;
        frame_coder_watch(s->coders[i], &s->hurried);
    }
    return 0;
}

static int launch(struct compress_pool *s, pthread_t *thread, void *(*fn)(void *),
                  struct err *err)
{
    int rc = pthread_create(thread, NULL, fn, s);

    return rc ? err_set(err, ERR_SYSTEM, "cannot start a thread (error %d)", rc) : 0;
}

struct compress_pool *compress_pool_new(enum frame_codec codec, int level, unsigned workers,
                                        bool stepped, struct output *writer, struct err *err)
{
    struct compress_pool *s = mem_new(sizeof(*s), err);
    unsigned up = 0;

    if (!s)
        return NULL;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->filled, NULL);
    (void)pthread_cond_init(&s->coded, NULL);
    (void)pthread_cond_init(&s->freed, NULL);
    s->codec = codec;
    s->writer = writer;
    s->stepped = stepped;
    s->workers = codec == FRAME_NONE ? 0 : workers ? workers : 1;
    s->size = s->workers + 2;
    s->slots = mem_array(s->size, sizeof(*s->slots), err);
    s->coders = mem_array(s->workers, sizeof(struct frame_coder *), err);
    s->threads = mem_array(s->workers + 1, sizeof(*s->threads), err);
    if (!s->slots || !s->coders || !s->threads || start(s, level, err) < 0)
        goto fail;
    if (stepped)
        return s;
    while (up < s->workers && launch(s, &s->threads[up], work, err) == 0)
        up++;
    if (up == s->workers && launch(s, &s->threads[up], write_out, err) == 0)
        return s;
fail:
    s->closing = true;
    (void)pthread_cond_broadcast(&s->filled);
    while (up)
        (void)pthread_join(s->threads[--up], NULL);
    s->closing = false;
    mem_free(s->threads);
    s->threads = NULL;
    compress_pool_free(s);
    return NULL;
}

void compress_pool_free(struct compress_pool *s)
{
    unsigned i;

    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->failed = s->closing = true;
    (void)pthread_cond_broadcast(&s->filled);
    (void)pthread_cond_broadcast(&s->coded);
    (void)pthread_mutex_unlock(&s->lock);
    for (i = 0; s->threads && !s->stepped && i <= s->workers; i++)
        (void)pthread_join(s->threads[i], NULL);
    for (i = 0; s->slots && i < s->size; i++) {
        piece_clear(&s->slots[i].piece);
        buf_clear(&s->slots[i].coded);
    }
    for (i = 0; s->coders && i < s->workers; i++)
        frame_coder_free(s->coders[i]);
    seek_clear(&s->seek);
    mem_free(s->slots);
    mem_free(s->coders);
    mem_free(s->threads);
    (void)pthread_cond_destroy(&s->filled);
    (void)pthread_cond_destroy(&s->coded);
    (void)pthread_cond_destroy(&s->freed);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
