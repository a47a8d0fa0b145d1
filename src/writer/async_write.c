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
    bool direct; /* the thread's */
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
    unsigned count; /* also the one that is being written */
    bool closing;
    bool failed;
    struct err err;
};

/*
 * Write to a pipe, for as long as its reader takes; so little at a time that it never waits in
 * write(), where nobody could end it.
 */
static int write_to_reader(struct async_write *f, const struct job *job, struct err *err)
{
    struct pollfd ready = { .fd = f->fd, .events = POLLOUT };
    size_t at = 0;
    int rc = 0;

    pulse_begin(WAIT_READER);
    while (rc == 0 && at < job->len) {
        size_t n = job->len - at < PIPE_BUF ? job->len - at : PIPE_BUF;

        if (atomic_load(&f->aborted))
            rc = err_set(err, ERR_CANCELLED, "stopped");
        else if (poll(&ready, 1, LOOK_MS) > 0) {
            rc = file_write(f->fd, job->buffer + at, n, err);
            at += n;
            pulse_beat(BEAT_WRITTEN);
        }
    }
    pulse_end(WAIT_READER);
    return rc;
}

/* Write one buffer; on the thread. */
static int write_job(struct async_write *f, const struct job *job, struct err *err)
{
    if (!f->seekable)
        return write_to_reader(f, job, err);
    if (file_pwrite(f->fd, job->buffer, job->len, job->at, err) < 0) {
        if (!f->direct || err->os != EINVAL || fcntl(f->fd, F_SETFL, 0) < 0)
            return -1;
        f->direct = false; /* a file system that takes the flag and then not the bytes */
        if (file_pwrite(f->fd, job->buffer, job->len, job->at, err) < 0)
            return -1;
    }
    if (!f->direct) /* begin early, so that no pile is left for the end */
        (void)sync_file_range(f->fd, (off_t)job->at, (off_t)job->len, SYNC_FILE_RANGE_WRITE);
    return 0;
}

/* Write the oldest buffer and give it back; called and left with the lock held. */
static void retire(struct async_write *f)
{
    const struct job *job = &f->jobs[f->first];
    struct err err;
    int rc = 0;

    if (!f->failed) {
        (void)pthread_mutex_unlock(&f->lock);
        err_clear(&err);
        rc = write_job(f, job, &err);
        (void)pthread_mutex_lock(&f->lock);
    }
    if (rc < 0) {
        f->failed = true;
        f->err = err;
    }
    pulse_beat(BEAT_WRITTEN);
    f->idle[f->idle_count++] = job->buffer;
    f->first = (f->first + 1) % BUFFERS;
    f->count--;
    (void)pthread_cond_signal(&f->emptied);
}

static void *run(void *ctx)
{
    struct async_write *f = ctx;

    (void)pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->count && !f->closing)
            (void)pthread_cond_wait(&f->filled, &f->lock);
        if (!f->count)
            break;
        retire(f);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct err *err)
{
    struct async_write *f = mem_new(sizeof(*f), err);
    void *pages = NULL;
    int rc;

    if (!f)
        return NULL;
    f->fd = fd;
    f->seekable = seekable;
    f->direct = direct;
    f->stepped = stepped;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->filled, NULL);
    (void)pthread_cond_init(&f->emptied, NULL);
    if (posix_memalign(&pages, ASYNC_WRITE_ALIGN, BUFFERS * ASYNC_WRITE_BUFFER) != 0) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
        goto fail;
    }
    f->pages = pages;
    while (f->idle_count < BUFFERS) {
        f->idle[f->idle_count] = f->pages + f->idle_count * ASYNC_WRITE_BUFFER;
        f->idle_count++;
    }
    if (stepped)
        return f;
    rc = pthread_create(&f->thread, NULL, run, f);
    if (rc) {
        (void)err_set(err, ERR_SYSTEM, "cannot start a thread (error %d)", rc);
        goto fail;
    }
    f->started = true;
    return f;
fail:
    async_write_free(f);
    return NULL;
}

void async_write_free(struct async_write *f)
{
    if (!f)
        return;
    if (f->started) {
        (void)pthread_mutex_lock(&f->lock);
        f->closing = f->failed = true;
        (void)pthread_cond_signal(&f->filled);
        (void)pthread_mutex_unlock(&f->lock);
        (void)pthread_join(f->thread, NULL);
    }
    (void)pthread_cond_destroy(&f->filled);
    (void)pthread_cond_destroy(&f->emptied);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->pages);
    mem_free(f);
}

/* With the lock held. */
static int failure(const struct async_write *f, struct err *err)
{
    if (err)
        *err = f->err;
    return -1;
}

unsigned char *async_write_take(struct async_write *f, struct err *err)
{
    unsigned char *buffer = NULL;

    (void)pthread_mutex_lock(&f->lock);
    while (!f->failed && !f->idle_count)
        (void)pthread_cond_wait(&f->emptied, &f->lock);
    if (f->failed)
        (void)failure(f, err);
    else
        buffer = f->idle[--f->idle_count];
    (void)pthread_mutex_unlock(&f->lock);
    return buffer;
}

void async_write_put(struct async_write *f, unsigned char *buffer, size_t len, uint64_t at)
{
    (void)pthread_mutex_lock(&f->lock);
    f->jobs[(f->first + f->count++) % BUFFERS] = (struct job){ buffer, len, at };
    if (f->stepped)
        retire(f);
    (void)pthread_cond_signal(&f->filled);
    (void)pthread_mutex_unlock(&f->lock);
}

void async_write_abort(struct async_write *f)
{
    atomic_store(&f->aborted, true);
}

int async_write_wait(struct async_write *f, struct err *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&f->lock);
    while (f->count)
        (void)pthread_cond_wait(&f->emptied, &f->lock);
    if (f->failed)
        rc = failure(f, err);
    (void)pthread_mutex_unlock(&f->lock);
    return rc;
}
