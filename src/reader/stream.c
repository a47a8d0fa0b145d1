/* SPDX-License-Identifier: MIT */
#include "reader/stream.h"

#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

#define CODED     ((size_t)128 << 10) /* bytes read at a time */
#define CODED_MAX ((size_t)8 << 20)   /* the same, of a frame found by name */
#define WASTE     ((size_t)64 << 10)  /* bytes skipped at a time */
#define GZIP      (15 + 16)

/*
 * Each iteration of a decoding loop consumes compressed bytes, produces decoded bytes or goes
 * to the next frame; a decoder that does none of these is an error. Therefore the loops end for
 * any input, since compressed bytes, frames and bytes per frame are limited.
 */
struct stream {
    struct archive_reader *reader;
    bool whole;          /* no index: read all frames up to the archive's end */
    bool over;           /* the end of the current frame was decoded */
    size_t frame;        /* number of the current frame */
    size_t end;          /* number of the first frame after the range */
    uint64_t coded_at;   /* read position in the archive */
    uint64_t coded_left; /* unread bytes of the frame, or of the archive if whole */
    uint64_t plain_left; /* bytes of the frame not returned yet; unknown if whole */
    ZSTD_DStream *zstd;
    z_stream gzip;
    bool gzip_up;
    unsigned char *coded;
    size_t coded_size; /* bytes read at a time */
    size_t coded_from; /* unused bytes in coded */
    size_t coded_to;
};

static int damaged(const struct stream *s, const char *why, struct err *err)
{
    return err_set(err, ERR_MISMATCH, "frame %zu is damaged: %s", s->frame, why);
}

/* Reset the decoder for the next frame. */
static int restart(struct stream *s, struct err *err)
{
    s->over = false;
    if ((s->zstd && ZSTD_isError(ZSTD_initDStream(s->zstd))) ||
        (s->gzip_up && inflateReset(&s->gzip) != Z_OK))
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

/* Begin to decode the current frame at coded_at, with its row of the seek table. */
static int begin(struct stream *s, struct err *err)
{
    const struct seek_row *row = &s->reader->seek.rows[s->frame];

    s->coded_left = row->coded;
    s->plain_left = row->plain;
    s->coded_from = s->coded_to = 0;
    return restart(s, err);
}

/* Whether all compressed bytes were used. */
static bool is_input_used(const struct stream *s)
{
    return !s->coded_left && s->coded_from == s->coded_to;
}

static int fill(struct stream *s, struct err *err)
{
    size_t n = s->coded_left < s->coded_size ? (size_t)s->coded_left : s->coded_size;

    if (s->coded_from < s->coded_to)
        return 0;
    if (!n)
        return damaged(s, s->whole ? "unexpected end" : "shorter than in the seek table", err);
    if (archive_reader_read(s->reader, s->coded, n, s->coded_at, err) < 0)
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

/* Continue to decode the frame; 0: no decoded bytes yet. */
static ssize_t step(struct stream *s, void *bytes, size_t len, struct err *err)
{
    size_t from;
    ssize_t n;

    if (fill(s, err) < 0)
        return -1;
    from = s->coded_from;
    n = s->zstd ? decode_zstd(s, bytes, len, err) : decode_gzip(s, bytes, len, err);
    if (n == 0 && s->coded_from == from && !s->over)
        return damaged(
            s, len ? "the decoder makes no progress" : "longer than in the seek table", err);
    return n;
}

/*
 * Begin the next frame of an archive without an index. One that belongs to an index means that
 * the index was not found, since its end is damaged.
 */
static int begin_of_whole(struct stream *s, struct err *err)
{
    unsigned char head[SEEK_HEAD_SIZE];
    uint64_t unread = s->coded_left + (s->coded_to - s->coded_from);

    if (!s->reader->spoilt && unread >= sizeof(head)) {
        if (range_file_read(&s->reader->file, head, sizeof(head),
                            s->coded_at - (s->coded_to - s->coded_from), err) < 0)
            return -1;
        if (seek_is_tail(s->reader->codec, head))
            return damaged(s, "it is part of an index whose end is damaged", err);
    }
    return restart(s, err);
}

/* Without an index, go to the next frame; the archive may end in zeros. */
static int next_of_whole(struct stream *s, struct err *err)
{
    bool zeros = false;

    while (!is_input_used(s)) {
        if (fill(s, err) < 0)
            return -1;
        if (s->coded[s->coded_from]) {
            s->frame++;
            return zeros ? damaged(s, "preceded by zeros", err) : begin_of_whole(s, err);
        }
        zeros = true;
        s->coded_from++;
    }
    s->end = s->frame;
    return 0;
}

/*
 * Go to the next frame, after the current frame's content was returned: let the decoder verify
 * the checksum, and check that the frame is exactly as long as its row of the seek table.
 */
static int end_frame(struct stream *s, struct err *err)
{
    char none;

    if (s->whole)
        return next_of_whole(s, err);
    if (s->plain_left)
        return damaged(s, "shorter than in the seek table", err);
    while (!s->over) {
        if (step(s, &none, 0, err) < 0)
            return -1;
    }
    if (!is_input_used(s))
        return damaged(s, "longer than in the seek table", err);
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
        if (!s->plain_left && end_frame(s, err) < 0) /* verify the checksum first */
            return -1;
        if (n)
            return n;
    }
    return 0;
}

/* Skip the bytes of the frame before the requested offset. */
static int skip(struct stream *s, uint64_t count, struct err *err)
{
    unsigned char *skipped = count ? mem_new(WASTE, err) : NULL;
    ssize_t n = 0;

    while (skipped && count && n >= 0) {
        n = stream_read(s, skipped, count < WASTE ? (size_t)count : WASTE, err);
        if (n == 0)
            n = damaged(s, "unexpected end", err);
        count -= n > 0 ? (uint64_t)n : 0;
    }
    mem_free(skipped);
    return count ? -1 : 0;
}

/* Create the decoder with a limited window. */
static int set_up(struct stream *s, struct err *err)
{
    const struct archive_reader *reader = s->reader;
    bool placed = reader->place_end;
    int log = s->whole && !placed ? STREAM_WHOLE_LOG : STREAM_WINDOW_LOG;

    s->coded_size = CODED;
    if (placed && reader->place.frame_len > CODED) /* the whole frame, if it is of usual size */
        s->coded_size =
            reader->place.frame_len < CODED_MAX ? reader->place.frame_len : CODED_MAX;
    s->coded = mem_new(s->coded_size, err);
    if (!s->coded)
        return -1;
    if (s->reader->codec == FRAME_ZSTD)
        s->zstd = ZSTD_createDStream();
    else
        s->gzip_up = inflateInit2(&s->gzip, GZIP) == Z_OK;
    if ((!s->zstd && !s->gzip_up) ||
        (s->zstd && ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, log))))
        return err_set(err, ERR_MEMORY, "out of memory");
    return 0;
}

