/* SPDX-License-Identifier: MIT */
#include "format/zip.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#define BLOCK ((size_t)128 << 10)

struct zip {
    struct archive *archive;
    struct archive_entry *entry;
    put_fn *put;
    void *ctx;
    struct err err; /* error of put */
};

static la_ssize_t on_write(struct archive *archive, void *ctx, const void *bytes, size_t len)
{
    struct zip *zip = ctx;

    (void)archive;
    return zip->put(zip->ctx, bytes, len, &zip->err) < 0 ? -1 : (la_ssize_t)len;
}

static int fail(struct zip *zip, struct err *err)
{
    if (!zip->err.kind)
        return err_set(err, ERR_FORMAT, "libarchive: %s", archive_error_string(zip->archive));
    if (err)
        *err = zip->err;
    return -1;
}

struct zip *zip_new(int level, put_fn *put, void *ctx, struct err *err)
{
    struct zip *zip = mem_new(sizeof(*zip), err);
    char text[8];

    if (!zip)
        return NULL;
    zip->put = put;
    zip->ctx = ctx;
    zip->archive = archive_write_new();
    zip->entry = archive_entry_new();
    (void)snprintf(text, sizeof(text), "%d", level < 1 ? 6 : level > 9 ? 9 : level);
    if (zip->archive && zip->entry &&
        archive_write_set_format_zip(zip->archive) == ARCHIVE_OK &&
        archive_write_set_format_option(zip->archive, "zip", "compression-level", text) ==
            ARCHIVE_OK &&
        archive_write_set_bytes_per_block(zip->archive, (int)BLOCK) == ARCHIVE_OK &&
        archive_write_set_bytes_in_last_block(zip->archive, 1) == ARCHIVE_OK &&
        archive_write_open(zip->archive, zip, NULL, on_write, NULL) == ARCHIVE_OK)
        return zip;
    zip_free(zip);
    (void)err_set(err, ERR_MEMORY, "cannot set up a ZIP writer (libarchive)");
    return NULL;
}

int zip_entry(struct zip *zip, const char *path, uint64_t size, int64_t mtime, bool store,
              struct err *err)
{
    int rc = store ? archive_write_zip_set_compression_store(zip->archive)
                   : archive_write_zip_set_compression_deflate(zip->archive);

    if (rc != ARCHIVE_OK)
        return fail(zip, err);
    (void)archive_entry_clear(zip->entry);
    archive_entry_set_pathname_utf8(zip->entry, path);
    archive_entry_set_filetype(zip->entry, AE_IFREG);
    archive_entry_set_perm(zip->entry, 0644);
    archive_entry_set_mtime(zip->entry, mtime, 0);
    archive_entry_set_size(zip->entry, (la_int64_t)size);
    return archive_write_header(zip->archive, zip->entry) == ARCHIVE_OK ? 0 : fail(zip, err);
}

int zip_add(struct zip *zip, const void *bytes, size_t len, struct err *err)
{
    return archive_write_data(zip->archive, bytes, len) == (la_ssize_t)len ? 0 : fail(zip, err);
}

int zip_end(struct zip *zip, struct err *err)
{
    return archive_write_close(zip->archive) == ARCHIVE_OK ? 0 : fail(zip, err);
}

void zip_free(struct zip *zip)
{
    if (!zip)
        return;
    zip->put = put_nowhere; /* libarchive finishes the entry to free its compressor */
    (void)archive_write_free(zip->archive);
    archive_entry_free(zip->entry);
    mem_free(zip);
}
