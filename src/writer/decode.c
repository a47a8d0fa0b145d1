/* SPDX-License-Identifier: MIT */
#include "writer/decode.h"

#include "base/mem.h"

#include <stdbool.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct decoder {
    enum body_coding coding;
    const struct spool *spool;
    uint64_t max;
    uint64_t in; /* coded bytes read so far */
    struct body *out;
    unsigned char *room; /* CHUNK_SIZE bytes */
    ZSTD_DStream *zstd;
    z_stream zlib;
    bool started; /* zlib is */
    bool ended;   /* between two members or frames, after at least one */
};

static int begin(struct decoder *d, const unsigned char *bytes, struct err *err)
{
    /* "deflate" is a zlib stream by the RFC; some servers send it without the zlib header */
    bool bare = d->coding == CODED_DEFLATE && (bytes[0] & 0x0f) != 8;
    int bits = d->coding == CODED_GZIP ? 15 + 16 : bare ? -15 : 15;

    if (d->coding == CODED_ZSTD) {
        d->zstd = ZSTD_createDStream();
        return d->zstd ? 0 : err_set(err, ERR_MEMORY, "out of memory");
    }
    d->started = inflateInit2(&d->zlib, bits) == Z_OK;
    return d->started ? 0 : err_set(err, ERR_MEMORY, "out of memory");
}

static int put(struct decoder *d, size_t len, struct err *err)
{
    if (d->out->size + len > d->max)
        return err_set(err, ERR_LIMIT, "larger than %llu bytes when decoded",
                       (unsigned long long)d->max);
    if (d->out->size + len > DECODE_GRACE && (d->out->size + len) / DECODE_RATIO > d->in)
        return err_set(err, ERR_LIMIT, "%llu coded bytes decode to more than %llu",
                       (unsigned long long)d->in, (unsigned long long)d->out->size);
    return body_append(d->out, d->spool, d->room, len, err);
}

/* Each iteration of these loops consumes input, produces output, or is the last. */
static int feed_zstd(struct decoder *d, const unsigned char *bytes, size_t len, struct err *err)
{
    ZSTD_inBuffer in = { bytes, len, 0 };
    bool more = true;

    while (more) {
        ZSTD_outBuffer out = { d->room, CHUNK_SIZE, 0 };
        size_t left = ZSTD_decompressStream(d->zstd, &out, &in);

        if (ZSTD_isError(left))
            return err_set(err,
                           ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge
                               ? ERR_LIMIT
                               : ERR_FORMAT,
                           "zstd: %s", ZSTD_getErrorName(left));
        d->ended = left == 0;
        if (put(d, out.pos, err) < 0)
            return -1;
        more = out.pos == CHUNK_SIZE || in.pos < in.size;
    }
    return 0;
}

static int feed_zlib(struct decoder *d, const unsigned char *bytes, size_t len, struct err *err)
{
    d->zlib.next_in = (Bytef *)(uintptr_t)bytes;
    d->zlib.avail_in = (uInt)len;
    do {
        uInt before = d->zlib.avail_in;
        int rc;

        if (d->ended && d->coding == CODED_GZIP && before && inflateReset(&d->zlib) == Z_OK)
            d->ended = false; /* another member */
        if (d->ended && before)
            return err_set(err, ERR_FORMAT, "bytes after the end of the stream");
        d->zlib.next_out = d->room;
        d->zlib.avail_out = (uInt)CHUNK_SIZE;
        rc = inflate(&d->zlib, Z_NO_FLUSH);
        if (rc == Z_BUF_ERROR && !before)
            return 0;
        if (rc != Z_OK && rc != Z_STREAM_END)
            return err_set(err, ERR_FORMAT, "zlib: %s",
                           d->zlib.msg ? d->zlib.msg : "a broken stream");
        d->ended = rc == Z_STREAM_END;
        if (put(d, CHUNK_SIZE - d->zlib.avail_out, err) < 0)
            return -1;
    } while (d->zlib.avail_in || (!d->ended && !d->zlib.avail_out));
    return 0;
}

static int feed(struct decoder *d, const unsigned char *bytes, size_t len, struct err *err)
{
    if (!d->in && begin(d, bytes, err) < 0)
        return -1;
    d->in += len;
    return d->zstd ? feed_zstd(d, bytes, len, err) : feed_zlib(d, bytes, len, err);
}

struct body *decode_body(const struct body *body, enum body_coding coding,
                         const struct spool *spool, uint64_t max, struct err *err)
{
    struct decoder d = { .coding = coding, .spool = spool, .max = max };
    struct body_cursor cursor = { 0 };
    unsigned char *scratch = mem_new(CHUNK_SIZE, err);
    const unsigned char *bytes;
    struct chunk *chunk;
    ssize_t n = -1;

    d.out = body_new(err);
    d.room = mem_new(CHUNK_SIZE, err);
    while (d.out && d.room && scratch &&
           (n = body_next(body, &cursor, scratch, &bytes, &chunk, err)) > 0) {
        if (feed(&d, bytes, (size_t)n, err) < 0) {
            n = -1;
            break;
        }
    }
    if (n == 0 && !d.ended) {
        (void)err_set(err, ERR_FORMAT, "the coded stream ends early");
        n = -1;
    }
    (void)ZSTD_freeDStream(d.zstd);
    if (d.started)
        (void)inflateEnd(&d.zlib);
    mem_free(scratch);
    mem_free(d.room);
    if (n == 0)
        return d.out;
    body_free(d.out);
    return NULL;
}
