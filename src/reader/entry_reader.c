/* SPDX-License-Identifier: MIT */
#include "reader/entry_reader.h"

#include "base/mem.h"
#include "reader/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK    ((size_t)64 << 10)
#define IDLE_MAX 1000 /* maximum number of consecutive empty reads from libarchive */

struct entry_reader {
    struct archive_reader *reader;
    struct archive *archive;
    struct stream *stream; /* decoder; NULL: the archive is not compressed */
    uint64_t from;
    uint64_t to;
    uint64_t at; /* read position in the file */
    uint64_t count;
    uint64_t given; /* bytes given to libarchive, or skipped by it */
    bool ended;     /* the end was reached and only zeros follow */
    bool broken;    /* reading failed permanently */
    bool heading;   /* reading headers, which are limited to budget */
    uint64_t budget;
    uint64_t directory;        /* bytes read of a zip's directory */
    const unsigned char *data; /* data of the current entry, not returned yet */
    size_t data_len;
    uint64_t data_at; /* offset of data in the entry */
    struct err err;   /* error of reading */
    unsigned char block[BLOCK];
    size_t block_len;
};

/* Read the next block of the tar stream or the zip file; 0 at the end. */
static ssize_t load(struct entry_reader *t)
{
    ssize_t n;

    if (archive_reader_stopped(t->reader))
        return err_set(&t->err, ERR_CANCELLED, "stopped");
    if (t->stream) {
        n = stream_read(t->stream, t->block, BLOCK, &t->err);
    } else {
        n = t->at >= t->to ? 0 : pread(t->reader->fd, t->block, BLOCK, (off_t)t->at);
        if (n < 0)
            (void)err_sys(&t->err, "cannot read");
        else
            t->at += (uint64_t)n;
        archive_reader_count(t->reader, n > 0 ? (size_t)n : 0);
    }
    t->block_len = n > 0 ? (size_t)n : 0;
    t->given += t->block_len;
    if (t->heading && t->block_len > t->budget)
        return err_set(&t->err, ERR_FORMAT, "the headers of an entry are too large");
    t->budget -= t->heading ? t->block_len : 0;
    return n;
}

static la_ssize_t on_read(struct archive *archive, void *ctx, const void **bytes)
{
    struct entry_reader *t = ctx;
    ssize_t n = load(t);

    *bytes = t->block;
    if (n < 0) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    return n;
}

static la_int64_t on_skip(struct archive *archive, void *ctx, la_int64_t count)
{
    struct entry_reader *t = ctx;
    uint64_t left = t->reader->size > t->at ? t->reader->size - t->at : 0;

    (void)archive;
    if (t->stream || count < 0)
        return 0; /* compressed data must be decoded */
    if ((uint64_t)count > left)
        count = (la_int64_t)left;
    t->at += (uint64_t)count;
    t->given += (uint64_t)count;
    return count;
}

static la_int64_t on_seek(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    struct entry_reader *t = ctx;
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)t->at
                                        : (int64_t)t->reader->size;

    (void)archive;
    if (offset < -from || from + offset > (int64_t)t->reader->size)
        return ARCHIVE_FATAL;
    t->at = (uint64_t)(from + offset);
    return (la_int64_t)t->at;
}

static int fail(struct entry_reader *t, struct err *err)
{
    const char *why = archive_error_string(t->archive);

    t->broken = true;
    if (!t->err.kind)
        return err_set(err, ERR_MISMATCH, "damaged: %s", why ? why : "unreadable");
    if (err)
        *err = t->err;
    return -1;
}

static int set_up(struct entry_reader *t, struct err *err)
{
    struct archive *a = t->archive;
    bool zip = t->reader->format == CONTAINER_ZIP;
    int rc =
        zip ? archive_read_support_format_zip_seekable(a) : archive_read_support_format_tar(a);

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

struct entry_reader *entry_reader_open(struct archive_reader *reader, uint64_t from,
                                       uint64_t to, struct err *err)
{
    struct entry_reader *t = mem_new(sizeof(*t), err);

    if (!t)
        return NULL;
    t->reader = reader;
    t->to = reader->format == CONTAINER_ZIP || (!reader->indexed && reader->codec != FRAME_NONE)
                ? UINT64_MAX
                : to;
    if (reader->indexed || reader->format == CONTAINER_TAR)
        t->from = t->at = from;
    t->archive = archive_read_new();
    if (!t->archive)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    else if (reader->codec != FRAME_NONE && !(t->stream = stream_open(reader, from, to, err)))
        goto fail;
    else if (set_up(t, err) == 0)
        return t;
fail:
    entry_reader_free(t);
    return NULL;
}

void entry_reader_free(struct entry_reader *t)
{
    if (!t)
        return;
    (void)archive_read_free(t->archive);
    stream_free(t->stream);
    mem_free(t);
}

/* At the end of the tar stream: check that only zeros follow, which fill up the last block. */
static int check_end(struct entry_reader *t, struct err *err)
{
    uint64_t used = (uint64_t)archive_filter_bytes(t->archive, 0);
    size_t left = t->given > used ? (size_t)(t->given - used) : 0;
    size_t i = t->block_len > left ? t->block_len - left : 0;
    ssize_t n = (ssize_t)t->block_len;

    while (n > 0) {
        for (; i < t->block_len; i++) {
            if (t->block[i])
                return err_set(err, ERR_FORMAT,
                               "unexpected data after the end of the tar stream");
        }
        i = 0;
        n = load(t);
    }
    t->ended = n == 0;
    return n < 0 ? fail(t, err) : 0;
}

/*
 * Read the next header by libarchive. The rest of the previous entry is skipped first, so that
 * only the headers count against the limit.
 */
static int next_header(struct entry_reader *t, struct archive_entry **entry)
{
    bool zip = t->reader->format == CONTAINER_ZIP;
    int rc = t->count ? archive_read_data_skip(t->archive) : ARCHIVE_OK;

    t->data_len = 0;
    t->data_at = 0;
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN && rc != ARCHIVE_EOF)
        return rc;
    t->budget = (zip && !t->count ? ENTRY_READER_ZIP_MAX : ENTRY_READER_HEAD_MAX) + BLOCK;
    t->heading = true;
    rc = archive_read_next_header(t->archive, entry);
    t->heading = false;
    if (zip && !t->count)
        t->directory = ENTRY_READER_ZIP_MAX + BLOCK - t->budget;
    return rc;
}