/* Go to an offset in an indexed archive. */
static int seek_to(struct stream *s, uint64_t at, uint64_t to, struct err *err)
{
    const struct seek *seek = &s->reader->seek;
    uint64_t coded;
    uint64_t plain;

    s->end =
        to > seek->plain ? seek->count : seek_find(seek, to - (to > 0), &coded, &plain) + 1;
    s->frame = seek_find(seek, at, &s->coded_at, &plain);
    if (s->frame >= s->end)
        return err_set(err, ERR_FORMAT, "offset %llu is after the archive's end",
                       (unsigned long long)at);
    return begin(s, err) < 0 ? -1 : skip(s, at - plain, err);
}

/* Go to a place that the index of names gave, in an archive whose seek table was not read. */
static int go_to_place(struct stream *s, struct err *err)
{
    s->coded_at = s->reader->place.frame_at;
    s->coded_left = s->reader->place_end - s->coded_at;
    return restart(s, err) < 0 ? -1 : skip(s, s->reader->place.within, err);
}

/* Go to where the stream begins. */
static int begin_at(struct stream *s, uint64_t at, uint64_t to, struct err *err)
{
    if (s->reader->place_end)
        return go_to_place(s, err);
    return s->whole ? restart(s, err) : seek_to(s, at, to, err);
}

struct stream *stream_open(struct archive_reader *reader, uint64_t at, uint64_t to,
                           struct err *err)
{
    struct stream *s = mem_new(sizeof(*s), err);

    if (!s)
        return NULL;
    s->reader = reader;
    s->whole = !reader->indexed;
    if (s->whole) {
        s->end = SIZE_MAX;
        s->coded_left = reader->size;
        s->plain_left = UINT64_MAX;
    }
    if (set_up(s, err) == 0 && begin_at(s, at, to, err) == 0)
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
