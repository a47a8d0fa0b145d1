/* SPDX-License-Identifier: MIT */
#include "volumes/lock.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME    "lock"
#define LOOK_MS 200

/* Read the holder's line: "PID 123 on HOST since TIME". */
static void read_holder(int fd, char *out, size_t size)
{
    ssize_t n = pread(fd, out, size - 1, 0);

    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static void write_holder(int fd)
{
    char host[256] = "?";
    char when[CLOCK_TEXT_MAX];
    char line[LOCK_HOLDER_MAX];
    struct err ignored; /* the line is only informative: prune must work on a full disk */

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(line, sizeof(line), "PID %ld on %s since %s\n", (long)getpid(), host,
                   clock_format(when, clock_wall(), CLOCK_RFC3339));
    if (ftruncate(fd, 0) < 0 || file_pwrite(fd, line, strlen(line), 0, &ignored) < 0) {
        /* the lock is valid without the line */
    }
}

/* Whether the locked file is still the one at path: a lock on a removed file excludes no other
 * process. */
static bool still_there(int fd, const char *path)
{
    struct stat by_fd;
    struct stat by_name;

    return fstat(fd, &by_fd) == 0 && lstat(path, &by_name) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

/* Open the file and try to lock it; 1: locked, 0: another process has the lock, -1: error. */
static int try_lock(struct lock *lock, const char *path, struct err *err)
{
    if (lock->fd < 0)
        lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->fd < 0)
        return err_sys(err, "cannot open '%s'", path);
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
        if (still_there(lock->fd, path))
            return 1;
        file_close(&lock->fd); /* the next attempt opens the new file */
        return 0;
    }
    if (errno != EWOULDBLOCK && errno != EINTR)
        return err_sys(err, "cannot lock '%s'", path);
    if (!still_there(lock->fd, path))
        file_close(&lock->fd);
    return 0;
}

int lock_take(struct lock *lock, const char *dir, uint64_t wait, struct stop stop,
              struct err *err)
{
    char *path = mem_format(err, "%s/" NAME, dir);
    uint64_t deadline = clock_mono() + wait;
    char who[LOCK_HOLDER_MAX];
    int rc = -1;

    lock->fd = -1;
    pulse_begin(WAIT_LOCK);
    while (path && (rc = try_lock(lock, path, err)) == 0) {
        if (lock->fd >= 0 && (clock_mono() >= deadline || stop_asked(&stop))) {
            read_holder(lock->fd, who, sizeof(who));
            rc = err_set(err, ERR_BUSY, "another skyarc is using '%s': %.200s", dir, who);
            break;
        }
        if (lock->fd >= 0)
            clock_sleep(LOOK_MS);
    }
    pulse_end(WAIT_LOCK);
    if (rc > 0)
        write_holder(lock->fd);
    else
        file_close(&lock->fd);
    mem_free(path);
    return rc > 0 ? 0 : -1;
}

enum lock_state lock_look(const char *dir, char holder[LOCK_HOLDER_MAX])
{
    char *path = mem_format(NULL, "%s/" NAME, dir);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    int why = path ? errno : ENOMEM;
    enum lock_state state = LOCK_FREE;

    mem_free(path);
    if (fd < 0) {
        errno = why;
        return why == ENOENT ? LOCK_FREE : LOCK_UNREADABLE;
    }
    read_holder(fd, holder, LOCK_HOLDER_MAX);
    if (*holder && flock(fd, LOCK_SH | LOCK_NB) < 0)
        state = LOCK_HELD;
    file_close(&fd); /* releases the lock */
    return state;
}

void lock_drop(struct lock *lock)
{
    if (lock->fd >= 0 && ftruncate(lock->fd, 0) < 0) {
        /* the file keeps the name of the last holder */
    }
    file_close(&lock->fd);
}
