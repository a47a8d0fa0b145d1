/* SPDX-License-Identifier: MIT */
#include "writer/framer.h"

#include "base/mem.h"
#include "format/entry.h"
#include "writer/compress_pool.h"

#include <assert.h>
#include <string.h>

#define COPY_MAX    ((size_t)32 << 10)
#define HEADER_MAX  ((size_t)256 << 10)
#define ENTRIES_MAX ((size_t)1 << 20) /* entries in one frame */

/* An entry whose frame has not ended. */
struct waiting {
    struct spot *place;
    uint64_t at; /* offset in the frame */
};

struct lane {
    struct piece piece;
    struct chunk *tail; /* where copies are written; also a part of the piece */
    struct waiting *waiting;
    size_t count;
    size_t cap;
};

struct framer {
    struct framer_sizes sizes;
    bool stepped;
    struct compress_pool *compressors;
    struct pool *pool;
    struct lane lane[2]; /* lanes: compressed, stored */
    struct lane *now;
    struct buf header;
    bool framed;     /* the format has numbered frames */
    bool split;      /* the start of the entry is in a frame that has ended */
    uint64_t frames; /* frames ended so far */
    uint64_t at;     /* tar bytes in these frames */
    uint64_t kept_frames;
    uint64_t kept_at;
};

/*
 * Chunks for copies of small data; 9 MiB with the default sizes. The two open frames hold at
 * most a frame and a chunk each; all other chunks are in ended frames and are returned by the
 * writer thread, so waiting for a chunk always ends.
 */
static size_t copies(const struct framer_sizes *sizes)
{
    return 2 * (sizes->cut_piece / sizes->chunk + 4);
}

struct framer *framer_new(const struct framer_opts *opts, struct output *output,
                          struct err *err)
{
    struct framer *framer = mem_new(sizeof(*framer), err);
    struct framer_sizes *sizes;

    if (!framer)
        return NULL;
    sizes = &framer->sizes;
    *sizes = opts->sizes;
    sizes->cut_file = sizes->cut_file ? sizes->cut_file : FRAME_CUT_FILE;
    sizes->cut_piece = sizes->cut_piece ? sizes->cut_piece : FRAME_CUT_PIECE;
    sizes->copy_max = sizes->copy_max ? sizes->copy_max : COPY_MAX;
    sizes->chunk = sizes->chunk ? sizes->chunk : CHUNK_SIZE;
    framer->stepped = opts->stepped;
    framer->framed = opts->codec != FRAME_NONE;
    framer->lane[1].piece.store = true;
    framer->now = &framer->lane[0];
    buf_init(&framer->header, HEADER_MAX);
    framer->pool = pool_new(copies(sizes), sizes->chunk, err);
    if (framer->pool)
        framer->compressors = compress_pool_new(opts->codec, opts->level, opts->workers,
                                                opts->stepped, output, err);
    if (framer->compressors)
        return framer;
    framer_free(framer);
    return NULL;
}

void framer_free(struct framer *framer)
{
    int i;

    if (!framer)
        return;
    compress_pool_free(framer->compressors);
    for (i = 0; i < 2; i++) {
        piece_clear(&framer->lane[i].piece);
        chunk_unref(framer->lane[i].tail);
        mem_free(framer->lane[i].waiting);
    }
    pool_free(framer->pool);
    buf_clear(&framer->header);
    mem_free(framer);
}

void framer_start(struct framer *framer, struct seek *seek, uint64_t plain)
{
    framer->frames = seek->count;
    framer->at = plain;
    *compress_pool_seek(framer->compressors) = *seek;
    *seek = (struct seek){ 0 };
}

/* End the lane's frame. */
static void cut(struct framer *framer, struct lane *lane)
{
    bool store = lane == &framer->lane[1];
    size_t i;

    chunk_unref(lane->tail);
    lane->tail = NULL;
    if (!lane->piece.size)
        return;
    for (i = 0; i < lane->count; i++) {
        lane->waiting[i].place->frame = framer->framed ? framer->frames : SPOT_NONE;
        lane->waiting[i].place->offset = framer->at + lane->waiting[i].at;
    }
    lane->count = 0;
    framer->at += lane->piece.size;
    framer->frames++;
    lane->piece.kind = PIECE_FRAME;
    lane->piece.store = store;
    compress_pool_submit(framer->compressors, &lane->piece);
}

/* End the lane's frame in the middle of an entry. */
static void split(struct framer *framer, struct lane *lane)
{
    cut(framer, lane);
    framer->split = true;
}

/* A chunk for copies. The packer waits here for the chunks of ended frames; see copies(). */
static struct chunk *copy_chunk(struct framer *framer)
{
    struct chunk *chunk;

