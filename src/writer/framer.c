/* SPDX-License-Identifier: MIT */
#include "writer/framer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "format/entry.h"
#include "writer/compress_pool.h"

#include <assert.h>
#include <string.h>

#define COPY_MAX    ((size_t)16 << 10)
#define HEADER_MAX  ((size_t)256 << 10)
#define ENTRIES_MAX ((size_t)1 << 20) /* entries in one frame */
#define LANES       (FAMILIES + 1)    /* one for each family of texts, one for stored content */
#define STORED      FAMILIES
#define TEXTS       3 /* frames' bytes that open and ended frames of texts have by default */
#define LOAN        8 /* steps of a buffer that are borrowed at a time */

/* An entry whose frame has not ended. */
struct pending_entry {
    struct spot *place;
    uint64_t at; /* offset in the frame */
};

struct lane {
    bool old; /* it has waited since before the last framer_age */
    struct piece piece;
    size_t most;        /* bytes after which the frame ends */
    struct chunk *tail; /* where copies are written; also a part of the piece */
    struct pending_entry *waiting;
    size_t count;
    size_t cap;
};

struct framer {
    struct framer_sizes sizes;
    bool stepped;
    struct compress_pool *compressors;
    struct pool *pool;
    struct reserve *reserve; /* or NULL */
    size_t lent;             /* bytes borrowed from it, for more than sizes.copies */
    size_t keep;             /* how many of them are not to be returned */
    struct lane lane[LANES];
    bool families; /* a lane for each family of texts, which are copied */
    struct lane *now;
    struct buf header;
    bool framed;     /* the format has numbered frames */
    bool split;      /* the start of the entry is in a frame that has ended */
    uint64_t frames; /* frames ended so far */
    uint64_t at;     /* tar bytes in these frames */
    bool marking;    /* the next entry starts at a mark */
    uint64_t kept_frames;
    uint64_t kept_at;
};

/* Set the sizes that were not given. */
static void choose_sizes(struct framer_sizes *sizes)
{
    size_t least;

    sizes->cut_file = sizes->cut_file ? sizes->cut_file : FRAME_CUT_FILE;
    if (!sizes->cut_text)
        sizes->cut_text = sizes->cut_piece ? 2 * sizes->cut_piece : FRAME_CUT_TEXT;
    sizes->cut_piece = sizes->cut_piece ? sizes->cut_piece : FRAME_CUT_PIECE;
    sizes->copy_max = sizes->copy_max ? sizes->copy_max : COPY_MAX;
    sizes->chunk = sizes->chunk ? sizes->chunk : CHUNK_SIZE;
    least = sizes->cut_text + sizes->cut_piece + LANES * sizes->chunk;
    sizes->copies = sizes->copies ? sizes->copies : TEXTS * sizes->cut_text;
    sizes->copies = sizes->copies < least ? least : sizes->copies;
    if (sizes->cut_most < sizes->cut_text)
        sizes->cut_most = sizes->cut_text;
}

/*
 * The memory for copies: a buffer for each lane, for each frame in the ring, and for the one
 * that is submitted. The copies of open frames have at most sizes.copies without the rest of
 * the last step of each buffer (make_room), and what was borrowed; all others are in ended
 * frames, and are returned by the writer thread, so waiting always ends.
 */
static struct pool *make_pool(const struct framer *framer, unsigned workers, struct err *err)
{
    const struct framer_sizes *sizes = &framer->sizes;
    struct pool *pool =
        pool_new(LANES + workers + COMPRESS_POOL_SPARE + 1, sizes->cut_most, err);

    if (pool)
        pool_lazy(pool, sizes->copies);
    return pool;
}

uint64_t spot_level(const struct spot *spot)
{
    if (spot->level == SPOT_STORED)
        return 0;
    return spot->level ? (uint64_t)spot->level : SPOT_NONE;
}

struct framer *framer_new(const struct framer_opts *opts, struct output *output,
                          struct err *err)
{
    struct framer *framer = mem_new(sizeof(*framer), err);
    struct compress_pool_opts how = { .codec = opts->codec,
                                      .level = opts->level,
                                      .workers = opts->workers,
                                      .contexts = opts->sizes.contexts,
                                      .stepped = opts->stepped };
    size_t i;

