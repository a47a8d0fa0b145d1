/* SPDX-License-Identifier: MIT */
#include "storage/object_file.h"

#include "base/buf.h"
#include "base/mem.h"
#include "s3/object.h"
#include "storage/remote.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* A position that is read ahead. Its fields belong to the thread that has set busy. */
struct lane {
    bool busy; /* under lock, like used */
    unsigned long used;
    struct s3_client *client;
    uint64_t at; /* offset of bytes */
    struct buf bytes;
    size_t ahead; /* bytes that the last request had */
};

struct object_file {
    struct location location;
    struct object_info info;
    struct buf tail;
    uint64_t tail_at;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned long uses;
    struct lane lanes[OBJECT_FILE_LANES];
};

struct object_file *object_file_open(const struct location *location, struct err *err)
{
    struct object_file *file = mem_new(sizeof(*file), err);
    struct lane *first;

    if (!file)
        return NULL;
    (void)pthread_mutex_init(&file->lock, NULL);
    (void)pthread_cond_init(&file->idle, NULL);
    file->location = *location;
    first = &file->lanes[0];
    first->client = remote_client(file->location.bucket, 1, err);
    if (!first->client || object_tail(first->client, location->key, OBJECT_FILE_TAIL,
                                      &file->tail, &file->info, err) < 0) {
        object_file_close(file);
        return NULL;
    }
    file->tail_at = file->info.size - file->tail.len;
    return file;
}

void object_file_close(struct object_file *file)
{
    size_t i;

    if (!file)
        return;
    for (i = 0; i < OBJECT_FILE_LANES; i++) {
        s3_client_free(file->lanes[i].client);
        buf_clear(&file->lanes[i].bytes);
    }
    buf_clear(&file->tail);
    (void)pthread_cond_destroy(&file->idle);
    (void)pthread_mutex_destroy(&file->lock);
    mem_free(file);
}

uint64_t object_file_size(const struct object_file *file)
{
    return file->info.size;
}

/* Whether a lane's bytes contain an offset, or end there: then reading continues. */
static bool is_near(const struct lane *lane, uint64_t at)
{
    return lane->bytes.len && at >= lane->at && at <= lane->at + lane->bytes.len;
}

/* The lane for an offset: one that is near, else the idle one that was used least recently.
 * NULL: all lanes are busy. Called with the lock held. */
static struct lane *choose(struct object_file *file, uint64_t at)
{
    struct lane *best = NULL;
    size_t i;

    for (i = 0; i < OBJECT_FILE_LANES; i++) {
        struct lane *lane = &file->lanes[i];

        if (lane->busy)
            continue;
        if (is_near(lane, at))
            return lane;
        if (!best || lane->used < best->used)
            best = lane;
    }
    return best;
}

/* Take a lane; another thread's read, which ends by itself, gives one back. */
static struct lane *take_lane(struct object_file *file, uint64_t at)
{
    struct lane *lane;

    (void)pthread_mutex_lock(&file->lock);
    while (!(lane = choose(file, at)))
        (void)pthread_cond_wait(&file->idle, &file->lock);
    lane->busy = true;
    lane->used = ++file->uses;
    (void)pthread_mutex_unlock(&file->lock);
    return lane;
}

static void give_lane(struct object_file *file, struct lane *lane)
{
    (void)pthread_mutex_lock(&file->lock);
    lane->busy = false;
    (void)pthread_cond_signal(&file->idle);
    (void)pthread_mutex_unlock(&file->lock);
}

/* How many bytes to ask for at an offset: at least len, as far as the object has them. */
static size_t ask(const struct object_file *file, struct lane *lane, uint64_t at, size_t len)
{
    uint64_t left = file->info.size - at;
    size_t want = OBJECT_FILE_LEAST;

    if (lane->bytes.len && at == lane->at + lane->bytes.len) /* continued */
        want = 2 * lane->ahead;
    want = want > OBJECT_FILE_AHEAD ? OBJECT_FILE_AHEAD : want;
    want = want < len ? len : want;
    lane->ahead = want > OBJECT_FILE_AHEAD ? OBJECT_FILE_AHEAD : want;
    return want < left ? want : (size_t)left;
}

/* Fetch the bytes at an offset into the lane. */
static int fetch(struct object_file *file, struct lane *lane, uint64_t at, size_t len,
                 struct err *err)
{
    size_t want = ask(file, lane, at, len);

    if (!lane->client && !(lane->client = remote_client(file->location.bucket, 1, err)))
        return -1;
    buf_clear(&lane->bytes);
    lane->at = at;
    return object_get(lane->client, file->location.key, &file->info, at, want, &lane->bytes,
                      err);
}

/* Copy what the lane has of a range; returns the number of bytes. */
static size_t copy(const struct lane *lane, unsigned char *bytes, size_t len, uint64_t at)
{
    size_t from;
    size_t n;

    if (!is_near(lane, at))
        return 0;
    from = (size_t)(at - lane->at);
    n = lane->bytes.len - from < len ? lane->bytes.len - from : len;
    if (n)
        memcpy(bytes, lane->bytes.data + from, n);
    return n;
}

static int read_lane(struct object_file *file, struct lane *lane, unsigned char *bytes,
                     size_t len, uint64_t at, struct err *err)
{
    while (len) {
        size_t n = copy(lane, bytes, len, at);

        bytes += n;
        at += n;
        len -= n;
        if (len && fetch(file, lane, at, len, err) < 0)
            return -1;
    }
    return 0;
}

int object_file_read(struct object_file *file, void *bytes, size_t len, uint64_t at,
                     struct err *err)
{
    struct lane *lane;
    int rc;

    if (at > file->info.size || len > file->info.size - at)
        return err_set(err, ERR_MISMATCH, "'s3://%s/%s': unexpected end of the object",
                       file->location.bucket, file->location.key);
    if (at >= file->tail_at) {
        if (len)
            memcpy(bytes, file->tail.data + (at - file->tail_at), len);
        return 0;
    }
    lane = take_lane(file, at);
    rc = read_lane(file, lane, bytes, len, at, err);
    give_lane(file, lane);
    return rc;
}
