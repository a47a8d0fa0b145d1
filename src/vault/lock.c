/* SPDX-License-Identifier: MIT */
#include "vault/lock.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME     "lock"
#define LOOK_MS  200
#define LINE_MAX 512

/* What the holder wrote: "PID 123 on HOST since TIME". */
static void read_holder(int fd, char *out, size_t size)
{
    ssize_t n = pread(fd, out, size - 1, 0);

    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static int write_holder(int fd, struct err *err)
{
    char host[256] = "?";
    char when[CLOCK_TEXT_MAX];
    char line[LINE_MAX];

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(line, sizeof(line), "PID %ld on %s since %s\n", (long)getpid(), host,
                   clock_format(when, clock_wall(), CLOCK_RFC3339));
    if (ftruncate(fd, 0) < 0)
        return err_sys(err, "cannot write the lock");
    return file_pwrite(fd, line, strlen(line), 0, err);
}

int lock_take(struct lock *lock, const char *dir, uint64_t wait, bool (*stopped)(void *ctx),
              void *ctx, struct err *err)
{
    char *path = mem_format(err, "%s/" NAME, dir);
    uint64_t deadline = clock_mono() + wait;
    char who[LINE_MAX];
    int rc = -1;

    lock->fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (lock->fd < 0 && path)
        (void)err_sys(err, "cannot open '%s'", path);
    pulse_begin(WAIT_LOCK);
    while (lock->fd >= 0 && (rc = flock(lock->fd, LOCK_EX | LOCK_NB)) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            (void)err_sys(err, "cannot lock '%s'", path);
            break;
        }
        if (clock_mono() >= deadline || (stopped && stopped(ctx))) {
            read_holder(lock->fd, who, sizeof(who));
            (void)err_set(err, ERR_BUSY, "another skyarc is at '%s': %.200s", dir, who);
            break;
        }
        clock_sleep(LOOK_MS);
    }
    pulse_end(WAIT_LOCK);
    if (rc == 0)
        rc = write_holder(lock->fd, err);
    if (rc < 0)
        file_close(&lock->fd);
    mem_free(path);
    return rc;
}

void lock_drop(struct lock *lock)
{
    if (lock->fd >= 0 && ftruncate(lock->fd, 0) < 0) {
        /* it says who held it last */
    }
    file_close(&lock->fd);
}
