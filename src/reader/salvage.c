/* SPDX-License-Identifier: MIT */
#include "reader/salvage.h"

#include "base/mem.h"
#include "format/entry.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/*
 * libarchive reads the tar stream in blocks. A block is a frame, which is completely decoded
 * and verified before libarchive gets it; for a plain tar it is a piece of the file. libarchive
 * requests the next block only after it has used up the last one. When an entry has been read,
 * the current block therefore contains the entry's last byte. If the padding of the entry's
 * last tar block is in the next frame, that frame is decoded ahead.
 *
 * The digest covers complete frames; for a plain tar, the bytes up to the end of the
 * last entry.
 */
#define CODED ((size_t)128 << 10) /* bytes read at a time */
#define GZIP  (15 + 16)
#define READ  ((size_t)128 << 10) /* bytes of an entry read at a time */

struct block {
    unsigned char *data;
    size_t len;
    size_t hashed; /* bytes already hashed, of a plain tar */
};

struct salvage {
    int fd;
    enum frame_codec codec;
    uint64_t at; /* read position in the file */
    unsigned char *coded;
    size_t from; /* unused bytes in coded */
    size_t to;
    bool over; /* no more complete frames */
    struct block blocks[2];
    int now;    /* index of libarchive's block */
    bool ahead; /* the other block is already decoded */
    struct seek seek;
    uint64_t plain;      /* total tar bytes of the decoded blocks */
    uint64_t coded_used; /* bytes of the file for these */
    size_t frame;        /* last result of frame_of, and the start of that frame */
    uint64_t frame_at;
    struct sha256 *sha;
    ZSTD_DStream *zstd;
    z_stream gzip;
    bool gzip_up;
    struct err err;
};

