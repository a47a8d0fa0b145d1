/* SPDX-License-Identifier: MIT */
#include "reader/entry_reader.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/safe_name.h"
#include "reader/bag_stream.h"
#include "reader/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCK    ((size_t)64 << 10)
#define IDLE_MAX 1000 /* maximum number of consecutive empty reads from libarchive */

struct entry_reader {
    struct archive_reader *reader;
    struct archive *archive;
    struct stream *stream;  /* decoder; NULL: the archive is not compressed */
    struct bag_stream *bag; /* of CONTAINER_DIR */
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

/* Read the next block of a plain tar or a zip file; 0 at the end. */
static ssize_t load_plain(struct entry_reader *entries)
{
    const struct archive_reader *reader = entries->reader;
    uint64_t left = entries->at < reader->size ? reader->size - entries->at : 0;
    size_t len = left < BLOCK ? (size_t)left : BLOCK;

    if (entries->at >= entries->to || !len)
        return 0;
    if (archive_reader_read(entries->reader, entries->block, len, entries->at, &entries->err) <
        0)
        return -1;
    entries->at += len;
    return (ssize_t)len;
}

/* Read the next block of the tar stream or the zip file; 0 at the end. */
static ssize_t load(struct entry_reader *entries)
{
    ssize_t n;

    if (archive_reader_go_on(entries->reader, &entries->err) < 0)
        return -1;
    if (entries->stream) {
        n = stream_read(entries->stream, entries->block, BLOCK, &entries->err);
    } else if (entries->bag) {
        n = bag_stream_read(entries->bag, entries->block, BLOCK, &entries->err);
        archive_reader_count(entries->reader, n > 0 ? (size_t)n : 0);
    } else {
        n = load_plain(entries);
    }
    entries->block_len = n > 0 ? (size_t)n : 0;
    entries->given += entries->block_len;
    if (entries->heading && entries->block_len > entries->budget)
        return err_set(&entries->err, ERR_FORMAT, "the headers of an entry are too large");
    entries->budget -= entries->heading ? entries->block_len : 0;
    return n;
}

static la_ssize_t on_read(struct archive *archive, void *ctx, const void **bytes)
{
    struct entry_reader *entries = ctx;
    ssize_t n = load(entries);

    *bytes = entries->block;
    if (n < 0) {
        archive_set_error(archive, EIO, "cannot read");
        return ARCHIVE_FATAL;
    }
    return n;
}

static la_int64_t on_skip(struct archive *archive, void *ctx, la_int64_t count)
{
    struct entry_reader *entries = ctx;
    uint64_t left =
        entries->reader->size > entries->at ? entries->reader->size - entries->at : 0;

    (void)archive;
    if (entries->stream || count < 0)
        return 0; /* compressed data must be decoded */
    if (entries->bag) {
        count = (la_int64_t)bag_stream_skip(entries->bag, (uint64_t)count);
        entries->given += (uint64_t)count;
        return count;
    }
    if ((uint64_t)count > left)
        count = (la_int64_t)left;
    entries->at += (uint64_t)count;
    entries->given += (uint64_t)count;
    return count;
}

static la_int64_t on_seek(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    struct entry_reader *entries = ctx;
    int64_t from = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? (int64_t)entries->at
                                        : (int64_t)entries->reader->size;

    (void)archive;
    if (offset < -from || from + offset > (int64_t)entries->reader->size)
        return ARCHIVE_FATAL;
    entries->at = (uint64_t)(from + offset);
    return (la_int64_t)entries->at;
}

static int fail(struct entry_reader *entries, struct err *err)
{
    const char *why = archive_error_string(entries->archive);

    entries->broken = true;
    if (!entries->err.kind)
        return err_set(err, ERR_MISMATCH, "damaged: %s", why ? why : "unreadable");
    if (err)
        *err = entries->err;
    return -1;
}

static int set_up(struct entry_reader *entries, struct err *err)
{
    struct archive *a = entries->archive;
    bool zip = entries->reader->format == CONTAINER_ZIP;
    int rc =
        zip ? archive_read_support_format_zip_seekable(a) : archive_read_support_format_tar(a);

    if (rc == ARCHIVE_OK)
        rc = archive_read_set_read_callback(a, on_read);
    if (rc == ARCHIVE_OK)
        rc = archive_read_set_skip_callback(a, on_skip);
    if (rc == ARCHIVE_OK && zip)
        rc = archive_read_set_seek_callback(a, on_seek);
    if (rc == ARCHIVE_OK)
        rc = archive_read_set_callback_data(a, entries);
    if (rc == ARCHIVE_OK)
        rc = archive_read_open1(a);
    return rc == ARCHIVE_OK ? 0 : fail(entries, err);
}

struct entry_reader *entry_reader_open(struct archive_reader *reader, uint64_t from,
                                       uint64_t to, struct err *err)
{
    struct entry_reader *entries = mem_new(sizeof(*entries), err);

    if (!entries)
        return NULL;
    entries->reader = reader;
    entries->to =
        reader->format == CONTAINER_ZIP || (!reader->indexed && reader->codec != FRAME_NONE)
            ? UINT64_MAX
            : to;
    if (reader->indexed || reader->format == CONTAINER_TAR)
        entries->from = entries->at = from;
    entries->archive = archive_read_new();
    if (!entries->archive)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    else if (reader->codec != FRAME_NONE &&
             !(entries->stream = stream_open(reader, from, to, err)))
        goto fail;
    else if (reader->bag && !(entries->bag = bag_stream_open(reader->bag, reader->top, err)))
        goto fail;
    else if (set_up(entries, err) == 0)
        return entries;
fail:
    entry_reader_free(entries);
    return NULL;
}

void entry_reader_free(struct entry_reader *entries)
{
    if (!entries)
        return;
    (void)archive_read_free(entries->archive);
    stream_free(entries->stream);
    bag_stream_free(entries->bag);
    mem_free(entries);
}

/* At the end of the tar stream: check that only zeros follow, which fill up the last block. */
static int check_end(struct entry_reader *entries, struct err *err)
{
    uint64_t used = (uint64_t)archive_filter_bytes(entries->archive, 0);
    size_t left = entries->given > used ? (size_t)(entries->given - used) : 0;
    size_t i = entries->block_len > left ? entries->block_len - left : 0;
    ssize_t n = (ssize_t)entries->block_len;

    while (n > 0) {
        for (; i < entries->block_len; i++) {
            if (entries->block[i])
                return err_set(err, ERR_FORMAT,
                               "unexpected data after the end of the tar stream");
        }
        i = 0;
        n = load(entries);
    }
    entries->ended = n == 0;
    return n < 0 ? fail(entries, err) : 0;
}

/*
 * Read the next header by libarchive. The rest of the previous entry is skipped first, so that
 * only the headers count against the limit.
 */
static int next_header(struct entry_reader *entries, struct archive_entry **entry)
{
    bool zip = entries->reader->format == CONTAINER_ZIP;
    int rc = entries->count ? archive_read_data_skip(entries->archive) : ARCHIVE_OK;

    entries->data_len = 0;
    entries->data_at = 0;
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN && rc != ARCHIVE_EOF)
        return rc;
    entries->budget =
        (zip && !entries->count ? ENTRY_READER_ZIP_MAX : ENTRY_READER_HEAD_MAX) + BLOCK;
    entries->heading = true;
    rc = archive_read_next_header(entries->archive, entry);
    entries->heading = false;
    if (zip && !entries->count)
        entries->directory = ENTRY_READER_ZIP_MAX + BLOCK - entries->budget;
    return rc;
}

