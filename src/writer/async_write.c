/* SPDX-License-Identifier: MIT */
#include "writer/async_write.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pulse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BUFFERS 3
#define LOOK_MS 200

struct job {
    unsigned char *buffer;
    size_t len;
    uint64_t at;
};

struct async_write {
    int fd;
    bool seekable;
    bool direct; /* used by the thread only */
    bool started;
    bool stepped;
    atomic_bool aborted;
    pthread_t thread;
    unsigned char *pages;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t emptied;
    unsigned char *idle[BUFFERS];
    unsigned idle_count;
    struct job jobs[BUFFERS]; /* a ring */
    unsigned first;
    unsigned count; /* number of buffers to write, including the one being written */
    bool closing;
    bool failed;
    struct err err;
};

/*
 * Write to a pipe at the speed of its reader, in pieces so small that write() never blocks: a
 * blocked write() could not be cancelled.
 */
static int write_to_reader(struct async_write *async, const struct job *job, struct err *err)
{
    struct pollfd ready = { .fd = async->fd, .events = POLLOUT };
    size_t at = 0;
    int rc = 0;

    pulse_begin(WAIT_READER);
    while (rc == 0 && at < job->len) {
        size_t n = job->len - at < PIPE_BUF ? job->len - at : PIPE_BUF;

        if (atomic_load(&async->aborted))
            rc = err_set(err, ERR_CANCELLED, "stopped");
        else if (poll(&ready, 1, LOOK_MS) > 0) {
            rc = file_write(async->fd, job->buffer + at, n, err);
            at += n;
            pulse_beat(BEAT_WRITTEN);
        }
    }
    pulse_end(WAIT_READER);
    return rc;
}

/* Write one buffer; called in the thread. */
static int write_job(struct async_write *async, const struct job *job, struct err *err)
{
    if (!async->seekable)
        return write_to_reader(async, job, err);
    if (file_pwrite(async->fd, job->buffer, job->len, job->at, err) < 0) {
        if (!async->direct || err->os != EINVAL || fcntl(async->fd, F_SETFL, 0) < 0)
            return -1;
        async->direct = false; /* the file system accepts the flag, but not the bytes */
        if (file_pwrite(async->fd, job->buffer, job->len, job->at, err) < 0)
            return -1;
    }
    if (!async->direct) /* start writing back early, so that little is left for fsync */
        (void)sync_file_range(async->fd, (off_t)job->at, (off_t)job->len,
                              SYNC_FILE_RANGE_WRITE);
    return 0;
}

/*
 * Write the oldest buffer and release it; called with the lock held, which is held again on
 * return.
 */
static void retire(struct async_write *async)
{
    const struct job *job = &async->jobs[async->first];
    struct err err;
    int rc = 0;

    if (!async->failed) {
        (void)pthread_mutex_unlock(&async->lock);
        err_clear(&err);
        rc = write_job(async, job, &err);
        (void)pthread_mutex_lock(&async->lock);
    }
    if (rc < 0) {
        async->failed = true;
        async->err = err;
    }
    pulse_beat(BEAT_WRITTEN);
    async->idle[async->idle_count++] = job->buffer;
    async->first = (async->first + 1) % BUFFERS;
    async->count--;
    (void)pthread_cond_signal(&async->emptied);
}

static void *run(void *ctx)
{
    struct async_write *async = ctx;

    (void)pthread_mutex_lock(&async->lock);
    for (;;) {
        while (!async->count && !async->closing)
            (void)pthread_cond_wait(&async->filled, &async->lock);
        if (!async->count)
            break;
        retire(async);
    }
    (void)pthread_mutex_unlock(&async->lock);
    return NULL;
}

struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct err *err)
{
    struct async_write *async = mem_new(sizeof(*async), err);
    void *pages = NULL;
    int rc;

    if (!async)
        return NULL;
    async->fd = fd;
    async->seekable = seekable;
    async->direct = direct;
    async->stepped = stepped;
    (void)pthread_mutex_init(&async->lock, NULL);
    (void)pthread_cond_init(&async->filled, NULL);
    (void)pthread_cond_init(&async->emptied, NULL);
    if (posix_memalign(&pages, ASYNC_WRITE_ALIGN, BUFFERS * ASYNC_WRITE_BUFFER) != 0) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
        goto fail;
    }
    async->pages = pages;
    while (async->idle_count < BUFFERS) {
        async->idle[async->idle_count] = async->pages + async->idle_count * ASYNC_WRITE_BUFFER;
        async->idle_count++;
    }
    if (stepped)
        return async;
    rc = pthread_create(&async->thread, NULL, run, async);
    if (rc) {
        (void)err_set(err, ERR_SYSTEM, "cannot start a thread (error %d)", rc);
        goto fail;
    }
    async->started = true;
    return async;
fail:
    async_write_free(async);
    return NULL;
}

void async_write_free(struct async_write *async)
{
    if (!async)
        return;
    if (async->started) {
        (void)pthread_mutex_lock(&async->lock);
        async->closing = async->failed = true;
        (void)pthread_cond_signal(&async->filled);
        (void)pthread_mutex_unlock(&async->lock);
        (void)pthread_join(async->thread, NULL);
    }
    (void)pthread_cond_destroy(&async->filled);
    (void)pthread_cond_destroy(&async->emptied);
    (void)pthread_mutex_destroy(&async->lock);
    free(async->pages);
    mem_free(async);
}

/* Called with the lock held. */
static int failure(const struct async_write *async, struct err *err)
{
    if (err)
        *err = async->err;
    return -1;
}

unsigned char *async_write_take(struct async_write *async, struct err *err)
{
    unsigned char *buffer = NULL;

    (void)pthread_mutex_lock(&async->lock);
    while (!async->failed && !async->idle_count)
        (void)pthread_cond_wait(&async->emptied, &async->lock);
    if (async->failed)
        (void)failure(async, err);
    else
        buffer = async->idle[--async->idle_count];
    (void)pthread_mutex_unlock(&async->lock);
    return buffer;
}

void async_write_put(struct async_write *async, unsigned char *buffer, size_t len, uint64_t at)
{
    (void)pthread_mutex_lock(&async->lock);
    async->jobs[(async->first + async->count++) % BUFFERS] = (struct job){ buffer, len, at };
    if (async->stepped)
        retire(async);
    (void)pthread_cond_signal(&async->filled);
    (void)pthread_mutex_unlock(&async->lock);
}

void async_write_abort(struct async_write *async)
{
    atomic_store(&async->aborted, true);
}

int async_write_wait(struct async_write *async, struct err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&async->lock);
    while (async->count)
        (void)pthread_cond_wait(&async->emptied, &async->lock);
    if (async->failed)
        rc = failure(async, err);
    (void)pthread_mutex_unlock(&async->lock);
    return rc;
}
