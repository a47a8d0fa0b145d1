/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLURP_STEP ((size_t)64 * 1024)
#define PAUSE_MS   50 /* between two questions whether to stop */

int file_write(int fd, const void *bytes, size_t len, struct err *err)
{
    const char *at = bytes;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "cannot write");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_pwrite(int fd, const void *bytes, size_t len, uint64_t at, struct err *err)
{
    const char *from = bytes;

    while (len) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "cannot write");
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int file_sync(int fd)
{
    int rc;

    pulse_begin(WAIT_SYNC);
    rc = fsync(fd);
    pulse_end(WAIT_SYNC);
    return rc;
}

int file_pread(int fd, void *bytes, size_t len, uint64_t at, struct err *err)
{
    char *to = bytes;

    while (len) {
        ssize_t n = pread(fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "cannot read");
        if (n == 0)
            return err_set(err, ERR_FORMAT, "unexpected end of file");
        pulse_beat(BEAT_READ);
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t file_read(int fd, void *bytes, size_t len, struct stop stop, struct err *err)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    ssize_t n;

    for (;;) {
        int some = poll(&ready, 1, PAUSE_MS);

        if (stop_check(&stop, err) < 0)
            return -1;
        if (some < 0 && errno != EINTR)
            return err_sys(err, "cannot wait for data");
        if (some <= 0)
            continue;
        n = read(fd, bytes, len);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return err_sys(err, "cannot read");
    }
}

/* Read fd to its end and append the bytes to a buffer, up to the buffer's limit. */
static int slurp(int fd, struct stop stop, struct buf *out, struct err *err)
{
    for (;;) {
        size_t left = out->max - out->len;
        size_t want = left < SLURP_STEP ? left : SLURP_STEP;
        char spare;
        char *room = want ? buf_room(out, want, err) : &spare;
        ssize_t n;

        if (!room)
            return -1;
        n = file_read(fd, room, want ? want : 1, stop, err); /* full: does the file end here? */
        if (n < 0)
            return -1;
        if (n > 0 && !want)
            return err_set(err, ERR_LIMIT, "larger than %zu bytes", out->max);
        if (n == 0) {
            if (out->data)
                out->data[out->len] = '\0';
            return 0;
        }
        out->len += (size_t)n;
    }
}

int file_open_to_read(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return err_sys(err, "cannot open '%s'", path);
    if (fcntl(fd, F_SETFL, 0) == 0)
        return fd;
    (void)err_sys(err, "cannot read '%s'", path);
    file_close(&fd);
    return -1;
}

int file_open_to_write(const char *path, struct stop stop, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    bool stopped = false;
    int fd;

    pulse_begin(WAIT_READER);
    /* a signal may also arrive between two sleeps, and interrupt neither */
    while ((fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0 &&
           errno == ENXIO && !(stopped = stop_asked(&stop)))
        (void)nanosleep(&pause, NULL);
    pulse_end(WAIT_READER);
    if (fd >= 0 && fcntl(fd, F_SETFL, 0) == 0)
        return fd;
    if (stopped)
        (void)err_set(err, ERR_CANCELLED, "stopped while waiting for the reader of '%s'", path);
    else
        (void)err_sys(err, "cannot write '%s'", path);
    file_close(&fd);
    return -1;
}

int file_load(const char *path, struct stop stop, struct buf *out, struct err *err)
{
    int fd = STDIN_FILENO;
    int rc;

    if (strcmp(path, "-") == 0)
        return slurp(fd, stop, out, err) < 0 ? err_wrap(err, "standard input") : 0;
    fd = file_open_to_read(path, err);
    if (fd < 0)
        return -1;
    rc = slurp(fd, stop, out, err);
    if (rc < 0)
        (void)err_wrap(err, "'%s'", path);
    file_close(&fd);
    return rc;
}

int file_walk(int dir, const char *path, int flags)
{
    int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);

    while (fd >= 0 && *path) {
        size_t len = strcspn(path, "/");
        size_t step = len + strspn(path + len, "/");
        bool last = !path[step];
        char part[NAME_MAX + 1];
        int next = -1;

        errno = EXDEV;
        if (len <= NAME_MAX && !(len == 2 && path[0] == '.' && path[1] == '.')) {
            memcpy(part, len ? path : ".", len ? len : 1);
            part[len ? len : 1] = '\0';
            next = openat(fd, part,
                          (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        }
        file_close(&fd);
        fd = next;
        path += step;
    }
    return fd;
}

int file_beneath(int dir, const char *path, int flags, bool links)
{
    struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
                            .resolve = RESOLVE_BENEATH |
                                       (links ? RESOLVE_NO_MAGICLINKS : RESOLVE_NO_SYMLINKS) };
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

    return fd < 0 && (errno == ENOSYS || errno == EPERM) ? file_walk(dir, path, flags) : fd;
}

/* Open path relative to root and beneath it. */
static int open_beneath(int root, const char *path)
{
    while (*path == '/')
        path++;
    return file_beneath(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, true);
}

/* Find path beneath root; see file_open_beneath for how leading folders are removed. */
static int find_beneath(int root, const char *dir, const char *path)
{
    size_t len = strlen(dir);
    int fd = -1;

    while (len > 1 && dir[len - 1] == '/')
        len--;
    if (strncmp(path, dir, len) == 0 && path[len] == '/')
        return open_beneath(root, path + len);
    while (path && strchr(path + 1, '/')) {
        fd = open_beneath(root, path);
        if (fd >= 0 || errno != ENOENT)
            break;
        path = strchr(path + 1, '/');
    }
    return fd;
}

bool file_shared(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0;
}

int file_open_beneath(const char *dir, const char *path, struct err *err)
{
    int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    int fd;

    if (root < 0)
        return err_sys(err, "cannot open '%s'", dir);
    fd = find_beneath(root, dir, path);
    if (fd < 0)
        (void)(errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "no such file below '%s'", dir)
                               : err_sys(err, "cannot open a file below '%s'", dir));
    file_close(&root);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        (void)err_set(err, ERR_NOT_FOUND, "not a file");
        file_close(&fd);
    }
    return fd;
}

