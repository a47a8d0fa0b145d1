/* SPDX-License-Identifier: MIT */
#include "writer/body.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct body *body_new(struct err *err)
{
    struct body *body = mem_new(sizeof(*body), err);

    if (body)
        body->fd = -1;
    return body;
}

struct body *body_of_text(char *text, size_t len, struct err *err)
{
    struct body *body = body_of_borrowed(text, len, err);

    if (body)
        body->own = text;
    else
        mem_free(text);
    return body;
}

struct body *body_of_borrowed(const char *text, size_t len, struct err *err)
{
    struct body *body = body_new(err);

    if (!body)
        return NULL;
    body->text = text;
    body->size = len;
    return body;
}

struct body *body_of_part(int fd, uint64_t from, uint64_t size, struct err *err)
{
    struct body *body = body_new(err);

    if (!body)
        return NULL;
    body->fd = fd;
    body->lent = true;
    body->from = from;
    body->size = body->spilled = size;
    return body;
}

static void drop_chunks(struct body *body)
{
    while (body->first) {
        struct chunk *next = body->first->next;

        chunk_unref(body->first);
        body->first = next;
    }
    body->last = NULL;
}

static void close_file(struct body *body)
{
    if (body->fd >= 0 && body->files)
        (void)atomic_fetch_sub(body->files, 1);
    if (!body->lent)
        file_close(&body->fd);
}

void body_free(struct body *body)
{
    if (!body)
        return;
    drop_chunks(body);
    close_file(body);
    mem_free(body->own);
    mem_free(body);
}

bool spool_barred(const struct spool *spool)
{
    return spool->barred && atomic_load(spool->barred);
}

/* A file has failed: log it once, and try no more. */
static void bar(const struct spool *spool, const struct err *why)
{
    bool known = spool->barred && atomic_exchange(spool->barred, true);

    log_line(known ? LOG_DEBUG : LOG_WARNING,
             "%s; going on without temporary files, in memory, which may take "
             "longer: name a directory with free space by --spool-dir or TMPDIR",
             why->text);
}

/* Make sure that the body has a file; false: it has none. */
static bool open_file(struct body *body, const struct spool *spool)
{
    struct err err;

    if (spool_barred(spool))
        return false;
    if (body->fd >= 0)
        return true;
    body->fd = file_temp(spool->dir, &err);
    if (body->fd < 0) {
        bar(spool, &err);
        return false;
    }
    body->files = spool->files;
    if (body->files)
        (void)atomic_fetch_add(body->files, 1);
    return true;
}

/* Write bytes to the file at *at, and move *at. */
static int put_bytes(const struct body *body, const struct spool *spool, const void *bytes,
                     size_t len, uint64_t *at, struct err *err)
{
    if (file_pwrite(body->fd, bytes, len, *at, err) < 0)
        return err_wrap(err, "a temporary file in '%s'", spool->dir);
    *at += len;
    return 0;
}

/*
 * Append the chunks and then the bytes to the file. Chunks are written, but not released.
 *
 * returns  false: the file has failed; what the body has is unchanged
 */
static bool spill_all(struct body *body, const struct spool *spool, const void *bytes,
                      size_t len)
{
    uint64_t at = body->spilled;
    const struct chunk *chunk;
    struct err err;
    int rc = 0;

    if (!open_file(body, spool))
        return false;
    for (chunk = body->first; chunk && rc == 0; chunk = chunk->next)
        rc = put_bytes(body, spool, chunk->data, chunk->len, &at, &err);
    if (rc == 0 && len)
        rc = put_bytes(body, spool, bytes, len, &at, &err);
    if (rc == 0) {
        body->spilled = at;
        return true;
    }
    bar(spool, &err);
    if (!body->spilled)
        close_file(body);
    else if (ftruncate(body->fd, (off_t)body->spilled) < 0)
        log_line(LOG_DEBUG, "cannot shorten a temporary file: %s", strerror(errno));
    return false;
}

