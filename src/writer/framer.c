/* SPDX-License-Identifier: MIT */
#include "writer/framer.h"

#include "base/mem.h"
#include "format/entry.h"
#include "writer/compress_pool.h"

#include <assert.h>
#include <string.h>

#define COPY_MAX    ((size_t)32 << 10)
#define HEADER_MAX  ((size_t)256 << 10)
#define ENTRIES_MAX ((size_t)1 << 20) /* in one frame */

/* An entry whose frame has not ended. */
struct waiting {
    struct spot *place;
    uint64_t at; /* in the frame */
};

struct lane {
    struct piece piece;
    struct chunk *tail; /* where copies go; also a part of the piece */
    struct waiting *waiting;
    size_t count;
    size_t cap;
};

struct framer {
    struct framer_sizes sizes;
    bool stepped;
    struct compress_pool *compressors;
    struct pool *pool;
    struct lane lane[2]; /* compressed, stored */
    struct lane *now;
    struct buf header;
    bool framed;     /* frames have numbers */
    bool split;      /* the entry's beginning is in a frame that has ended */
    uint64_t frames; /* ended so far */
    uint64_t at;     /* tar bytes in them */
    uint64_t kept_frames;
    uint64_t kept_at;
};

/*
 * Chunks for copies of small things; 9 MiB with the usual sizes. The two frames that are open
 * hold at most a frame and a chunk each; whatever else is out is in frames that have ended and
 * comes home without our doing, so that waiting for one ends.
 */
static size_t copies(const struct framer_sizes *sizes)
{
    return 2 * (sizes->cut_piece / sizes->chunk + 4);
}

struct framer *framer_new(const struct framer_opts *opts, struct output *writer,
                          struct err *err)
{
    struct framer *lanes = mem_new(sizeof(*lanes), err);
    struct framer_sizes *sizes;

    if (!lanes)
        return NULL;
    sizes = &lanes->sizes;
    *sizes = opts->sizes;
    sizes->cut_file = sizes->cut_file ? sizes->cut_file : FRAME_CUT_FILE;
    sizes->cut_piece = sizes->cut_piece ? sizes->cut_piece : FRAME_CUT_PIECE;
    sizes->copy_max = sizes->copy_max ? sizes->copy_max : COPY_MAX;
    sizes->chunk = sizes->chunk ? sizes->chunk : CHUNK_SIZE;
    lanes->stepped = opts->stepped;
    lanes->framed = opts->codec != FRAME_NONE;
    lanes->lane[1].piece.store = true;
    lanes->now = &lanes->lane[0];
    buf_init(&lanes->header, HEADER_MAX);
    lanes->pool = pool_new(copies(sizes), sizes->chunk, err);
    if (lanes->pool)
        lanes->compressors = compress_pool_new(opts->codec, opts->level, opts->workers,
                                               opts->stepped, writer, err);
    if (lanes->compressors)
        return lanes;
    framer_free(lanes);
    return NULL;
}

void framer_free(struct framer *lanes)
{
    int i;

    if (!lanes)
        return;
    compress_pool_free(lanes->compressors);
    for (i = 0; i < 2; i++) {
        piece_clear(&lanes->lane[i].piece);
        chunk_unref(lanes->lane[i].tail);
        mem_free(lanes->lane[i].waiting);
    }
    pool_free(lanes->pool);
    buf_clear(&lanes->header);
    mem_free(lanes);
}

void framer_start(struct framer *lanes, struct seek *seek, uint64_t plain)
{
    lanes->frames = seek->count;
    lanes->at = plain;
    *compress_pool_seek(lanes->compressors) = *seek;
    *seek = (struct seek){ 0 };
}

/* End the lane's frame. */
static void cut(struct framer *lanes, struct lane *lane)
{
    bool store = lane == &lanes->lane[1];
    size_t i;

    chunk_unref(lane->tail);
    lane->tail = NULL;
    if (!lane->piece.size)
        return;
    for (i = 0; i < lane->count; i++) {
        lane->waiting[i].place->frame = lanes->framed ? lanes->frames : SPOT_NONE;
        lane->waiting[i].place->offset = lanes->at + lane->waiting[i].at;
    }
    lane->count = 0;
    lanes->at += lane->piece.size;
    lanes->frames++;
    lane->piece.kind = PIECE_FRAME;
    lane->piece.store = store;
    compress_pool_submit(lanes->compressors, &lane->piece);
}

/* End the lane's frame in the middle of an entry. */
static void split(struct framer *lanes, struct lane *lane)
{
    cut(lanes, lane);
    lanes->split = true;
}

/* A chunk for copies. The packer waits here for frames that have ended; see copies(). */
static struct chunk *copy_chunk(struct framer *lanes)
{
    struct chunk *chunk;

