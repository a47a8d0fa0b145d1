/* SPDX-License-Identifier: MIT */
#include "format/frame.h"

#include "base/mem.h"

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_estimateCCtxSize_usingCParams */
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_LEVEL 3
#define GZIP_LEVEL 6
#define WINDOW_LOG 23        /* FRAME_CUT_TEXT; less for a smaller frame */
#define AT_ONCE    9         /* up to this level a frame is compressed without interruption */
#define GZIP_WRAP  (15 + 16) /* zlib: a gzip member with the largest window */

/* Stored zstd frames: magic, descriptor (4-byte size, single segment, checksum), size. */
#define ZSTD_HEAD       9
#define ZSTD_DESCRIPTOR 0xa4
#define ZSTD_BLOCK      3
#define ZSTD_CHECKSUM   4

struct frame_coder {
    enum frame_codec codec;
    int level;
    const atomic_bool *hurried; /* or NULL */
    ZSTD_CCtx *zstd;
    XXH64_state_t *xxh;
    z_stream gzip[2]; /* compressed, stored */
    bool gzip_up[2];
};

/* The lowest and highest level of a codec. */
static void levels_of(enum frame_codec codec, int *low, int *high)
{
    *low = 1;
    *high = codec == FRAME_ZSTD ? 19 : 9;
}

int frame_level(enum frame_codec codec, int level)
{
    int low;
    int high;

    levels_of(codec, &low, &high);
    if (level == 0)
        level = codec == FRAME_ZSTD ? ZSTD_LEVEL : GZIP_LEVEL;
    return level < low ? low : level > high ? high : level;
}

size_t frame_context(int level)
{
    ZSTD_compressionParameters how = ZSTD_getCParams(level, FRAME_CUT_TEXT, 0);

    how.windowLog = WINDOW_LOG;
    return ZSTD_estimateCCtxSize_usingCParams(how);
}

int frame_level_within(int most, size_t bytes)
{
    while (most > 1 && frame_context(most) > bytes)
        most--;
    return most;
}

/* Set zstd's parameters; 0, or -1 when it refuses one. */
static int set_zstd(ZSTD_CCtx *zstd, int level)
{
    const struct {
        ZSTD_cParameter what;
        int value;
    } all[] = {
        { ZSTD_c_compressionLevel, level },
        { ZSTD_c_windowLog, WINDOW_LOG },
        { ZSTD_c_checksumFlag, 1 },
    };
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, all[i].what, all[i].value)))
            return -1;
    }
    return 0;
}

void frame_coder_level(struct frame_coder *coder, int level)
{
    level = frame_level(coder->codec, level);
    if (coder->codec != FRAME_ZSTD || level == coder->level)
        return;
    (void)ZSTD_CCtx_reset(coder->zstd, ZSTD_reset_session_only);
    if (set_zstd(coder->zstd, level) == 0)
        coder->level = level;
}

