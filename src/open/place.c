/* SPDX-License-Identifier: MIT */
#include "open/place.h"

#include "base/file.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MOST 255
#define DEPTH_MAX 64

int place_open(struct place *place, const char *dir, struct err *err)
{
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return err_sys(err, "cannot make '%s'", dir);
    place->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return place->fd < 0 ? err_sys(err, "cannot open '%s'", dir) : 0;
}

void place_close(struct place *place)
{
    file_close(&place->fd);
}

bool place_good(const char *path)
{
    unsigned depth = 0;

    do {
        size_t len = strcspn(path, "/");

        if (!len || len > NAME_MOST || ++depth > DEPTH_MAX || strncmp(path, ".", len) == 0 ||
            (len == 2 && strncmp(path, "..", 2) == 0))
            return false;
        path += len;
    } while (*path++ == '/');
    return true;
}

bool place_has(const struct place *place, const char *path)
{
    int fd = file_beneath(place->fd, path, O_PATH | O_NOFOLLOW, false);
    bool there = fd >= 0 || errno == ELOOP;

    file_close(&fd);
    return there;
}

/* The folder of a path, made where it is not there; its last component in *name. */
static int open_folder(const struct place *place, const char *path, const char **name,
                       struct err *err)
{
    int fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 3);
    const char *slash;

    if (!place_good(path)) {
        file_close(&fd);
        return err_set(err, ERR_FORMAT, "its name leads elsewhere");
    }
    while (fd >= 0 && (slash = strchr(path, '/'))) {
        char part[NAME_MOST + 1];
        int next;

        (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdirat(fd, part, 0777) < 0 && errno != EEXIST)
            break;
        next = file_beneath(fd, part, O_PATH | O_DIRECTORY, false);
        if (next < 0)
            break;
        file_close(&fd);
        fd = next;
        path = slash + 1;
    }
    if (fd < 0 || strchr(path, '/')) {
        (void)err_sys(err, "cannot make its folder");
        if (err && (err->os == ELOOP || err->os == EXDEV || err->os == ENOTDIR))
            (void)err_set(err, ERR_FORMAT, "a link or file stands where its folder should be");
        file_close(&fd);
        return -1;
    }
    *name = path;
    return fd;
}

int place_begin(const struct place *place, struct place_file *file, const char *path,
                struct err *err)
{
    static atomic_uint counter;

    *file = (struct place_file){ -1, -1, "", NULL };
    file->dir = open_folder(place, path, &file->name, err);
    if (file->dir < 0)
        return -1;
    (void)snprintf(file->temp, sizeof(file->temp), ".skyarc-%ld-%u", (long)getpid(),
                   atomic_fetch_add(&counter, 1));
    file->fd = openat(file->dir, file->temp,
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd >= 0)
        return 0;
    file->temp[0] = '\0';
    return err_sys(err, "cannot make a file");
}

int place_commit(struct place_file *file, int64_t mtime, unsigned mode, bool force,
                 struct err *err)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)mtime } };
    int fd = file->fd;

    if (fchmod(fd, mode) < 0)
        return err_sys(err, "cannot set its permissions");
    if (futimens(fd, times) < 0)
        return err_sys(err, "cannot set its time");
    file->fd = -1;
    if (close(fd) < 0)
        return err_sys(err, "cannot close");
    if (renameat2(file->dir, file->temp, file->dir, file->name, force ? 0 : RENAME_NOREPLACE) <
        0) {
        if (errno == EEXIST)
            return err_set(err, ERR_EXISTS, "it is there already");
        return err_sys(err, "cannot give it its name");
    }
    file->temp[0] = '\0';
    return 0;
}

void place_abort(struct place_file *file)
{
    if (file->temp[0])
        (void)unlinkat(file->dir, file->temp, 0);
    file->temp[0] = '\0';
    file_close(&file->fd);
    file_close(&file->dir);
}

int place_link(const struct place *place, const char *path, const char *target, bool force,
               struct err *err)
{
    const char *name;
    const char *from_name;
    int to = open_folder(place, path, &name, err);
    int from = to < 0 ? -1 : open_folder(place, target, &from_name, err);
    int rc = -1;

    if (from < 0)
        goto out;
    if (force)
        (void)unlinkat(to, name, 0);
    rc = linkat(from, from_name, to, name, 0);
    if (rc < 0 && errno == EEXIST)
        (void)err_set(err, ERR_EXISTS, "it is there already");
    else if (rc < 0)
        (void)err_sys(err, "cannot link it to '%s'", target);
out:
    file_close(&to);
    file_close(&from);
    return rc;
}