    if (!lanes->stepped)
        return pool_wait(lanes->pool);
    do
        chunk = pool_try(lanes->pool);
    while (!chunk && compress_pool_step(lanes->compressors));
    assert(chunk);
    return chunk;
}

/* Have room in the tail chunk. */
static struct chunk *tail_of(struct framer *lanes, struct lane *lane)
{
    if (lane->tail && lane->tail->len == lane->tail->size) {
        chunk_unref(lane->tail);
        lane->tail = NULL;
    }
    if (!lane->tail)
        lane->tail = copy_chunk(lanes);
    return lane->tail;
}

int framer_add(struct framer *lanes, const void *bytes, size_t len, struct err *err)
{
    struct lane *lane = lanes->now;
    const unsigned char *from = bytes;

    while (len) {
        struct chunk *tail = tail_of(lanes, lane);
        size_t n = tail->size - tail->len;
        size_t room = lanes->sizes.cut_piece - (size_t)lane->piece.size;

        n = n < room ? n : room;
        n = n < len ? n : len;
        memcpy(tail->data + tail->len, from, n);
        tail->len += n;
        if (piece_add(&lane->piece, chunk_ref(tail), tail->len - n, n, err) < 0)
            return -1;
        from += n;
        len -= n;
        if (lane->piece.size == lanes->sizes.cut_piece)
            split(lanes, lane);
    }
    return 0;
}

int framer_add_chunk(struct framer *lanes, struct chunk *chunk, struct err *err)
{
    struct lane *lane = lanes->now;
    size_t from = 0;

    if (chunk->len < lanes->sizes.copy_max)
        return framer_add(lanes, chunk->data, chunk->len, err);
    while (from < chunk->len) {
        size_t n = chunk->len - from;
        size_t room = lanes->sizes.cut_piece - (size_t)lane->piece.size;

        n = n < room ? n : room;
        if (piece_add(&lane->piece, chunk_ref(chunk), from, n, err) < 0)
            return -1;
        from += n;
        if (lane->piece.size == lanes->sizes.cut_piece)
            split(lanes, lane);
    }
    return 0;
}

int framer_begin(struct framer *lanes, const struct entry_file *file, struct spot *place,
                 struct err *err)
{
    struct lane *lane = &lanes->lane[file->packed && lanes->framed];

    lanes->now = lane;
    lanes->split = false;
    if (lane->piece.size >= lanes->sizes.cut_file)
        cut(lanes, lane);
    if (mem_room(&lane->waiting, &lane->cap, lane->count, sizeof(*lane->waiting), ENTRIES_MAX,
                 err) < 0)
        return -1;
    if (place)
        lane->waiting[lane->count++] = (struct waiting){ place, lane->piece.size };
    buf_reset(&lanes->header);
    if (entry_header(&lanes->header, file, err) < 0)
        return err_wrap(err, "cannot write the header of '%s'", file->path);
    return framer_add(lanes, lanes->header.data, lanes->header.len, err);
}

int framer_end(struct framer *lanes, uint64_t size, struct err *err)
{
    static const unsigned char zeros[ENTRY_BLOCK];

    if (framer_add(lanes, zeros, entry_padding(size), err) < 0)
        return -1;
    if (lanes->split) /* nothing of the other lane may come between its parts */
        cut(lanes, lanes->now);
    return 0;
}

void framer_flush(struct framer *lanes)
{
    cut(lanes, &lanes->lane[1]);
    cut(lanes, &lanes->lane[0]);
}

void framer_mark(struct framer *lanes)
{
    struct piece mark = { .kind = PIECE_MARK };

    framer_flush(lanes);
    lanes->kept_frames = lanes->frames;
    lanes->kept_at = lanes->at;
    compress_pool_submit(lanes->compressors, &mark);
    piece_clear(&mark);
}

void framer_back(struct framer *lanes)
{
    struct piece back = { .kind = PIECE_BACK };
    int i;

    for (i = 0; i < 2; i++) {
        piece_reset(&lanes->lane[i].piece);
        chunk_unref(lanes->lane[i].tail);
        lanes->lane[i].tail = NULL;
        lanes->lane[i].count = 0;
    }
    lanes->frames = lanes->kept_frames;
    lanes->at = lanes->kept_at;
    compress_pool_submit(lanes->compressors, &back);
    piece_clear(&back);
}

int framer_drain(struct framer *lanes, struct seek **seek, struct err *err)
{
    framer_flush(lanes);
    if (seek)
        *seek = compress_pool_seek(lanes->compressors);
    return compress_pool_drain(lanes->compressors, err);
}

bool framer_step(struct framer *lanes)
{
    return compress_pool_step(lanes->compressors);
}

void framer_hurry(struct framer *lanes)
{
    compress_pool_hurry(lanes->compressors);
}

bool framer_failed(struct framer *lanes)
{
    return compress_pool_failed(lanes->compressors);
}