    if (!framer)
        return NULL;
    framer->sizes = opts->sizes;
    choose_sizes(&framer->sizes);
    framer->stepped = opts->stepped;
    framer->reserve = opts->reserve;
    framer->framed = opts->codec != FRAME_NONE;
    framer->families = opts->codec == FRAME_ZSTD;
    framer->now = &framer->lane[0];
    for (i = 0; i < LANES; i++)
        framer->lane[i].most = framer->sizes.cut_piece;
    buf_init(&framer->header, HEADER_MAX);
    framer->pool = make_pool(framer, compress_pool_workers(&how), err);
    if (framer->pool)
        framer->compressors = compress_pool_new(&how, output, err);
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
    for (i = 0; i < LANES; i++) {
        piece_clear(&framer->lane[i].piece);
        chunk_unref(framer->lane[i].tail);
        mem_free(framer->lane[i].waiting);
    }
    pool_free(framer->pool);
    if (framer->reserve)
        reserve_return(framer->reserve, framer->lent);
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
    bool store = lane == &framer->lane[STORED];
    int level;
    size_t i;

    lane->old = false;
    chunk_unref(lane->tail);
    lane->tail = NULL;
    if (!lane->piece.size)
        return;
    level = compress_pool_level(framer->compressors);
    for (i = 0; i < lane->count; i++) {
        struct spot *place = lane->waiting[i].place;

        place->frame = framer->framed ? framer->frames : SPOT_NONE;
        place->offset = framer->at + lane->waiting[i].at;
        place->level = !framer->framed ? 0 : store ? SPOT_STORED : level;
    }
    lane->count = 0;
    framer->at += lane->piece.size;
    framer->frames++;
    lane->piece.kind = PIECE_FRAME;
    lane->piece.store = store;
    lane->piece.level = level;
    compress_pool_submit(framer->compressors, &lane->piece);
}

/* End the lane's frame in the middle of an entry. */
static void split(struct framer *framer, struct lane *lane)
{
    cut(framer, lane);
    framer->split = true;
}

/*
 * Get a buffer for copies, or enlarge one. The packer waits here for the buffers of ended
 * frames; see make_pool().
 */
static struct chunk *copy_room(struct framer *framer, struct chunk *tail)
{
    size_t more = framer->sizes.chunk;
    struct chunk *chunk = tail ? tail : pool_try(framer->pool);
    uint64_t start;

    if (chunk && pool_grow(chunk, more))
        return chunk;
    while (framer->stepped && compress_pool_step(framer->compressors)) {
        chunk = chunk ? chunk : pool_try(framer->pool);
        if (chunk && pool_grow(chunk, more))
            return chunk;
    }
    assert(!framer->stepped);
    start = clock_mono_us();
    chunk = chunk ? chunk : pool_wait(framer->pool);
    pool_grow_wait(chunk, more);
    compress_pool_waited(framer->compressors, clock_mono_us() - start);
    return chunk;
}

/* Make sure that the tail has free space. */
static struct chunk *tail_of(struct framer *framer, struct lane *lane)
{
    struct chunk *tail = lane->tail;

    if (tail && tail->len == framer->sizes.cut_most) {
        chunk_unref(tail);
        tail = NULL;
    }
    if (!tail || tail->len == tail->size)
        tail = copy_room(framer, tail);
    lane->tail = tail;
    return tail;
}

int framer_add(struct framer *framer, const void *bytes, size_t len, struct err *err)
{
    struct lane *lane = framer->now;
    const unsigned char *from = bytes;

    while (len) {
        struct chunk *tail = tail_of(framer, lane);
        size_t n = tail->size - tail->len;
        size_t room = lane->most - (size_t)lane->piece.size;
        size_t part = FRAME_PART_MAX - tail->len % FRAME_PART_MAX;

        n = n < part ? n : part;
        n = n < room ? n : room;
        n = n < len ? n : len;
        memcpy(tail->data + tail->len, from, n);
        tail->len += n;
        if (piece_add(&lane->piece, chunk_ref(tail), tail->len - n, n, err) < 0)
            return -1;
        from += n;
        len -= n;
        if (lane->piece.size == lane->most)
            split(framer, lane);
    }
    return 0;
}