    if (!framer->stepped)
        return pool_wait(framer->pool);
    do
        chunk = pool_try(framer->pool);
    while (!chunk && compress_pool_step(framer->compressors));
    assert(chunk);
    return chunk;
}

/* Make sure that the tail chunk has free space. */
static struct chunk *tail_of(struct framer *framer, struct lane *lane)
{
    if (lane->tail && lane->tail->len == lane->tail->size) {
        chunk_unref(lane->tail);
        lane->tail = NULL;
    }
    if (!lane->tail)
        lane->tail = copy_chunk(framer);
    return lane->tail;
}

int framer_add(struct framer *framer, const void *bytes, size_t len, struct err *err)
{
    struct lane *lane = framer->now;
    const unsigned char *from = bytes;

    while (len) {
        struct chunk *tail = tail_of(framer, lane);
        size_t n = tail->size - tail->len;
        size_t room = framer->sizes.cut_piece - (size_t)lane->piece.size;

        n = n < room ? n : room;
        n = n < len ? n : len;
        memcpy(tail->data + tail->len, from, n);
        tail->len += n;
        if (piece_add(&lane->piece, chunk_ref(tail), tail->len - n, n, err) < 0)
            return -1;
        from += n;
        len -= n;
        if (lane->piece.size == framer->sizes.cut_piece)
            split(framer, lane);
    }
    return 0;
}

int framer_add_chunk(struct framer *framer, struct chunk *chunk, struct err *err)
{
    struct lane *lane = framer->now;
    size_t from = 0;

    if (chunk->len < framer->sizes.copy_max)
        return framer_add(framer, chunk->data, chunk->len, err);
    while (from < chunk->len) {
        size_t n = chunk->len - from;
        size_t room = framer->sizes.cut_piece - (size_t)lane->piece.size;

        n = n < room ? n : room;
        if (piece_add(&lane->piece, chunk_ref(chunk), from, n, err) < 0)
            return -1;
        from += n;
        if (lane->piece.size == framer->sizes.cut_piece)
            split(framer, lane);
    }
    return 0;
}

int framer_begin(struct framer *framer, const struct entry_file *file, struct spot *place,
                 struct err *err)
{
    struct lane *lane = &framer->lane[file->packed && framer->framed];

    framer->now = lane;
    framer->split = false;
    if (lane->piece.size >= framer->sizes.cut_file)
        cut(framer, lane);
    if (mem_room(&lane->waiting, &lane->cap, lane->count, sizeof(*lane->waiting), ENTRIES_MAX,
                 err) < 0)
        return -1;
    if (place)
        lane->waiting[lane->count++] = (struct waiting){ place, lane->piece.size };
    buf_reset(&framer->header);
    if (entry_header(&framer->header, file, err) < 0)
        return err_wrap(err, "cannot write the header of '%s'", file->path);
    return framer_add(framer, framer->header.data, framer->header.len, err);
}

int framer_end(struct framer *framer, uint64_t size, struct err *err)
{
    static const unsigned char zeros[ENTRY_BLOCK];

    if (framer_add(framer, zeros, entry_padding(size), err) < 0)
        return -1;
    if (framer->split) /* nothing of the other lane may be between its parts */
        cut(framer, framer->now);
    return 0;
}

void framer_flush(struct framer *framer)
{
    cut(framer, &framer->lane[1]);
    cut(framer, &framer->lane[0]);
}

void framer_mark(struct framer *framer)
{
    struct piece mark = { .kind = PIECE_MARK };

    framer_flush(framer);
    framer->kept_frames = framer->frames;
    framer->kept_at = framer->at;
    compress_pool_submit(framer->compressors, &mark);
    piece_clear(&mark);
}

void framer_back(struct framer *framer)
{
    struct piece back = { .kind = PIECE_BACK };
    int i;

    for (i = 0; i < 2; i++) {
        piece_reset(&framer->lane[i].piece);
        chunk_unref(framer->lane[i].tail);
        framer->lane[i].tail = NULL;
        framer->lane[i].count = 0;
    }
    framer->frames = framer->kept_frames;
    framer->at = framer->kept_at;
    compress_pool_submit(framer->compressors, &back);
    piece_clear(&back);
}

int framer_drain(struct framer *framer, struct seek **seek, struct err *err)
{
    framer_flush(framer);
    if (seek)
        *seek = compress_pool_seek(framer->compressors);
    return compress_pool_drain(framer->compressors, err);
}

bool framer_step(struct framer *framer)
{
    return compress_pool_step(framer->compressors);
}

void framer_hurry(struct framer *framer)
{
    compress_pool_hurry(framer->compressors);
}

bool framer_failed(struct framer *framer)
{
    return compress_pool_failed(framer->compressors);
}
