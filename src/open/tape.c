/* SPDX-License-Identifier: MIT */
#include "open/tape.h"

#include "base/mem.h"
#include "open/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)128 << 10)

#define BLOCK ((size_t)64 << 10)

struct tape {
    struct box *box;
    struct archive *archive;
    struct stream *stream; /* decodes for us; NULL: libarchive reads the file itself */
    uint64_t from;
    uint64_t to;
    uint64_t at; /* where the file is read next */
    uint64_t count;
    struct err err; /* what reading said */
    unsigned char block[BLOCK];
    unsigned char *room; /* of tape_copy */
};

static la_ssize_t on_read(struct archive *archive, void *ctx, const void **bytes)
{
    struct tape *t = ctx;
    ssize_t n;

    *bytes = t->block;
    if (t->stream) {
        n = stream_read(t->stream, t->block, BLOCK, &t->err);
    } else {
        n = t->at >= t->to ? 0 : pread(t->box->fd, t->block, BLOCK, (off_t)t->at);
        if (n < 0)
            (void)err_sys(&t->err, "cannot read");
        else
            t->at += (uint64_t)n;
    }
    if (n < 0) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    return n;
}

static la_int64_t on_skip(struct archive *archive, void *ctx, la_int64_t count)
{
    struct tape *t = ctx;
    uint64_t left = t->box->size > t->at ? t->box->size - t->at : 0;

    (void)archive;
    if (t->stream || count < 0)
        return 0; /* what is compressed must be decoded */
    if ((uint64_t)count > left)
        count = (la_int64_t)left;
    t->at += (uint64_t)count;
    return count;
}

static la_int64_t on_seek(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    struct tape *t = ctx;
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)t->at
                                        : (int64_t)t->box->size;

    (void)archive;
    if (offset < -from || from + offset > (int64_t)t->box->size)
        return ARCHIVE_FATAL;
    t->at = (uint64_t)(from + offset);
    return (la_int64_t)t->at;
}

static int fail(struct tape *t, struct err *err)
{
    const char *why = archive_error_string(t->archive);

    if (!t->err.kind)
        return err_set(err, ERR_MISMATCH, "damaged: %s", why ? why : "unreadable");
    if (err)
        *err = t->err;
    return -1;
}

static int set_up(struct tape *t, struct err *err)
{
    struct archive *a = t->archive;
    bool zip = t->box->format == BOX_ZIP;
    int rc =
        zip ? archive_read_support_format_zip_seekable(a) : archive_read_support_format_tar(a);

    if (rc == ARCHIVE_OK && !t->stream && t->box->codec == FRAME_ZSTD)
        rc = archive_read_support_filter_zstd(a);
    if (rc == ARCHIVE_OK && !t->stream && t->box->codec == FRAME_GZIP)
        rc = archive_read_support_filter_gzip(a);
    if (rc == ARCHIVE_OK)
        rc = archive_read_set_read_callback(a, on_read);
    if (rc == ARCHIVE_OK)
        rc = archive_read_set_skip_callback(a, on_skip);
    if (rc == ARCHIVE_OK && zip)
        rc = archive_read_set_seek_callback(a, on_seek);
    if (rc == ARCHIVE_OK)
        rc = archive_read_set_callback_data(a, t);
    if (rc == ARCHIVE_OK)
        rc = archive_read_open1(a);
    return rc == ARCHIVE_OK ? 0 : fail(t, err);
}

struct tape *tape_open(struct box *box, uint64_t from, uint64_t to, struct err *err)
{
    struct tape *t = mem_new(sizeof(*t), err);

    if (!t)
        return NULL;
    t->box = box;
    t->to =
        box->format == BOX_ZIP || (!box->indexed && box->codec != FRAME_NONE) ? UINT64_MAX : to;
    if (box->indexed || box->format == BOX_TAR)
        t->from = t->at = from;
    t->archive = archive_read_new();
    if (!t->archive)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    else if (box->indexed && !(t->stream = stream_open(box, from, to, err)))
        goto fail;
    else if (set_up(t, err) == 0)
        return t;
fail:
    tape_free(t);
    return NULL;
}

void tape_free(struct tape *t)
{
    if (!t)
        return;
    (void)archive_read_free(t->archive);
    stream_free(t->stream);
    mem_free(t->room);
    mem_free(t);
}

int tape_next(struct tape *t, struct tape_entry *out, struct err *err)
{
    struct archive_entry *entry;
    int rc = archive_read_next_header(t->archive, &entry);
    const char *link;
    bool zip = t->box->format == BOX_ZIP;

    if (rc == ARCHIVE_EOF)
        return t->err.kind ? fail(t, err) : 0;
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return fail(t, err);
    out->offset = zip ? t->count : t->from + (uint64_t)archive_read_header_position(t->archive);
    t->count++;
    if (!zip && out->offset >= t->to)
        return 0;
    out->path = archive_entry_pathname_utf8(entry);
    if (!out->path)
        out->path = archive_entry_pathname(entry);
    if (!out->path)
        return err_set(err, ERR_FORMAT, "an entry at offset %llu has no name",
                       (unsigned long long)out->offset);
    link = archive_entry_hardlink_utf8(entry);
    out->target = link ? link : archive_entry_hardlink(entry);
    out->kind = out->target                                 ? TAPE_LINK
                : archive_entry_filetype(entry) == AE_IFREG ? TAPE_FILE
                : archive_entry_filetype(entry) == AE_IFDIR ? TAPE_DIR
                                                            : TAPE_OTHER;
    out->size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
    out->mtime = archive_entry_mtime(entry);
    return 1;
}

ssize_t tape_read(struct tape *t, void *bytes, size_t len, struct err *err)
{
    la_ssize_t n = archive_read_data(t->archive, bytes, len);

    return n < 0 ? fail(t, err) : (ssize_t)n;
}

int tape_copy(struct tape *t, put_fn *put, void *ctx, uint8_t sha256[SHA256_SIZE],
              uint64_t *size, struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    ssize_t n = -1;

    *size = 0;
    if (sha && !t->room)
        t->room = mem_new(PIECE, err);
    while (sha && t->room && (n = tape_read(t, t->room, PIECE, err)) > 0) {
        sha256_add(sha, t->room, (size_t)n);
        *size += (uint64_t)n;
        if (put && put(ctx, t->room, (size_t)n, err) < 0) {
            n = -1;
            break;
        }
    }
    if (n == 0)
        sha256_end(sha, sha256);
    sha256_free(sha);
    return n < 0 ? -1 : 0;
}
