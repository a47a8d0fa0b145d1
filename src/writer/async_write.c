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

/*
 * Job i is in jobs[i % BUFFERS] until it is released: both written and hashed. The counters
 * never decrease: released <= written, hashed <= put.
 */
struct async_write {
    int fd;
    bool seekable;
    bool direct; /* used by the writing thread only */
    bool stepped;
    atomic_bool aborted;
    struct sha256 *sha; /* used by the hashing thread only, while hashed < put */
    pthread_t threads[2];
    unsigned started;
    unsigned char *pages;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t advanced;
    unsigned char *idle[BUFFERS];
    unsigned idle_count;
    struct async_job jobs[BUFFERS]; /* a ring */
    uint64_t put;
    uint64_t written;
    uint64_t hashed;
    uint64_t released;
    bool closing;
    bool failed;
    struct err err;
};

/*
 * Write to a pipe at the speed of its reader, in pieces so small that write() never blocks: a
 * blocked write() could not be cancelled.
 */
static int write_to_reader(struct async_write *async, const struct async_job *job,
                           struct err *err)
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
static int write_job(struct async_write *async, const struct async_job *job, struct err *err)
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

/* Release the buffers that are both written and hashed; called with the lock held. */
static void release(struct async_write *async)
{
    uint64_t done = async->hashed < async->written ? async->hashed : async->written;

    while (async->released < done)
        async->idle[async->idle_count++] = async->jobs[async->released++ % BUFFERS].buffer;
    (void)pthread_cond_signal(&async->advanced);
}

/*
 * Write the next buffer; called with the lock held, which is held again on return. The job
 * stays in the ring meanwhile: it is not released before it is written.
 */
static void write_next(struct async_write *async)
{
    const struct async_job *job = &async->jobs[async->written % BUFFERS];
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
    async->written++;
    release(async);
}

/* Hash the next buffer, likewise. */
static void hash_next(struct async_write *async)
{
    const struct async_job *job = &async->jobs[async->hashed % BUFFERS];

    if (!async->failed && async->sha) {
        (void)pthread_mutex_unlock(&async->lock);
        sha256_add(async->sha, job->buffer + job->hash_from, job->hash_to - job->hash_from);
        (void)pthread_mutex_lock(&async->lock);
        pulse_beat(BEAT_HASHED);
    }
    async->hashed++;
    release(async);
}

/* Process every job, until closing; done is the thread's own counter. */
static void *run(struct async_write *async, const uint64_t *done,
                 void (*next)(struct async_write *))
{
    (void)pthread_mutex_lock(&async->lock);
    for (;;) {
        while (*done == async->put && !async->closing)
            (void)pthread_cond_wait(&async->filled, &async->lock);
        if (*done == async->put)
            break;
        next(async);
    }
    (void)pthread_mutex_unlock(&async->lock);
    return NULL;
}

static void *run_writing(void *ctx)
{
    struct async_write *async = ctx;

    return run(async, &async->written, write_next);
}

static void *run_hashing(void *ctx)
{
    struct async_write *async = ctx;

    return run(async, &async->hashed, hash_next);
}

static int launch(struct async_write *async, void *(*fn)(void *), struct err *err)
{
    int rc = pthread_create(&async->threads[async->started], NULL, fn, async);

    if (rc) {
        errno = rc;
        return err_sys(err, "cannot start a thread");
    }
    async->started++;
    return 0;
}

struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct sha256 *sha, struct err *err)
{
    struct async_write *async = mem_new(sizeof(*async), err);
    void *pages = NULL;

    if (!async)
        return NULL;
    async->fd = fd;
    async->seekable = seekable;
    async->direct = direct;
    async->stepped = stepped;
    async->sha = sha;
    (void)pthread_mutex_init(&async->lock, NULL);
    (void)pthread_cond_init(&async->filled, NULL);
    (void)pthread_cond_init(&async->advanced, NULL);
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
    if (launch(async, run_writing, err) == 0 && (!sha || launch(async, run_hashing, err) == 0))
        return async;
fail:
    async_write_free(async);
    return NULL;
}

void async_write_free(struct async_write *async)
{
    if (!async)
        return;
    (void)pthread_mutex_lock(&async->lock);
    async->closing = async->failed = true;
    (void)pthread_cond_broadcast(&async->filled);
    (void)pthread_mutex_unlock(&async->lock);
    while (async->started)
        (void)pthread_join(async->threads[--async->started], NULL);
    (void)pthread_cond_destroy(&async->filled);
    (void)pthread_cond_destroy(&async->advanced);
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
        (void)pthread_cond_wait(&async->advanced, &async->lock);
    if (async->failed)
        (void)failure(async, err);
    else
        buffer = async->idle[--async->idle_count];
    (void)pthread_mutex_unlock(&async->lock);
    return buffer;
}

void async_write_put(struct async_write *async, const struct async_job *job)
{
    (void)pthread_mutex_lock(&async->lock);
    async->jobs[async->put++ % BUFFERS] = *job;
    if (async->stepped)
        write_next(async);
    if (async->stepped || !async->sha)
        hash_next(async);
    (void)pthread_cond_broadcast(&async->filled);
    (void)pthread_mutex_unlock(&async->lock);
}

void async_write_abort(struct async_write *async)
{
    atomic_store(&async->aborted, true);
}

void async_write_settle(struct async_write *async)
{
    (void)pthread_mutex_lock(&async->lock);
    while (async->hashed < async->put)
        (void)pthread_cond_wait(&async->advanced, &async->lock);
    (void)pthread_mutex_unlock(&async->lock);
}

int async_write_wait(struct async_write *async, struct err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&async->lock);
    while (async->released < async->put)
        (void)pthread_cond_wait(&async->advanced, &async->lock);
    if (async->failed)
        rc = failure(async, err);
    (void)pthread_mutex_unlock(&async->lock);
    return rc;
}