int file_open_dir(const char *path, struct err *err)
{
    char *dir = path_dir(path);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (!dir)
        (void)err_set(err, ERR_MEMORY, "out of memory");
    else if (fd < 0)
        (void)err_sys(err, "cannot open the directory of '%s'", path);
    mem_free(dir);
    return fd;
}

int file_flush_dir(int dir, const char *path, struct err *err)
{
    if (file_sync(dir) < 0 && errno != EINVAL && errno != EBADF)
        return err_sys(err, "cannot sync the directory of '%s'", path);
    return 0;
}

int file_sync_dir(const char *path, struct err *err)
{
    int dir = file_open_dir(path, err);
    int rc = dir < 0 ? -1 : file_flush_dir(dir, path, err);

    file_close(&dir);
    return rc;
}

int file_put_fd(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return file_write(*(const int *)ctx, bytes, len, err);
}

/*
 * Create a temporary file whose name ends in six letters, which are replaced. O_WRONLY, since a
 * sandbox may not permit reading.
 */
static int open_beside(char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    char *end = name + strlen(name) - 6;
    unsigned char dice[6];
    unsigned tries;
    int fd = -1;
    size_t i;

    for (tries = 0; fd < 0 && tries < 100; tries++) {
        if (getrandom(dice, sizeof(dice), 0) != (ssize_t)sizeof(dice))
            return -1;
        for (i = 0; i < sizeof(dice); i++)
            end[i] = letters[dice[i] % 32];
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd;
}

/* Report that rename has failed, as errno says. Returns -1. */
static int not_renamed(const char *from, const char *to, struct err *err)
{
    int os = errno;
    struct stat st;

    if (stat(to, &st) == 0 && S_ISDIR(st.st_mode)) /* in a sandbox, errno is EACCES */
        return err_set(err, ERR_EXISTS, "cannot write '%s': it is a directory", to);
    errno = os;
    return err_sys(err, "cannot rename '%s' to '%s'", from, to);
}

int file_make(const char *path, unsigned mode, file_maker *make, void *ctx, struct err *err)
{
    char *name = mem_format(err, "%s.XXXXXX", path);
    int fd = name ? open_beside(name) : -1;
    int rc = -1;

    if (!name)
        return -1;
    if (fd < 0) {
        (void)err_sys(err, "cannot write '%s'", path);
        goto out;
    }
    rc = make(ctx, file_put_fd, &fd, err);
    if (rc == 0 && (fchmod(fd, mode) < 0 || file_sync(fd) < 0))
        rc = err_sys(err, "cannot sync");
    if (close(fd) < 0 && rc == 0)
        rc = err_sys(err, "cannot close");
    if (rc < 0)
        (void)err_wrap(err, "'%s'", path);
    else if (rename(name, path) < 0)
        rc = not_renamed(name, path, err);
    if (rc < 0)
        (void)unlink(name);
    else
        rc = file_sync_dir(path, err);
out:
    mem_free(name);
    return rc;
}

struct whole {
    const void *bytes;
    size_t len;
};

static int put_whole(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    const struct whole *whole = ctx;

    return put(put_ctx, whole->bytes, whole->len, err);
}

int file_put(const char *path, const void *bytes, size_t len, unsigned mode, struct err *err)
{
    struct whole whole = { bytes, len };

    return file_make(path, mode, put_whole, &whole, err);
}

const char *file_temp_dir(void)
{
    const char *dir = getenv("TMPDIR");

    return dir && *dir ? dir : "/var/tmp";
}

int file_temp(const char *dir, struct err *err)
{
    char *name;
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (fd >= 0)
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
        return err_sys(err, "cannot create a temporary file in '%s'", dir);
    name = mem_format(err, "%s/skyarc-XXXXXX", dir); /* the file system has no O_TMPFILE */
    if (!name)
        return -1;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        (void)err_sys(err, "cannot create a temporary file in '%s'", dir);
    else
        (void)unlink(name);
    mem_free(name);
    return fd;
}

/* Whether the file is regular, ours, not hard-linked elsewhere and not writable by others. */
static bool is_own(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           st.st_nlink == 1 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int file_open_own(const char *path, struct err *err)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0600);

    if (fd >= 0 && is_own(fd))
        return fd;
    if (fd < 0 && errno != ELOOP && errno != ENXIO && errno != EACCES && errno != EPERM &&
        errno != ENODEV)
        return err_sys(err, "cannot write '%s'", path);
    file_close(&fd);
    if (unlink(path) < 0 && errno != ENOENT) {
        (void)err_sys(
            err, "'%s' belongs to another user or is not a regular file, and cannot be removed",
            path);
        if (err)
            err->kind = ERR_EXISTS;
        return -1;
    }
    fd = open(path, flags | O_EXCL, 0600);
    return fd < 0 ? err_sys(err, "cannot write '%s'", path) : fd;
}

int file_read_own(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0 && !is_own(fd))
        file_close(&fd);
    return fd;
}

void file_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

int file_make_dirs(const char *path, struct err *err)
{
    char *dir = mem_copy(path, err);
    char *slash = dir;
    int rc = dir ? 0 : -1;

    while (rc == 0 && (slash = strchr(slash + 1, '/'))) {
        *slash = '\0';
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            rc = err_sys(err, "cannot create '%s'", dir);
        *slash = '/';
    }
    mem_free(dir);
    return rc;
}
