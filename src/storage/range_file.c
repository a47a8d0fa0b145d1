/* SPDX-License-Identifier: MIT */
#include "storage/range_file.h"

#include "base/file.h"
#include "s3/location.h"
#include "storage/object_file.h"
#include "storage/remote.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_object(struct range_file *file, const char *path, struct err *err)
{
    struct location location;

    file->fd = -1;
    if (location_parse(&location, path, err) < 0)
        return -1;
    if (!*location.key)
        return err_set(err, ERR_USAGE, "'%s' names no object", path);
    file->object = object_file_open(&location, err);
    if (!file->object)
        return -1;
    file->size = object_file_size(file->object);
    file->kind = RANGE_FILE_REGULAR;
    file->open = true;
    return 0;
}

int range_file_open(struct range_file *file, const char *path, struct err *err)
{
    struct stat st;

    if (location_is(path))
        return open_object(file, path, err);
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* no wait on pipes */
    if (file->fd < 0)
        return err_sys(err, "cannot open '%s'", path);
    file->open = true;
    if (fstat(file->fd, &st) < 0)
        return err_sys(err, "cannot read '%s'", path);
    file->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    file->kind = S_ISREG(st.st_mode)   ? RANGE_FILE_REGULAR
                 : S_ISDIR(st.st_mode) ? RANGE_FILE_DIR
                                       : RANGE_FILE_OTHER;
    return 0;
}

void range_file_close(struct range_file *file)
{
    if (!file->open)
        return;
    if (file->object)
        object_file_close(file->object);
    else
        file_close(&file->fd);
    *file = (struct range_file){ .fd = -1 };
}

int range_file_read(const struct range_file *file, void *bytes, size_t len, uint64_t at,
                    struct err *err)
{
    return file->object ? object_file_read(file->object, bytes, len, at, err)
                        : file_pread(file->fd, bytes, len, at, err);
}

bool range_file_remote(const char *path)
{
    return location_is(path);
}

bool range_file_any_remote(int count, char *const *paths)
{
    int i;

    for (i = 0; i < count; i++) {
        if (range_file_remote(paths[i]))
            return true;
    }
    return false;
}

int range_file_load(const char *path, struct buf *out, struct err *err)
{
    struct range_file file = { 0 };
    char *room;
    int rc;

    if (!location_is(path))
        return file_load(path, remote_stop(), out, err);
    rc = range_file_open(&file, path, err);
    if (rc == 0 && file.size > out->max - out->len)
        rc = err_set(err, ERR_LIMIT, "'%s' is too large", path);
    if (rc == 0) {
        room = buf_room(out, (size_t)file.size, err);
        rc = room ? range_file_read(&file, room, (size_t)file.size, 0, err) : -1;
        out->len += rc == 0 ? (size_t)file.size : 0;
    }
    range_file_close(&file);
    return rc;
}

int range_file_load_regular(const char *path, struct buf *out, struct err *err)
{
    struct stat st;

    if (!location_is(path) && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
    return range_file_load(path, out, err);
}