int entry_reader_next(struct entry_reader *t, struct entry_reader_entry *out, struct err *err)
{
    struct archive_entry *entry;
    int rc = next_header(t, &entry);
    const char *link;
    bool zip = t->reader->format == CONTAINER_ZIP;

    if (rc == ARCHIVE_EOF && t->err.kind)
        return fail(t, err);
    if (rc == ARCHIVE_EOF)
        return zip || t->ended ? 0 : check_end(t, err);
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
        return err_set(err, ERR_FORMAT, "the entry at offset %llu has no name",
                       (unsigned long long)out->offset);
    link = archive_entry_hardlink_utf8(entry);
    out->target = link ? link : archive_entry_hardlink(entry);
    out->kind = out->target                                 ? ENTRY_READER_LINK
                : archive_entry_filetype(entry) == AE_IFREG ? ENTRY_READER_FILE
                : archive_entry_filetype(entry) == AE_IFDIR ? ENTRY_READER_DIR
                                                            : ENTRY_READER_OTHER;
    out->size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
    out->mtime = archive_entry_mtime(entry);
    return 1;
}

/* Get data of the current entry; 0 at its end. */
static int next_data(struct entry_reader *t, struct err *err)
{
    const void *bytes = NULL;
    la_int64_t offset = 0;
    unsigned idle;
    int rc = ARCHIVE_OK;

    for (idle = 0; !t->data_len && idle < IDLE_MAX; idle++) {
        rc = archive_read_data_block(t->archive, &bytes, &t->data_len, &offset);
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            break;
        t->data = bytes;
        if (offset < 0 || (uint64_t)offset != t->data_at)
            return err_set(err, ERR_FORMAT, "sparse files are not supported");
    }
    if (t->data_len)
        return 1;
    if (rc != ARCHIVE_EOF)
        return fail(t, err);
    return offset > 0 && (uint64_t)offset > t->data_at
               ? err_set(err, ERR_FORMAT, "sparse files are not supported")
               : 0;
}

ssize_t entry_reader_read(struct entry_reader *t, void *bytes, size_t len, struct err *err)
{
    int rc = t->data_len ? 1 : next_data(t, err);
    size_t n;

    if (rc <= 0)
        return rc;
    n = t->data_len < len ? t->data_len : len;
    memcpy(bytes, t->data, n);
    t->data += n;
    t->data_len -= n;
    t->data_at += n;
    return (ssize_t)n;
}

int entry_reader_copy(struct entry_reader *t, uint64_t size, put_fn *put, void *ctx,
                      uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint64_t left = size;
    int rc = sha ? 1 : -1;

    while (rc > 0 && (rc = t->data_len ? 1 : next_data(t, err)) > 0) {
        size_t n = t->data_len;

        if (n > left) {
            rc = err_set(err, ERR_MISMATCH, "longer than the expected %llu bytes",
                         (unsigned long long)size);
        } else {
            sha256_add(sha, t->data, n);
            if (put(ctx, t->data, n, err) < 0)
                rc = -1;
            t->data_len = 0;
            t->data_at += n;
            left -= n;
        }
    }
    if (rc == 0 && left)
        rc = err_set(err, ERR_MISMATCH, "shorter than the expected %llu bytes",
                     (unsigned long long)size);
    if (rc == 0)
        sha256_end(sha, sha256);
    sha256_free(sha);
    return rc;
}

bool entry_reader_broken(const struct entry_reader *t)
{
    return t->broken;
}

uint64_t entry_reader_directory(const struct entry_reader *t)
{
    return t->directory;
}
