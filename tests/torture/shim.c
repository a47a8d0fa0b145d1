/* SPDX-License-Identifier: MIT */
/*
 * shim: make system calls fail and clocks jump, for LD_PRELOAD. Configured by the environment.
 *
 *   SHIM_CALL   write, fsync, close or truncate: which call on a regular file fails
 *   SHIM_AT     number of the first call that fails, counted from 1; 1 by default
 *   SHIM_ERRNO  its errno, as a number
 *   SHIM_STAY   if set, all later calls fail, too
 *   SHIM_JUMP   seconds by which the wall clock jumps back and forth, every half second
 *   SHIM_OFFSET seconds added to the wall clock
 *   SHIM_SPEED  factor by which the monotonic clock runs faster; waits are shortened by it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong calls;

static int fails(const char *call, int fd)
{
    const char *which = getenv("SHIM_CALL");
    const char *at = getenv("SHIM_AT");
    unsigned long first = at ? strtoul(at, NULL, 10) : 1;
    unsigned long now;
    struct stat st;

    if (!which || strcmp(which, call) != 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & 0200) == 0)
        return 0;
    now = atomic_fetch_add(&calls, 1) + 1;
    if (now != first && !(now > first && getenv("SHIM_STAY")))
        return 0;
    errno = atoi(getenv("SHIM_ERRNO"));
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    static ssize_t (*real)(int, const void *, size_t);

    if (!real)
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return fails("write", fd) ? -1 : real(fd, bytes, len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return fails("write", fd) ? -1 : real(fd, bytes, len, at);
}

int ftruncate64(int fd, off64_t len)
{
    static int (*real)(int, off64_t);

    if (!real)
        real = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    return fails("truncate", fd) ? -1 : real(fd, len);
}

int fsync(int fd)
{
    static int (*real)(int);

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return fails("fsync", fd) ? -1 : real(fd);
}

int close(int fd)
{
    static int (*real)(int);
    int failed = fails("close", fd);
    int error = errno;

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (!failed)
        return real(fd);
    (void)real(fd);
    errno = error;
    return -1;
}

static long speed(void)
{
    const char *text = getenv("SHIM_SPEED");
    long times = text ? atol(text) : 1;

    return times > 1 ? times : 1;
}

static atomic_llong since; /* the first reading of the monotonic clock, in ns */

static void scale(struct timespec *at, long times, long divisor)
{
    long long ns = (long long)at->tv_sec * 1000000000 + at->tv_nsec;
    long long first = 0;

    if (atomic_compare_exchange_strong(&since, &first, ns))
        first = ns;
    ns = first + (ns - first) * times / divisor;
    at->tv_sec = (time_t)(ns / 1000000000);
    at->tv_nsec = (long)(ns % 1000000000);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    const char *jump = getenv("SHIM_JUMP");
    const char *offset = getenv("SHIM_OFFSET");
    int rc;

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    rc = real(id, now);
    if (jump && rc == 0 && id == CLOCK_REALTIME)
        now->tv_sec += (now->tv_nsec / 500000000 ? 1 : -1) * atol(jump);
    if (offset && rc == 0 && id == CLOCK_REALTIME)
        now->tv_sec += atol(offset);
    if (rc == 0 && speed() > 1 && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW))
        scale(now, speed(), 1);
    return rc;
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t id,
                           const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    struct timespec at = *until;

    if (!real)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, clockid_t,
                        const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    if (id == CLOCK_MONOTONIC && speed() > 1)
        scale(&at, 1, speed());
    return real(cond, lock, id, &at);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    static int (*real)(struct pollfd *, nfds_t, int);

    if (!real)
        real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    return real(fds, count, timeout > 0 ? 1 + (int)(timeout / speed()) : timeout);
}
