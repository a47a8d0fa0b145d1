/* SPDX-License-Identifier: MIT */
#include "open/stream.h"

#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

#define CODED ((size_t)128 << 10) /* read at a time */
#define WASTE ((size_t)64 << 10)  /* decoded and dropped at a time */
#define GZIP  (15 + 16)

struct stream {
    struct box *box;
    size_t frame;        /* being decoded */
    size_t end;          /* not decoded, nor what follows */
    uint64_t coded_at;   /* where in the archive its next bytes are */
    uint64_t coded_left; /* of it, not read */
    uint64_t plain_left; /* of it, not given out */
    ZSTD_DStream *zstd;
    z_stream gzip;
    bool gzip_up;
    unsigned char *coded;
    size_t coded_from; /* what is left in it */
    size_t coded_to;
};

static int damaged(const struct stream *s, const char *why, struct err *err)
{
    return err_set(err, ERR_MISMATCH, "frame %zu is damaged: %s", s->frame, why);
}

/* Begin to decode the frame at coded_at. */
static int begin(struct stream *s, struct err *err)
{
    const struct seek_row *row = &s->box->seek.rows[s->frame];

    s->coded_left = row->coded;
    s->plain_left = row->plain;
    s->coded_from = s->coded_to = 0;
    if (s->zstd && ZSTD_isError(ZSTD_initDStream(s->zstd)))
        return err_set(err, ERR_MEMORY, "out of memory");
    if (s->gzip_up && inflateReset(&s->gzip) != Z_OK)
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

static int fill(struct stream *s, struct err *err)
{
    size_t n = s->coded_left < CODED ? (size_t)s->coded_left : CODED;

    if (s->coded_from < s->coded_to)
        return 0;
    if (!n)
        return damaged(s, "it holds less than the seek table says", err);
    if (box_read(s->box, s->coded, n, s->coded_at, err) < 0)
        return -1;
    s->coded_at += n;
    s->coded_left -= n;
    s->coded_from = 0;
    s->coded_to = n;
    return 0;
}

static ssize_t decode_zstd(struct stream *s, void *bytes, size_t len, struct err *err)
{
    ZSTD_inBuffer in = { s->coded, s->coded_to, s->coded_from };
    ZSTD_outBuffer out = { bytes, len, 0 };
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);

    if (ZSTD_isError(rc))
        return damaged(s, ZSTD_getErrorName(rc), err);
    s->coded_from = in.pos;
    return (ssize_t)out.pos;
}

static ssize_t decode_gzip(struct stream *s, void *bytes, size_t len, struct err *err)
{
    int rc;

    s->gzip.next_in = s->coded + s->coded_from;
    s->gzip.avail_in = (uInt)(s->coded_to - s->coded_from);
    s->gzip.next_out = bytes;
    s->gzip.avail_out = (uInt)len;
    rc = inflate(&s->gzip, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return damaged(s, s->gzip.msg ? s->gzip.msg : "bad data", err);
    s->coded_from = s->coded_to - s->gzip.avail_in;
    return (ssize_t)(len - s->gzip.avail_out);
}

/* The frame's content has been given out: let its checksum be compared, and go to the next. */
static int end_frame(struct stream *s, struct err *err)
{
    char none;
    uint64_t left = s->coded_left + (s->coded_to - s->coded_from);

    while (left) {
        ssize_t n;

        if (fill(s, err) < 0)
            return -1;
        n = s->zstd ? decode_zstd(s, &none, 0, err) : decode_gzip(s, &none, 0, err);
        if (n < 0)
            return -1;
        if (s->coded_left + (s->coded_to - s->coded_from) == left)
            return damaged(s, "it holds more than the seek table says", err);
        left = s->coded_left + (s->coded_to - s->coded_from);
    }
    s->frame++;
    return s->frame < s->end ? begin(s, err) : 0;
}

ssize_t stream_read(struct stream *s, void *bytes, size_t len, struct err *err)
{
    ssize_t n = 0;

    while (s->frame < s->end && !s->plain_left) {
        if (end_frame(s, err) < 0)
            return -1;
    }
    if (s->frame >= s->end)
        return 0;
    len = s->plain_left < len ? (size_t)s->plain_left : len;
    while (n == 0) {
        if (fill(s, err) < 0)
            return -1;
        n = s->zstd ? decode_zstd(s, bytes, len, err) : decode_gzip(s, bytes, len, err);
    }
    if (n < 0)
        return -1;
    s->plain_left -= (uint64_t)n;
    while (!s->plain_left && s->frame < s->end) { /* its checksum, before it is used */
        if (end_frame(s, err) < 0)
            return -1;
    }
    return n;
}

/* Decode and drop what lies before the offset in its frame. */
static int skip(struct stream *s, uint64_t count, struct err *err)
{
    unsigned char *waste = count ? mem_new(WASTE, err) : NULL;
    ssize_t n = 0;

    while (waste && count && n >= 0) {
        n = stream_read(s, waste, count < WASTE ? (size_t)count : WASTE, err);
        if (n == 0)
            n = damaged(s, "it ends early", err);
        count -= n > 0 ? (uint64_t)n : 0;
    }
    mem_free(waste);
    return count ? -1 : 0;
}

struct stream *stream_open(struct box *box, uint64_t at, uint64_t to, struct err *err)
{
    struct stream *s = mem_new(sizeof(*s), err);
    uint64_t coded;
    uint64_t plain;

    if (!s)
        return NULL;
    s->box = box;
    s->end = to > box->seek.plain ? box->seek.count
                                  : seek_find(&box->seek, to - (to > 0), &coded, &plain) + 1;
    s->coded = mem_new(CODED, err);
    s->frame = seek_find(&box->seek, at, &s->coded_at, &plain);
    if (box->codec == FRAME_ZSTD)
        s->zstd = ZSTD_createDStream();
    else
        s->gzip_up = inflateInit2(&s->gzip, GZIP) == Z_OK;
    if (!s->zstd && !s->gzip_up)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    else if (s->frame >= s->end)
        (void)err_set(err, ERR_FORMAT, "offset %llu lies behind the archive's end",
                      (unsigned long long)at);
    else if (s->coded && begin(s, err) == 0 && skip(s, at - plain, err) == 0)
        return s;
    stream_free(s);
    return NULL;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    (void)ZSTD_freeDStream(s->zstd);
    if (s->gzip_up)
        (void)inflateEnd(&s->gzip);
    mem_free(s->coded);
    mem_free(s);
}
