/* SPDX-License-Identifier: MIT */
#include "reader/archive_reader.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int archive_reader_read(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct archive_reader *box = ctx;

    return file_pread(box->fd, bytes, len, at, err);
}

/* The format, by the first bytes. */
static int tell_format(struct archive_reader *box, struct err *err)
{
    unsigned char head[512] = { 0 };
    size_t len = box->size < sizeof(head) ? (size_t)box->size : sizeof(head);

    if (file_pread(box->fd, head, len, 0, err) < 0)
        return err_wrap(err, "'%s'", box->path);
    box->codec = FRAME_NONE;
    if (memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0) {
        box->format = CONTAINER_TAR_ZST;
        box->codec = FRAME_ZSTD;
    } else if (memcmp(head, "\x1f\x8b", 2) == 0) {
        box->format = CONTAINER_TAR_GZ;
        box->codec = FRAME_GZIP;
    } else if (memcmp(head, "PK\x03\x04", 4) == 0 || memcmp(head, "PK\x05\x06", 4) == 0) {
        box->format = CONTAINER_ZIP;
    } else if (memcmp(head + 257, "ustar", 5) == 0) {
        box->format = CONTAINER_TAR;
    } else {
        return err_set(err, ERR_FORMAT, "'%s' is no tar.zst, tar.gz, tar or zip", box->path);
    }
    return 0;
}

int archive_reader_open_anyway(struct archive_reader *box, const char *path, struct err *tail,
                               struct err *err)
{
    struct stat st;
    int rc;

    *box = (struct archive_reader){ .path = path };
    err_clear(tail);
    box->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe: no wait */
    if (box->fd < 0)
        return err_sys(err, "cannot open '%s'", path);
    if (fstat(box->fd, &st) < 0)
        return err_sys(err, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "'%s' is %s, and not an archive", path,
                       S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
    box->size = (uint64_t)st.st_size;
    if (tell_format(box, err) < 0)
        return -1;
    rc = seek_load(&box->seek, box->codec, &box->locator, archive_reader_read, box, box->size,
                   tail);
    box->indexed = rc == 1;
    if (rc < 0)
        (void)err_wrap(tail, "'%s'", path);
    return 0;
}

int archive_reader_open(struct archive_reader *box, const char *path, struct err *err)
{
    struct err tail;

    if (archive_reader_open_anyway(box, path, &tail, err) < 0)
        return -1;
    if (!tail.kind)
        return 0;
    *err = tail;
    return err_hint(err, "'skyarc verify' says more");
}

void archive_reader_watch(struct archive_reader *box, bool (*stopped)(void *ctx), void *ctx)
{
    box->stopped = stopped;
    box->stop_ctx = ctx;
}

void archive_reader_close(struct archive_reader *box)
{
    if (!box->path)
        return;
    file_close(&box->fd);
    seek_clear(&box->seek);
    *box = (struct archive_reader){ 0 };
}