bool body_park(struct body *body, const struct spool *spool)
{
    if (body->first && !spill_all(body, spool, NULL, 0))
        return false;
    drop_chunks(body);
    return true;
}

size_t body_chunks(const struct body *body)
{
    const struct chunk *chunk;
    size_t count = 0;

    for (chunk = body->first; chunk; chunk = chunk->next)
        count++;
    return count;
}

/*
 * Move all chunks but one to the file; the remaining one, empty, becomes the buffer after the
 * file's bytes.
 */
static bool spill_chunks(struct body *body, const struct spool *spool)
{
    if (!spill_all(body, spool, NULL, 0))
        return false;
    while (body->first != body->last) {
        struct chunk *chunk = body->first;

        body->first = chunk->next;
        chunk_unref(chunk);
    }
    body->last->len = 0;
    return true;
}

void body_lend(struct body *body, struct chunk *chunk)
{
    body->first = body->last = chunk;
}

/* Fill a chunk with bytes as far as they fit; returns their number. */
static size_t fill(struct chunk *chunk, const char *bytes, size_t len)
{
    size_t room = chunk->size - chunk->len;
    size_t n = len < room ? len : room;

    memcpy(chunk->data + chunk->len, bytes, n);
    chunk->len += n;
    return n;
}

/* Append an empty chunk. */
static void add_chunk(struct body *body, struct chunk *chunk)
{
    if (body->last)
        body->last->next = chunk;
    else
        body->first = chunk;
    body->last = chunk;
}

/* Append bytes to the file, of which the first `in` are in the last chunk, which is full. */
static bool add_to_file(struct body *body, const struct spool *spool, const char *bytes,
                        size_t in, size_t len)
{
    if (!body->last)
        return spill_all(body, spool, bytes, len);
    if (!spill_chunks(body, spool))
        return false;
    (void)fill(body->last, bytes + in, len - in);
    return true;
}

bool body_add(struct body *body, const struct spool *spool, bool spill, const void *bytes,
              size_t len)
{
    struct chunk *last = body->last;
    bool filed = body->fd >= 0 && !spool_barred(spool);
    struct chunk *spare = NULL;
    size_t in;

    assert(len <= pool_chunk_size(spool->pool)); /* so that one more chunk is enough */
    in = last ? fill(last, bytes, len) : 0;
    if (in < len && !filed)
        spare = pool_try(spool->pool);
    if (in < len && !spare &&
        (!(filed || spill) || !add_to_file(body, spool, bytes, in, len))) {
        if (filed) /* the file has failed just now */
            spare = pool_try(spool->pool);
        if (!spare) {
            if (last)
                last->len -= in;
            return false;
        }
    }
    if (spare) {
        add_chunk(body, spare);
        (void)fill(spare, (const char *)bytes + in, len - in);
    }
    body->size += len;
    return true;
}

int body_append(struct body *body, const struct spool *spool, const void *bytes, size_t len,
                struct err *err)
{
    size_t most = pool_chunk_size(spool->pool);
    const char *from = bytes;

    while (len) {
        size_t n = len < most ? len : most;

        if (!body_add(body, spool, true, from, n))
            return err_set(err, ERR_LIMIT,
                           "neither the memory nor a temporary file in '%s' has room",
                           spool->dir);
        from += n;
        len -= n;
    }
    return 0;
}

ssize_t body_next(const struct body *body, struct body_cursor *cursor, unsigned char *scratch,
                  const unsigned char **bytes, struct chunk **chunk, struct err *err)
{
    uint64_t left;
    size_t n;

    *chunk = NULL;
    if (body->text) {
        left = body->size - cursor->at;
        n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        *bytes = (const unsigned char *)body->text + cursor->at;
        cursor->at += n;
        return (ssize_t)n;
    }
    if (cursor->at < body->spilled) {
        left = body->spilled - cursor->at;
        n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        if (file_pread(body->fd, scratch, n, body->from + cursor->at, err) < 0)
            return err_wrap(err, "a temporary file");
        *bytes = scratch;
        cursor->at += n;
        return (ssize_t)n;
    }
    cursor->chunk = cursor->started ? cursor->chunk->next : body->first;
    cursor->started = true;
    if (!cursor->chunk || !cursor->chunk->len)
        return 0;
    *chunk = cursor->chunk;
    *bytes = cursor->chunk->data;
    return (ssize_t)cursor->chunk->len;
}