static int set_up(struct frame_coder *coder)
{
    int i;

    coder->level = frame_level(coder->codec, coder->level);
    if (coder->codec == FRAME_ZSTD) {
        coder->zstd = ZSTD_createCCtx();
        coder->xxh = XXH64_createState();
        return !coder->zstd || !coder->xxh || set_zstd(coder->zstd, coder->level) < 0;
    }
    for (i = 0; coder->codec == FRAME_GZIP && i < 2; i++) {
        if (deflateInit2(&coder->gzip[i], i ? Z_NO_COMPRESSION : coder->level, Z_DEFLATED,
                         GZIP_WRAP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            return -1;
        coder->gzip_up[i] = true;
    }
    return 0;
}

struct frame_coder *frame_coder_new(enum frame_codec codec, int level, struct err *err)
{
    struct frame_coder *coder = mem_new(sizeof(*coder), err);

    if (!coder)
        return NULL;
    coder->codec = codec;
    coder->level = level;
    if (set_up(coder)) {
        frame_coder_free(coder);
        (void)err_set(err, ERR_MEMORY, "cannot set up compression");
        return NULL;
    }
    return coder;
}

void frame_coder_watch(struct frame_coder *coder, const atomic_bool *hurried)
{
    coder->hurried = hurried;
}

static bool is_hurried(const struct frame_coder *coder)
{
    return coder->hurried && atomic_load(coder->hurried);
}

void frame_coder_free(struct frame_coder *coder)
{
    int i;

    if (!coder)
        return;
    (void)ZSTD_freeCCtx(coder->zstd);
    (void)XXH64_freeState(coder->xxh);
    for (i = 0; i < 2; i++) {
        if (coder->gzip_up[i])
            (void)deflateEnd(&coder->gzip[i]);
    }
    mem_free(coder);
}

/* Write a stored frame's head, block headers and checksum; frame_emit inserts the parts. */
static int store_zstd(struct frame_coder *coder, const struct iovec *parts, size_t count,
                      uint64_t size, struct buf *out, struct err *err)
{
    unsigned char head[ZSTD_HEAD];
    unsigned char block[ZSTD_BLOCK];
    unsigned char sum[ZSTD_CHECKSUM];
    size_t i;

    buf_put_le(head, ZSTD_MAGICNUMBER, 4);
    head[4] = ZSTD_DESCRIPTOR;
    buf_put_le(head + 5, size, 4);
    (void)XXH64_reset(coder->xxh, 0);
    if (buf_add(out, head, sizeof(head), err) < 0)
        return -1;
    for (i = 0; i < count; i++) { /* last block, type raw (0), size */
        buf_put_le(block, (i + 1 == count) | parts[i].iov_len << 3, sizeof(block));
        (void)XXH64_update(coder->xxh, parts[i].iov_base, parts[i].iov_len);
        if (buf_add(out, block, sizeof(block), err) < 0)
            return -1;
    }
    buf_put_le(sum, XXH64_digest(coder->xxh), sizeof(sum)); /* the low 32 bits */
    return buf_add(out, sum, sizeof(sum), err);
}

/* Reserve a quarter of the input's size for output; untouched pages cost nothing. */
static char *next_room(struct buf *out, size_t size, size_t *room, struct err *err)
{
    *room = size / 4 + 4096;
    return buf_room(out, *room, err);
}

/* Whether the parts follow one another in memory. */
static bool is_contiguous(const struct iovec *parts, size_t count)
{
    size_t i;

    for (i = 1; i < count; i++) {
        if ((char *)parts[i - 1].iov_base + parts[i - 1].iov_len != parts[i].iov_base)
            return false;
    }
    return count > 0;
}

/* Compress contiguous parts, which zstd then need not copy into a buffer of its own. */
static int compress_at_once(struct frame_coder *coder, const struct iovec *parts, uint64_t size,
                            struct buf *out, struct err *err)
{
    size_t room = ZSTD_compressBound((size_t)size);
    char *to = buf_room(out, room, err); /* untouched pages cost nothing */
    size_t n;

    if (!to)
        return -1;
    n = ZSTD_compress2(coder->zstd, to, room, parts->iov_base, (size_t)size);
    if (ZSTD_isError(n))
        return err_set(err, ERR_MEMORY, "zstd: %s", ZSTD_getErrorName(n));
    out->len += n;
    return 0;
}

/* Compress parts: 0; 1: stopped, since the flag of frame_coder_watch is true; -1: error. */
static int compress_zstd(struct frame_coder *coder, const struct iovec *parts, size_t count,
                         uint64_t size, struct buf *out, struct err *err)
{
    size_t left = 1;
    size_t i;

    (void)ZSTD_CCtx_reset(coder->zstd, ZSTD_reset_session_only);
    if (coder->level <= AT_ONCE && is_contiguous(parts, count))
        return is_hurried(coder) ? 1 : compress_at_once(coder, parts, size, out, err);
    (void)ZSTD_CCtx_setPledgedSrcSize(coder->zstd, size);
    for (i = 0; i < count || (count == 0 && i == 0); i++) {
        ZSTD_inBuffer in = { count ? parts[i].iov_base : NULL, count ? parts[i].iov_len : 0,
                             0 };
        ZSTD_EndDirective how = i + 1 >= count ? ZSTD_e_end : ZSTD_e_continue;

        if (count && is_hurried(coder))
            return 1;
        do {
            size_t room;
            char *to = next_room(out, (size_t)size, &room, err);
            ZSTD_outBuffer to_buf = { to, room, 0 };

            if (!to)
                return -1;
            left = ZSTD_compressStream2(coder->zstd, &to_buf, &in, how);
            if (ZSTD_isError(left))
                return err_set(err, ERR_MEMORY, "zstd: %s", ZSTD_getErrorName(left));
            out->len += to_buf.pos;
        } while (in.pos < in.size || (how == ZSTD_e_end && left));
    }
    return 0;
}

/* Compress parts: 0; 1: stopped, since the flag of frame_coder_watch is true; -1: error. */
static int code_gzip(struct frame_coder *coder, bool store, const struct iovec *parts,
                     size_t count, uint64_t size, struct buf *out, struct err *err)
{
    z_stream *z = &coder->gzip[store];
    size_t i;
    int rc = Z_OK;

    if (deflateReset(z) != Z_OK)
        return err_set(err, ERR_MEMORY, "cannot reset zlib");
    for (i = 0; i < count || (count == 0 && i == 0); i++) {
        if (!store && is_hurried(coder))
            return 1;
        z->next_in = count ? parts[i].iov_base : NULL;
        z->avail_in = count ? (uInt)parts[i].iov_len : 0;
        do {
            size_t room;
            char *to = next_room(out, (size_t)size, &room, err);

            if (!to)
                return -1;
            z->next_out = (Bytef *)to;
            z->avail_out = (uInt)room;
            rc = deflate(z, i + 1 >= count ? Z_FINISH : Z_NO_FLUSH);
            if (rc == Z_STREAM_ERROR)
                return err_set(err, ERR_MEMORY, "zlib: invalid state");
            out->len += room - z->avail_out;
        } while (z->avail_out == 0 && rc != Z_STREAM_END);
    }
    return rc == Z_STREAM_END ? 0 : err_set(err, ERR_MEMORY, "zlib: incomplete output");
}

static int code(struct frame_coder *coder, const struct iovec *parts, size_t count,
                uint64_t size, bool store, struct buf *out, struct err *err)
{
    switch (coder->codec) {
    case FRAME_ZSTD:
        return store && count ? store_zstd(coder, parts, count, size, out, err)
                              : compress_zstd(coder, parts, count, size, out, err);
    case FRAME_GZIP:
        return code_gzip(coder, store, parts, count, size, out, err);
    case FRAME_NONE:
        break;
    }
    return 0;
}

int frame_code(struct frame_coder *coder, const struct iovec *parts, size_t count,
               uint64_t size, bool *store, struct buf *out, struct err *err)
{
    int rc = code(coder, parts, count, size, *store, out, err);

    if (rc <= 0)
        return rc;
    buf_reset(out);
    *store = true;
    return code(coder, parts, count, size, true, out, err);
}

int frame_emit(enum frame_codec codec, const struct frame_parts *frame, put_fn *put, void *ctx,
               struct err *err)
{
    const char *at = frame->coded->data;
    size_t count = frame->count;
    bool raw = codec == FRAME_NONE;
    size_t i;

    if (!raw && (codec != FRAME_ZSTD || !frame->store || !count))
        return put(ctx, frame->coded->data, frame->coded->len, err);
    if (!raw && put(ctx, at, ZSTD_HEAD, err) < 0)
        return -1;
    if (!raw) /* coded may be empty otherwise */
        at += ZSTD_HEAD;
    for (i = 0; i < count; i++) {
        if (!raw && put(ctx, at + i * ZSTD_BLOCK, ZSTD_BLOCK, err) < 0)
            return -1;
        if (put(ctx, frame->at[i].iov_base, frame->at[i].iov_len, err) < 0)
            return -1;
    }
    return raw ? 0 : put(ctx, at + count * ZSTD_BLOCK, ZSTD_CHECKSUM, err);
}
