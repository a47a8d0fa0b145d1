/* SPDX-License-Identifier: MIT */
#include "reader/manifest_scan.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/safe_name.h"
#include "reader/entry_reader.h"

#include <stdio.h>
#include <string.h>

#define PIECE ((size_t)64 << 10)

/* Whether a path is TOP/manifest.json; if so, TOP is stored. -1: TOP is not a safe name. */
static int is_manifest(struct archive_reader *reader, const char *path, struct err *err)
{
    const char *slash = strchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (!slash || strcmp(slash, "/manifest.json") != 0)
        return 0;
    if (len >= sizeof(reader->top) || !safe_name_top(path, len))
        return err_set(err, ERR_FORMAT, "unsafe name of the top directory '%.*s'",
                       (int)(len < 200 ? len : 200), path);
    (void)snprintf(reader->top, sizeof(reader->top), "%.*s", (int)len, path);
    return 1;
}

/* Find the manifest's entry; *size gets its size. */
static int find_manifest(struct archive_reader *reader, struct entry_reader *entries,
                         uint64_t *size, struct err *err)
{
    struct entry_reader_entry entry;
    int rc;

    while ((rc = entry_reader_next(entries, &entry, err)) > 0) {
        int hit = entry.kind == ENTRY_READER_FILE ? is_manifest(reader, entry.path, err) : 0;

        *size = entry.size;
        if (hit < 0)
            return -1;
        if (hit && reader->indexed &&
            (entry.size != reader->locator.size || entry.offset != reader->locator.plain))
            return err_set(err, ERR_FORMAT,
                           "the locator does not match the tar header of manifest.json");
        if (hit && entry.size > MANIFEST_SCAN_MAX)
            return err_set(err, ERR_LIMIT, "manifest.json has more than %llu bytes",
                           (unsigned long long)MANIFEST_SCAN_MAX);
        if (hit) {
            reader->manifest_at = entry.data;
            return 0;
        }
        if (reader->indexed)
            return err_set(err, ERR_FORMAT,
                           "the locator points to '%.100s' instead of manifest.json",
                           entry.path);
    }
    reader->foreign = rc == 0;
    return rc < 0 ? -1 : err_set(err, ERR_FORMAT, "no manifest.json; not an archive of skyarc");
}

/* Parse and hash the current entry. */
static int feed(struct entry_reader *entries, uint64_t size, struct manifest_read *rows,
                struct sha256 *sha256, struct sha512 *sha512, struct err *err)
{
    char *room = mem_new(PIECE, err);
    ssize_t n = -1;
    int rc = 0;

    while (room && rc == 0 && (n = entry_reader_read(entries, room, PIECE, err)) > 0) {
        if ((uint64_t)n > size)
            n = err_set(err, ERR_FORMAT, "manifest.json is longer than its header says");
        if (n < 0)
            break;
        size -= (uint64_t)n;
        if (sha256)
            sha256_add(sha256, room, (size_t)n);
        if (sha512)
            sha512_add(sha512, room, (size_t)n);
        rc = manifest_read_feed(rows, room, (size_t)n, err);
    }
    mem_free(room);
    if (n < 0 || rc < 0)
        return -1;
    return rc == 1 ? 0 : manifest_read_end(rows, err);
}

int manifest_scan(struct archive_reader *reader, manifest_read_fn *fn, void *ctx,
                  struct manifest_digests *digests, struct err *err)
{
    struct entry_reader *entries =
        entry_reader_open(reader, reader->indexed ? reader->locator.plain : 0, UINT64_MAX, err);
    struct sha256 *sha256 = entries && digests ? sha256_new(err) : NULL;
    struct sha512 *sha512 = sha256 ? sha512_new(err) : NULL;
    struct manifest_read rows;
    uint64_t size = 0;
    int rc = -1;

    manifest_read_init(&rows, fn, ctx);
    reader->rows = &rows;
    reader->whole = !reader->indexed && reader->codec != FRAME_NONE;
    if (reader->whole)
        log_line(LOG_WARNING, "'%s' has no index: reading the whole archive", reader->path);
    if (entries && (!digests || sha512) && find_manifest(reader, entries, &size, err) == 0)
        rc = feed(entries, size, &rows, sha256, sha512, err);
    if (rc == 0 && digests) {
        digests->size = size;
        sha256_end(sha256, digests->sha256);
        sha512_end(sha512, digests->sha512);
    }
    reader->rows = NULL;
    manifest_read_clear(&rows);
    sha256_free(sha256);
    sha512_free(sha512);
    entry_reader_free(entries);
    return rc < 0 ? err_wrap(err, "'%s'", reader->path) : 0;
}

int manifest_scan_path(const char *path, struct stop stop, manifest_read_fn *fn, void *ctx,
                       struct manifest_digests *digests, struct err *err)
{
    struct archive_reader reader = { 0 };
    int rc = archive_reader_open(&reader, path, err);

    archive_reader_watch(&reader, stop, archive_reader_unwatched());
    if (rc == 0)
        rc = manifest_scan(&reader, fn, ctx, digests, err);
    archive_reader_close(&reader);
    return rc;
}

int manifest_scan_previous(const char *text, size_t len, char *name, size_t size,
                           char sha256[SHA256_TEXT], struct err *err)
{
    struct region *region = region_new(err);
    struct manifest_read_name row;
    int rc =
        region ? manifest_read_name(&row, MANIFEST_READ_PREVIOUS, text, len, region, err) : -1;

    if (rc == 0) {
        (void)snprintf(name, size, "%s", row.name);
        text_hex(sha256, row.sha256, SHA256_SIZE);
    }
    region_free(region);
    return rc;
}