int framer_add_chunk(struct framer *framer, struct chunk *chunk, struct err *err)
{
    struct lane *lane = framer->now;
    size_t from = 0;

    if (chunk->len < framer->sizes.copy_max ||
        (framer->families && lane != &framer->lane[STORED]))
        return framer_add(framer, chunk->data, chunk->len, err);
    while (from < chunk->len) {
        size_t n = chunk->len - from;
        size_t room = lane->most - (size_t)lane->piece.size;

        n = n < room ? n : room;
        if (piece_add(&lane->piece, chunk_ref(chunk), from, n, err) < 0)
            return -1;
        from += n;
        if (lane->piece.size == lane->most)
            split(framer, lane);
    }
    return 0;
}

static struct lane *lane_of(struct framer *framer, const struct entry_file *file)
{
    if (file->packed && framer->framed)
        return &framer->lane[STORED];
    return &framer->lane[framer->families ? file->family : FAMILY_REST];
}

/* End the longest frame of the other families; false: all are empty. */
static bool cut_longest(struct framer *framer, const struct lane *lane)
{
    struct lane *longest = NULL;
    size_t i;

    for (i = 0; i < FAMILIES; i++) {
        struct lane *other = &framer->lane[i];

        if (other != lane && (!longest || other->piece.size > longest->piece.size))
            longest = other;
    }
    if (!longest || !longest->piece.size)
        return false;
    cut(framer, longest);
    return true;
}

/* Borrow memory for more copies; false if none is lent. */
static bool borrow(struct framer *framer)
{
    if (!framer->reserve)
        return false;
    if (!framer->lent) /* what was lacking before is not due now: see RESERVE_QUIET */
        (void)reserve_lacked(framer->reserve);
    if (!reserve_borrow(framer->reserve, LOAN * framer->sizes.chunk, clock_mono()))
        return false;
    framer->lent += LOAN * framer->sizes.chunk;
    framer->keep = framer->lent;
    (void)pool_limit(framer->pool, framer->sizes.copies + framer->lent);
    return true;
}

/*
 * Borrow memory, or end the longest frames of texts, other than the lane's, while all copies
 * would have more than they may with size more bytes. None of them can end later, between the
 * parts of a file.
 */
static void bound_copies(struct framer *framer, const struct lane *lane, uint64_t size)
{
    const struct chunk *stored = framer->lane[STORED].tail;
    uint64_t most;
    uint64_t open;
    size_t i;

    do {
        most = framer->sizes.copies + framer->lent - LANES * framer->sizes.chunk;
        open = size + (stored ? stored->len : 0);
        for (i = 0; i < FAMILIES; i++)
            open += framer->lane[i].piece.size;
    } while (open > most && (borrow(framer) || cut_longest(framer, lane)));
}

/*
 * If memory was lacking elsewhere, return half of what is borrowed: as much of it as open and
 * ended frames do not need any more, and the rest at the next calls.
 */
static void return_loan(struct framer *framer)
{
    size_t lent = framer->lent;

    if (!lent)
        return;
    if (reserve_lacked(framer->reserve))
        framer->keep = framer->keep / 2 / framer->sizes.chunk * framer->sizes.chunk;
    if (framer->keep == lent)
        return;
    framer->lent = framer->keep;
    bound_copies(framer, NULL, 0);
    framer->lent =
        pool_limit(framer->pool, framer->sizes.copies + framer->lent) - framer->sizes.copies;
    reserve_return(framer->reserve, lent - framer->lent);
}

/* The maximum size of a frame of texts: longer if memory is borrowed. */
static size_t cut_text(const struct framer *framer)
{
    size_t cut = framer->sizes.cut_text + framer->lent / 9 * 4;

    return cut < framer->sizes.cut_most ? cut : framer->sizes.cut_most;
}