int entry_reader_next(struct entry_reader *entries, struct entry_reader_entry *out,
                      struct err *err)
{
    struct archive_entry *entry;
    int rc = next_header(entries, &entry);
    const char *link;
    bool zip = entries->reader->format == CONTAINER_ZIP;

    if (rc == ARCHIVE_EOF && entries->err.kind)
        return fail(entries, err);
    if (rc == ARCHIVE_EOF)
        return zip || entries->ended ? 0 : check_end(entries, err);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return fail(entries, err);
    out->offset =
        zip ? entries->count
            : entries->from + (uint64_t)archive_read_header_position(entries->archive);
    out->data = entries->from + (uint64_t)archive_filter_bytes(entries->archive, 0);
    entries->count++;
    if (!zip && out->offset >= entries->to)
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
static int next_data(struct entry_reader *entries, struct err *err)
{
    const void *bytes = NULL;
    la_int64_t offset = 0;
    unsigned idle;
    int rc = ARCHIVE_OK;

    for (idle = 0; !entries->data_len && idle < IDLE_MAX; idle++) {
        rc = archive_read_data_block(entries->archive, &bytes, &entries->data_len, &offset);
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            break;
        entries->data = bytes;
        if (offset < 0 || (uint64_t)offset != entries->data_at)
            return err_set(err, ERR_FORMAT, "the file is sparse, which is not supported");
    }
    if (entries->data_len)
        return 1;
    if (rc != ARCHIVE_EOF)
        return fail(entries, err);
    return offset > 0 && (uint64_t)offset > entries->data_at
               ? err_set(err, ERR_FORMAT, "the file is sparse, which is not supported")
               : 0;
}

ssize_t entry_reader_read(struct entry_reader *entries, void *bytes, size_t len,
                          struct err *err)
{
    int rc = entries->data_len ? 1 : next_data(entries, err);
    size_t n;