/* Read compressed bytes, if none are left; 0 at the end of the file. */
static ssize_t fill(struct salvage *s)
{
    ssize_t n;

    if (s->from < s->to)
        return (ssize_t)(s->to - s->from);
    do
        n = pread(s->fd, s->coded, CODED, (off_t)s->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(&s->err, "cannot read");
    s->at += (uint64_t)n;
    s->from = 0;
    s->to = (size_t)n;
    return n;
}

/* Continue decoding: 1 at the end of the frame, 0 before it, -1 if the frame is invalid. */
static int step(struct salvage *s, struct block *block)
{
    size_t room = FRAME_CUT_TEXT - block->len;
    int rc;

    if (s->codec == FRAME_ZSTD) {
        ZSTD_inBuffer in = { s->coded, s->to, s->from };
        ZSTD_outBuffer out = { block->data + block->len, room, 0 };
        size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
        bool moved = in.pos > s->from || out.pos;

        if (ZSTD_isError(left) || (left && !moved))
            return -1;
        s->from = in.pos;
        block->len += out.pos;
        return left == 0;
    }
    s->gzip.next_in = s->coded + s->from;
    s->gzip.avail_in = (uInt)(s->to - s->from);
    s->gzip.next_out = block->data + block->len;
    s->gzip.avail_out = (uInt)room;
    rc = inflate(&s->gzip, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END)
        return -1;
    s->from = s->to - s->gzip.avail_in;
    block->len += room - s->gzip.avail_out;
    return rc == Z_STREAM_END;
}

/* Decode a complete frame and then add it to the digest: 1; 0 if there is none; -1 on error. */
static int decode(struct salvage *s, struct block *block)
{
    struct sha256 *sha = sha256_new(&s->err);
    uint64_t coded = 0;
    int rc = 0;

    if (!sha)
        return -1;
    sha256_set(sha, s->sha);
    if (s->zstd)
        (void)ZSTD_initDStream(s->zstd);
    else
        (void)inflateReset(&s->gzip);
    while (rc == 0) {
        ssize_t n = fill(s);
        size_t from = s->from;

        if (n <= 0) {
            sha256_free(sha);
            return (int)n;
        }
        rc = step(s, block);
        if (rc >= 0) {
            sha256_add(sha, s->coded + from, s->from - from);
            coded += s->from - from;
        }
    }
    if (rc > 0 && block->len) {
        sha256_set(s->sha, sha);
        s->coded_used += coded;
        rc = seek_add(&s->seek, coded, block->len, &s->err) < 0 ? -1 : 1;
    } else {
        rc = 0; /* incomplete, or not a valid frame */
    }
    sha256_free(sha);
    return rc;
}

/* Hash a plain tar's block up to an offset of the tar stream. */
static void hash_to(struct salvage *s, struct block *block, uint64_t plain)
{
    uint64_t begin = s->plain - block->len;
    size_t end = plain > begin ? (size_t)(plain - begin) : 0;

    if (end > block->hashed) {
        sha256_add(s->sha, block->data + block->hashed, end - block->hashed);
        block->hashed = end;
    }
}

/* Load the next block: 1; 0 at the end; -1 on error. */
static int load(struct salvage *s, struct block *block)
{
    ssize_t n;

    block->len = block->hashed = 0;
    if (s->over)
        return 0;
    if (s->codec != FRAME_NONE) {
        n = decode(s, block);
    } else {
        n = fill(s);
        if (n > 0) {
            memcpy(block->data, s->coded, (size_t)n);
            block->len = (size_t)n;
            s->from = s->to;
        }
    }
    if (n <= 0) { /* discard a partly decoded frame */
        block->len = 0;
        s->over = true;
    }
    s->plain += block->len;
    return n > 0 ? 1 : (int)n;
}

static la_ssize_t on_read(struct archive *tar, void *ctx, const void **bytes)
{
    struct salvage *s = ctx;
    int rc = 1;

    (void)tar;
    if (s->codec == FRAME_NONE)
        hash_to(s, &s->blocks[s->now], s->plain);
    s->now = !s->now;
    if (!s->ahead)
        rc = load(s, &s->blocks[s->now]);
    s->ahead = false;
    *bytes = s->blocks[s->now].data;
    return rc < 0 ? ARCHIVE_FATAL : (la_ssize_t)s->blocks[s->now].len;
}

/* Report a border, if the entry that ends here also ends a frame. */
static int at_end(struct salvage *s, const struct salvage_hooks *hooks, uint64_t end,
                  struct err *err)
{
    struct salvage_border border = { &s->seek, s->sha, s->coded_used, end };

    if (end > s->plain && !s->ahead && !s->over) {
        if (s->codec == FRAME_NONE)
            hash_to(s, &s->blocks[s->now], s->plain);
        if (load(s, &s->blocks[!s->now]) < 0) {
            *err = s->err;
            return -1;
        }
        s->ahead = s->blocks[!s->now].len > 0;
    }
    border.coded = s->coded_used;
    if (s->codec == FRAME_NONE && end <= s->plain) {
        hash_to(s, &s->blocks[s->ahead ? !s->now : s->now], end);
        border.coded = end;
    } else if (end != s->plain) {
        return 1;
    }
    return hooks->border(hooks->ctx, &border, err);
}

/* The frame that contains an offset of the tar stream; offsets must not decrease. */
static uint64_t frame_of(struct salvage *s, uint64_t offset)
{
    while (s->frame < s->seek.count && s->frame_at + s->seek.rows[s->frame].plain <= offset)
        s->frame_at += s->seek.rows[s->frame++].plain;
    return s->codec == FRAME_NONE ? UINT64_MAX : s->frame;
}

/* Read an entry; 1: continue. An error of libarchive ends the archive. */
static int read_entry(struct salvage *s, struct archive *tar, struct archive_entry *e,
                      unsigned char *room, const struct salvage_hooks *hooks, struct err *err)
{
    struct salvage_entry entry = { .path = archive_entry_pathname_utf8(e),
                                   .target = archive_entry_hardlink_utf8(e),
                                   .offset = (uint64_t)archive_read_header_position(tar) };
    la_ssize_t n = 0;
    int rc;

    entry.frame = frame_of(s, entry.offset);
    if (!entry.path || (!entry.target && archive_entry_filetype(e) != AE_IFREG) ||
        archive_entry_size(e) < 0)
        return 0;
    entry.size = (uint64_t)archive_entry_size(e);
    rc = hooks->entry(hooks->ctx, &entry, err);
    while (rc > 0 && (n = archive_read_data(tar, room, READ)) > 0)
        rc = hooks->bytes(hooks->ctx, room, (size_t)n, err);
    if (rc > 0 && n < 0)
        return 0;
    if (rc > 0)
        rc = hooks->end(hooks->ctx, err);
    if (rc > 0) {
        uint64_t end = (uint64_t)archive_filter_bytes(tar, 0);

        rc = at_end(s, hooks, end + entry_padding(end), err);
    }
    return rc;
}

static int read_all(struct salvage *s, struct archive *tar, const struct salvage_hooks *hooks,
                    struct err *err)
{
    unsigned char *room = mem_new(READ, err);
    struct archive_entry *entry;
    int rc = room ? 1 : -1;

    while (rc > 0) {
        int code = archive_read_next_header(tar, &entry);

        if (s->err.kind) {
            *err = s->err;
            rc = -1;
        } else if (code != ARCHIVE_OK && code != ARCHIVE_WARN) {
            rc = 0;
        } else {
            rc = read_entry(s, tar, entry, room, hooks, err);
        }
    }
    mem_free(room);
    return rc;
}

static int set_up(struct salvage *s, struct err *err)
{
    s->coded = mem_new(CODED, err);
    s->blocks[0].data = mem_new(FRAME_CUT_TEXT, err);
    s->blocks[1].data = mem_new(FRAME_CUT_TEXT, err);
    s->sha = sha256_new(err);
    if (!s->coded || !s->blocks[0].data || !s->blocks[1].data || !s->sha)
        return -1;
    if (s->codec == FRAME_ZSTD)
        s->zstd = ZSTD_createDStream();
    else if (s->codec == FRAME_GZIP)
        s->gzip_up = inflateInit2(&s->gzip, GZIP) == Z_OK;
    return s->zstd || s->gzip_up || s->codec == FRAME_NONE
               ? 0
               : err_set(err, ERR_MEMORY, "out of memory");
}

int salvage_run(int fd, enum frame_codec codec, const struct salvage_hooks *hooks,
                struct err *err)
{
    struct salvage s = { .fd = fd, .codec = codec };
    struct archive *tar = archive_read_new();
    int rc = set_up(&s, err);

    if (rc == 0 && !tar)
        rc = err_set(err, ERR_MEMORY, "out of memory");
    if (rc == 0 && archive_read_support_format_tar(tar) == ARCHIVE_OK &&
        archive_read_set_read_callback(tar, on_read) == ARCHIVE_OK &&
        archive_read_set_callback_data(tar, &s) == ARCHIVE_OK &&
        archive_read_open1(tar) == ARCHIVE_OK)
        rc = read_all(&s, tar, hooks, err); /* else there is no tar header */
    if (rc == 0 && s.err.kind) {
        *err = s.err;
        rc = -1;
    }
    (void)archive_read_free(tar);
    (void)ZSTD_freeDStream(s.zstd);
    if (s.gzip_up)
        (void)inflateEnd(&s.gzip);
    sha256_free(s.sha);
    seek_clear(&s.seek);
    mem_free(s.coded);
    mem_free(s.blocks[0].data);
    mem_free(s.blocks[1].data);
    return rc < 0 ? -1 : 0;
}
