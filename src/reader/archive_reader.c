/* SPDX-License-Identifier: MIT */
#include "reader/archive_reader.h"

#include "base/path.h"
#include "format/safe_name.h"

#include <stdio.h>
#include <string.h>

int archive_reader_read(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    struct archive_reader *reader = ctx;

    archive_reader_count(reader, len);
    return range_file_read(&reader->file, bytes, len, at, err);
}

/* Detect the format by the first bytes. */
static int tell_format(struct archive_reader *reader, struct err *err)
{
    unsigned char head[512] = { 0 };
    size_t len = reader->size < sizeof(head) ? (size_t)reader->size : sizeof(head);

    if (range_file_read(&reader->file, head, len, 0, err) < 0)
        return err_wrap(err, "'%s'", reader->path);
    reader->codec = FRAME_NONE;
    if (memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0) {
        reader->format = CONTAINER_TAR_ZST;
        reader->codec = FRAME_ZSTD;
    } else if (memcmp(head, "\x1f\x8b", 2) == 0) {
        reader->format = CONTAINER_TAR_GZ;
        reader->codec = FRAME_GZIP;
    } else if (memcmp(head, "PK\x03\x04", 4) == 0 || memcmp(head, "PK\x05\x06", 4) == 0) {
        reader->format = CONTAINER_ZIP;
    } else if (memcmp(head + 257, "ustar", 5) == 0) {
        reader->format = CONTAINER_TAR;
    } else {
        return err_set(err, ERR_FORMAT, "'%s' is not a tar.zst, tar.gz, tar or zip archive",
                       reader->path);
    }
    return 0;
}

static void ignore_progress(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)done;
    (void)total;
}

struct archive_reader_watcher archive_reader_unwatched(void)
{
    return (struct archive_reader_watcher){ ignore_progress, NULL };
}

/* List the files of a bag, and name its top directory after it. */
static int open_bag(struct archive_reader *reader, struct err *err)
{
    const char *base = path_base(reader->path);
    size_t len = strcspn(base, "/");

    reader->format = CONTAINER_DIR;
    reader->codec = FRAME_NONE;
    reader->bag = bag_files_list(reader->file.fd, err);
    if (!reader->bag)
        return err_wrap(err, "'%s'", reader->path);
    reader->size = bag_files_size(reader->bag);
    if (len >= sizeof(reader->top) || !safe_name_top(base, len))
        base = "bag", len = strlen(base);
    (void)snprintf(reader->top, sizeof(reader->top), "%.*s", (int)len, base);
    return 0;
}

static int open_file(struct archive_reader *reader, const char *path, struct err *err)
{
    *reader = (struct archive_reader){ .path = path,
                                       .stop = stop_never(),
                                       .watcher = archive_reader_unwatched() };
    if (range_file_open(&reader->file, path, err) < 0)
        return -1;
    reader->size = reader->file.size;
    return 0;
}

int archive_reader_open_named(struct archive_reader *reader, const char *path,
                              struct name_lookup *lookup, struct err *err)
{
    *lookup = (struct name_lookup){ 0 };
    if (open_file(reader, path, err) < 0)
        return -1;
    if (reader->file.kind != RANGE_FILE_REGULAR)
        return 0;
    reader->format = CONTAINER_TAR_ZST;
    reader->codec = FRAME_ZSTD;
    return name_lookup_init(lookup, archive_reader_read, reader, reader->size, err);
}

void archive_reader_go_to(struct archive_reader *reader, const struct name_index_place *place,
                          uint64_t end)
{
    reader->place = *place;
    reader->place_end = end;
}

/* Whether an error may be due to the archive's bytes. */
static bool is_archive_error(const struct err *err)
{
    return err_is_damage(err) || err->kind == ERR_LIMIT ||
           (err->kind == ERR_SYSTEM && !err_is_own(err));
}

int archive_reader_open_anyway(struct archive_reader *reader, const char *path,
                               struct err *tail, struct err *err)
{
    enum range_file_kind kind;
    int rc;

    err_clear(tail);
    if (open_file(reader, path, err) < 0)
        return -1;
    kind = reader->file.kind;
    if (kind == RANGE_FILE_DIR && bag_is(path))
        return open_bag(reader, err);
    if (kind != RANGE_FILE_REGULAR)
        return err_set(err, ERR_USAGE, "'%s' is %s", path,
                       kind == RANGE_FILE_DIR ? "a directory" : "not a regular file");
    if (tell_format(reader, err) < 0)
        return -1;
    rc = seek_load(&reader->seek, reader->codec, &reader->locator, archive_reader_read, reader,
                   reader->size, tail);
    reader->indexed = rc == 1;
    reader->spoilt = rc < 0;
    if (rc >= 0)
        return 0;
    if (is_archive_error(tail)) {
        (void)err_wrap(tail, "'%s'", path);
        return 0;
    }
    if (err)
        *err = *tail;
    return -1;
}

int archive_reader_open(struct archive_reader *reader, const char *path, struct err *err)
{
    struct err tail;

    if (archive_reader_open_anyway(reader, path, &tail, err) < 0)
        return -1;
    if (!tail.kind)
        return 0;
    *err = tail;
    return err_hint(err, "run 'skyarc verify' for details");
}

bool archive_reader_foreign(const char *path)
{
    struct archive_reader reader = { 0 };
    struct err tail;
    struct err err;
    bool foreign =
        archive_reader_open_anyway(&reader, path, &tail, &err) < 0 && err.kind == ERR_FORMAT;

    archive_reader_close(&reader);
    return foreign;
}

void archive_reader_watch(struct archive_reader *reader, struct stop stop,
                          struct archive_reader_watcher watcher)
{
    reader->stop = stop;
    reader->watcher = watcher;
}

int archive_reader_go_on(struct archive_reader *reader, struct err *err)
{
    bool twice = !reader->indexed && reader->codec != FRAME_NONE;
    uint64_t total = twice ? 2 * reader->size : reader->size;
    uint64_t done = atomic_load_explicit(&reader->read, memory_order_relaxed);

    if (!atomic_exchange(&reader->telling, true)) {
        reader->watcher.progress(reader->watcher.ctx, done < total ? done : total, total);
        atomic_store(&reader->telling, false);
    }
    return stop_check(&reader->stop, err);
}

void archive_reader_count(struct archive_reader *reader, size_t len)
{
    (void)atomic_fetch_add_explicit(&reader->read, len, memory_order_relaxed);
}

const char *archive_reader_below(const struct archive_reader *reader, const char *path)
{
    size_t top = strlen(reader->top);

    return strncmp(path, reader->top, top) == 0 && path[top] == '/' ? path + top + 1 : NULL;
}

bool archive_reader_has_end(struct archive_reader *reader)
{
    static const unsigned char zeros[1024];
    unsigned char end[sizeof(zeros)];

    return reader->size >= sizeof(end) && reader->size % 512 == 0 &&
           archive_reader_read(reader, end, sizeof(end), reader->size - sizeof(end), NULL) ==
               0 &&
           memcmp(end, zeros, sizeof(end)) == 0;
}

void archive_reader_close(struct archive_reader *reader)
{
    if (!reader->path)
        return;
    range_file_close(&reader->file);
    seek_clear(&reader->seek);
    bag_files_free(reader->bag);
    *reader = (struct archive_reader){ 0 };
}
