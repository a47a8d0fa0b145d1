/* SPDX-License-Identifier: MIT */
#include "reader/stream.h"

#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

#define CODED ((size_t)128 << 10) /* read at a time */
#define WASTE ((size_t)64 << 10)  /* decoded and dropped at a time */
#define GZIP  (15 + 16)

/*
 * Each turn of a loop over input reads coded bytes, puts decoded bytes out, or goes on to the
 * next frame; a decoder that does none of these is an error. So whatever the input is, reading
 * it ends: there are only so many coded bytes, frames, and bytes that frames may hold.
 */
struct stream {
    struct archive_reader *box;
    bool whole;          /* no index: frame after frame, up to the archive's end */
    bool over;           /* the decoder has seen the end of the frame in hand */
    size_t frame;        /* being decoded */
    size_t end;          /* not decoded, nor what follows */
    uint64_t coded_at;   /* where in the archive its next bytes are */
    uint64_t coded_left; /* of it, not read; of the archive when whole */
    uint64_t plain_left; /* of it, not given out; not known when whole */
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

/* Let the decoder expect a frame. */
static int restart(struct stream *s, struct err *err)
{
    s->over = false;
    if ((s->zstd && ZSTD_isError(ZSTD_initDStream(s->zstd))) ||
        (s->gzip_up && inflateReset(&s->gzip) != Z_OK))
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

/* Begin to decode the frame at coded_at, as the seek table has it. */
static int begin(struct stream *s, struct err *err)
{
    const struct seek_row *row = &s->box->seek.rows[s->frame];

    s->coded_left = row->coded;
    s->plain_left = row->plain;
    s->coded_from = s->coded_to = 0;
    return restart(s, err);
}

/* Whether all coded bytes have been used. */
static bool used_up(const struct stream *s)
{
    return !s->coded_left && s->coded_from == s->coded_to;
}

static int fill(struct stream *s, struct err *err)
{
    size_t n = s->coded_left < CODED ? (size_t)s->coded_left : CODED;

    if (s->coded_from < s->coded_to)
        return 0;
    if (!n)
        return damaged(s, s->whole ? "it ends early" : "it holds less than the seek table says",
                       err);
    if (archive_reader_read(s->box, s->coded, n, s->coded_at, err) < 0)
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
    s->over = rc == 0;
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
    s->over = rc == Z_STREAM_END;
    return (ssize_t)(len - s->gzip.avail_out);
}

/* Decode more of the frame in hand; 0: coded bytes were used, and none came of them yet. */
static ssize_t step(struct stream *s, void *bytes, size_t len, struct err *err)
{
    size_t from;
    ssize_t n;

    if (fill(s, err) < 0)
        return -1;
    from = s->coded_from;
    n = s->zstd ? decode_zstd(s, bytes, len, err) : decode_gzip(s, bytes, len, err);
    if (n == 0 && s->coded_from == from && !s->over)
        return damaged(s, len ? "it does not go on" : "it holds more than the seek table says",
                       err);
    return n;
}

/* Go on to the frame behind the one in hand, which is over; zeros may fill the archive up. */
static int next_of_whole(struct stream *s, struct err *err)
{
    bool zeros = false;

    while (!used_up(s)) {
        if (fill(s, err) < 0)
            return -1;
        if (s->coded[s->coded_from]) {
            s->frame++;
            return zeros ? damaged(s, "zeros stand before it", err) : restart(s, err);
        }
        zeros = true;
        s->coded_from++;
    }
    s->end = s->frame;
    return 0;
}

/*
 * Go on to the next frame. The content of the one in hand has been given out: let its
 * checksum be compared. A row of the seek table is exactly one frame.
 */
static int end_frame(struct stream *s, struct err *err)
{
    char none;

    if (s->whole)
        return next_of_whole(s, err);
    if (s->plain_left)
        return damaged(s, "it holds less than the seek table says", err);
    while (!s->over) {
        if (step(s, &none, 0, err) < 0)
            return -1;
    }
    if (!used_up(s))
        return damaged(s, "it holds more than the seek table says", err);
    s->frame++;
    return s->frame < s->end ? begin(s, err) : 0;
}

ssize_t stream_read(struct stream *s, void *bytes, size_t len, struct err *err)
{
    while (len && s->frame < s->end) {
        ssize_t n;

        if (s->over || !s->plain_left) {
            if (end_frame(s, err) < 0)
                return -1;
            continue;
        }
        n = step(s, bytes, s->plain_left < len ? (size_t)s->plain_left : len, err);
        if (n < 0)
            return -1;
        if (!s->whole)
            s->plain_left -= (uint64_t)n;
        if (!s->plain_left && end_frame(s, err) < 0) /* its checksum, before it is used */
            return -1;
        if (n)
            return n;
    }
    return 0;
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

/* Make the decoder; its window is bounded, whatever frames ask for. */
static int set_up(struct stream *s, struct err *err)
{
    int log = s->whole ? STREAM_WHOLE_LOG : STREAM_WINDOW_LOG;

    s->coded = mem_new(CODED, err);
    if (!s->coded)
        return -1;
    if (s->box->codec == FRAME_ZSTD)
        s->zstd = ZSTD_createDStream();
    else
        s->gzip_up = inflateInit2(&s->gzip, GZIP) == Z_OK;
    if ((!s->zstd && !s->gzip_up) ||
        (s->zstd && ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, log))))
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

/* Come to an offset of an indexed archive's tar stream. */
static int come_to(struct stream *s, uint64_t at, uint64_t to, struct err *err)
{
    const struct seek *seek = &s->box->seek;
    uint64_t coded;
    uint64_t plain;

    s->end =
        to > seek->plain ? seek->count : seek_find(seek, to - (to > 0), &coded, &plain) + 1;
    s->frame = seek_find(seek, at, &s->coded_at, &plain);
    if (s->frame >= s->end)
        return err_set(err, ERR_FORMAT, "offset %llu lies behind the archive's end",
                       (unsigned long long)at);
    return begin(s, err) < 0 ? -1 : skip(s, at - plain, err);
}

struct stream *stream_open(struct archive_reader *box, uint64_t at, uint64_t to,
                           struct err *err)
{
    struct stream *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->box = box;
    s->whole = !box->indexed;
    if (s->whole) {
        s->end = SIZE_MAX;
        s->coded_left = box->size;
        s->plain_left = UINT64_MAX;
    }
    if (set_up(s, err) == 0 && (s->whole ? restart(s, err) : come_to(s, at, to, err)) == 0)
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