ssize_t body_read_at(const struct body *body, struct body_cursor *cursor, void *bytes,
                     size_t len, uint64_t at, struct err *err)
{
    uint64_t left = at < body->size ? body->size - at : 0;
    size_t skip;

    len = left < len ? (size_t)left : len;
    if (!len)
        return 0;
    if (body->text) {
        memcpy(bytes, body->text + at, len);
        return (ssize_t)len;
    }
    if (at < body->spilled) {
        len = body->spilled - at < len ? (size_t)(body->spilled - at) : len;
        return file_pread(body->fd, bytes, len, body->from + at, err) < 0 ? -1 : (ssize_t)len;
    }
    if (!cursor->chunk || at < cursor->at) { /* the first read, or a backward seek */
        cursor->chunk = body->first;
        cursor->at = body->spilled;
    }
    while (cursor->chunk && at - cursor->at >= cursor->chunk->len) {
        cursor->at += cursor->chunk->len;
        cursor->chunk = cursor->chunk->next;
    }
    if (!cursor->chunk)
        return err_set(err, ERR_FORMAT, "the body ends early");
    skip = (size_t)(at - cursor->at);
    len = cursor->chunk->len - skip < len ? cursor->chunk->len - skip : len;
    memcpy(bytes, cursor->chunk->data + skip, len);
    return (ssize_t)len;
}

/*
 * Copy a file's bytes in the kernel into the body's file.
 *
 * returns  1: all are copied, or more than max; 0: not possible here
 */
static int copy_in_kernel(int fd, struct body *body, const struct spool *spool, uint64_t max)
{
    ssize_t n = -1;

    if (!open_file(body, spool))
        return 0;
    while (body->size <= max &&
           (n = copy_file_range(fd, NULL, body->fd, NULL, CHUNK_SIZE * 8, 0)) > 0)
        body->size += (uint64_t)n;
    if (n == 0 || body->size > max) {
        body->spilled = body->size;
        return 1;
    }
    body->size = 0; /* from the beginning, by hand: that file system cannot, or is full */
    return 0;
}

/* Copy a file's bytes from its beginning into the body. */
static int copy_by_hand(int fd, struct body *body, const struct spool *spool, uint64_t max,
                        struct err *err)
{
    unsigned char room[16384];
    uint64_t at = 0;
    ssize_t n;

    while (at <= max && (n = pread(fd, room, sizeof(room), (off_t)at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "cannot read");
        if (body_append(body, spool, room, (size_t)n, err) < 0) {
            if (err)
                err->kind = ERR_BUSY;
            return -1;
        }
        at += (uint64_t)n;
    }
    return 0;
}

struct body *body_of_file(int fd, const struct spool *spool, uint64_t max, struct err *err)
{
    struct body *body = body_new(err);
    int rc;

    if (!body)
        return NULL;
    rc = copy_in_kernel(fd, body, spool, max) ? 0 : copy_by_hand(fd, body, spool, max, err);
    if (rc == 0 && body->size <= max)
        return body;
    if (rc == 0)
        (void)err_set(err, ERR_LIMIT, "larger than %llu bytes", (unsigned long long)max);
    body_free(body);
    return NULL;
}

size_t body_head(const struct body *body, void *out, size_t size)
{
    struct body_cursor cursor = { 0 };
    unsigned char *to = out;
    size_t at = 0;
    ssize_t n;

    while (at < size && (n = body_read_at(body, &cursor, to + at, size - at, at, NULL)) > 0)
        at += (size_t)n;
    return at;
}