    if (rc <= 0)
        return rc;
    n = entries->data_len < len ? entries->data_len : len;
    memcpy(bytes, entries->data, n);
    entries->data += n;
    entries->data_len -= n;
    entries->data_at += n;
    return (ssize_t)n;
}

int entry_reader_copy(struct entry_reader *entries, uint64_t size, put_fn *put, void *ctx,
                      uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint64_t left = size;
    int rc = sha ? 1 : -1;

    while (rc > 0 && (rc = entries->data_len ? 1 : next_data(entries, err)) > 0) {
        size_t n = entries->data_len;

        if (n > left) {
            rc = err_set(err, ERR_MISMATCH, "longer than the expected %llu byte%s",
                         (unsigned long long)size, text_plural(size));
        } else {
            sha256_add(sha, entries->data, n);
            if (put(ctx, entries->data, n, err) < 0)
                rc = -1;
            entries->data_len = 0;
            entries->data_at += n;
            left -= n;
        }
    }
    if (rc == 0 && left)
        rc = err_set(err, ERR_MISMATCH, "shorter than the expected %llu byte%s",
                     (unsigned long long)size, text_plural(size));
    if (rc == 0)
        sha256_end(sha, sha256);
    sha256_free(sha);
    return rc;
}

int entry_reader_copy_same(struct entry_reader *entries, uint64_t size,
                           const uint8_t sha256[SHA256_SIZE], put_fn *put, void *ctx,
                           struct err *err)
{
    uint8_t got[SHA256_SIZE];

    if (entry_reader_copy(entries, size, put, ctx, got, err) < 0)
        return -1;
    return memcmp(got, sha256, SHA256_SIZE) == 0
               ? 0
               : err_set(err, ERR_MISMATCH, "its SHA-256 does not match the manifest");
}

const char *entry_reader_refused(const struct entry_reader_entry *entry)
{
    const char *why = safe_name_refused(entry->path);

    return why || entry->kind != ENTRY_READER_OTHER ? why : "neither a file nor a hard link";
}

bool entry_reader_broken(const struct entry_reader *entries)
{
    return entries->broken;
}

uint64_t entry_reader_come(const struct entry_reader *entries)
{
    return entries->from + entries->given;
}

uint64_t entry_reader_directory(const struct entry_reader *entries)
{
    return entries->directory;
}

int entry_reader_find(struct entry_reader *entries, const char *path, bool here,
                      struct entry_reader_entry *entry, struct err *err)
{
    int rc;

    while ((rc = entry_reader_next(entries, entry, err)) > 0) {
        if (strcmp(entry->path, path) == 0)
            return 0;
        if (here)
            return err_set(err, ERR_MISMATCH,
                           "the manifest does not match the tar header: found '%.200s' instead "
                           "of '%.200s'",
                           entry->path, path);
    }
    return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "'%s' is not in the archive", path);
}

int entry_reader_each_file(struct archive_reader *reader, entry_reader_file_fn *fn, void *ctx,
                           size_t *left_out, struct err *err)
{
    struct entry_reader *entries = entry_reader_open(reader, 0, UINT64_MAX, err);
    struct entry_reader_entry entry;
    int rc = entries ? 1 : -1;

    while (rc > 0 && (rc = entry_reader_next(entries, &entry, err)) > 0) {
        if (entry.kind != ENTRY_READER_FILE || fn(ctx, entries, &entry, err) == 0)
            continue;
        rc = err_is_damage(err) && !entries->broken ? 1 : -1;
        if (rc > 0) {
            log_line(LOG_WARNING, "'%.600s' was left out: %s", entry.path, err->text);
            ++*left_out;
        }
    }
    entry_reader_free(entries);
    return rc;
}