/*
 * Make room for an entry, which will have size bytes with its header. The lane's frame ends if
 * it is long enough, of texts only if the entry does not fit into the rest of it. A text that
 * is longer than a frame is cut as all files are.
 */
static void make_room(struct framer *framer, struct lane *lane, uint64_t size)
{
    const struct framer_sizes *sizes = &framer->sizes;
    bool text = framer->families && lane != &framer->lane[STORED];

    return_loan(framer);
    while (text && lane->piece.size + size + ENTRY_END >= cut_text(framer) &&
           cut_text(framer) < sizes->cut_most && borrow(framer))
        ;
    if (lane->piece.size >= sizes->cut_file &&
        (!text || lane->piece.size + size > cut_text(framer)))
        cut(framer, lane);
    lane->most = text && lane->piece.size + size <= cut_text(framer) ? cut_text(framer)
                                                                     : sizes->cut_piece;
    if (framer->families)
        bound_copies(framer, lane,
                     size < lane->most - lane->piece.size ? size
                                                          : lane->most - lane->piece.size);
}

/* Set the mark that framer_mark asked for, before the lane's next entry. */
static void set_mark(struct framer *framer, struct lane *lane)
{
    struct piece mark = { .kind = PIECE_MARK };

    framer->marking = false;
    cut(framer, lane);
    framer->kept_frames = framer->frames;
    framer->kept_at = framer->at;
    compress_pool_submit(framer->compressors, &mark);
    piece_clear(&mark);
}

int framer_begin(struct framer *framer, const struct entry_file *file, struct spot *place,
                 struct err *err)
{
    struct lane *lane = lane_of(framer, file);

    framer->now = lane;
    framer->split = false;
    buf_reset(&framer->header);
    if (entry_header(&framer->header, file, err) < 0)
        return err_wrap(err, "cannot write the header of '%s'", file->path);
    make_room(framer, lane,
              framer->header.len + (file->link ? 0 : file->size + entry_padding(file->size)));
    if (framer->marking)
        set_mark(framer, lane);
    if (mem_room(&lane->waiting, &lane->cap, lane->count, sizeof(*lane->waiting), ENTRIES_MAX,
                 err) < 0)
        return -1;
    if (place)
        lane->waiting[lane->count++] = (struct pending_entry){ place, lane->piece.size };
    return framer_add(framer, framer->header.data, framer->header.len, err);
}

int framer_end(struct framer *framer, uint64_t size, struct err *err)
{
    static const unsigned char zeros[ENTRY_BLOCK];

    if (framer_add(framer, zeros, entry_padding(size), err) < 0)
        return -1;
    /*
     * nothing of the other lane may be between its parts; and the end of the stream, which may
     * follow, is not cut, since only files are
     */
    if (framer->split || framer->now->most - framer->now->piece.size <= ENTRY_END)
        cut(framer, framer->now);
    return 0;
}

void framer_flush(struct framer *framer)
{
    size_t i;

    for (i = LANES; i--;) {
        if (&framer->lane[i] != framer->now)
            cut(framer, &framer->lane[i]);
    }
    cut(framer, framer->now); /* what was added last, the end of the tar stream, is last */
}

void framer_release(struct framer *framer)
{
    cut(framer, &framer->lane[STORED]);
    if (!framer->families)
        cut(framer, &framer->lane[FAMILY_REST]);
}

void framer_age(struct framer *framer)
{
    struct piece save = { .kind = PIECE_SAVE };
    size_t i;

    return_loan(framer);

    for (i = 0; i < LANES; i++) {
        struct lane *lane = &framer->lane[i];

        if (lane->old)
            cut(framer, lane);
        else
            lane->old = lane->piece.size > 0;
    }
    compress_pool_submit(framer->compressors, &save);
    piece_clear(&save);
}

void framer_mark(struct framer *framer)
{
    framer->marking = true;
}

void framer_back(struct framer *framer)
{
    struct piece back = { .kind = PIECE_BACK };
    struct lane *lane = framer->now;

    piece_reset(&lane->piece);
    chunk_unref(lane->tail);
    lane->tail = NULL;
    lane->count = 0;
    lane->old = false;
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
