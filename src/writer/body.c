/* SPDX-License-Identifier: MIT */
#include "writer/body.h"

#include "base/file.h"
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

void body_free(struct body *body)
{
    if (!body)
        return;
    drop_chunks(body);
    if (body->fd >= 0 && body->files)
        (void)atomic_fetch_sub(body->files, 1);
    if (!body->lent)
        file_close(&body->fd);
    mem_free(body->own);
    mem_free(body);
}

/* Make sure that the body has a file. */
static int open_file(struct body *body, const struct spool *spool, struct err *err)
{
    if (body->fd >= 0)
        return 0;
    body->fd = file_temp(spool->dir, err);
    if (body->fd < 0)
        return -1;
    body->files = spool->files;
    if (body->files)
        (void)atomic_fetch_add(body->files, 1);
    return 0;
}

/* Append bytes to the file. */
static int spill_bytes(struct body *body, const struct spool *spool, const void *bytes,
                       size_t len, struct err *err)
{
    if (open_file(body, spool, err) < 0)
        return -1;
    if (file_pwrite(body->fd, bytes, len, body->spilled, err) < 0)
        return err_wrap(err, "a temporary file in '%s'", spool->dir);
    body->spilled += len;
    return 0;
}

/* Append the chunks to the file. */
static int write_chunks(struct body *body, const struct spool *spool, struct err *err)
{
    struct chunk *chunk;

    for (chunk = body->first; chunk; chunk = chunk->next) {
        if (spill_bytes(body, spool, chunk->data, chunk->len, err) < 0)
            return -1;
    }
    return 0;
}

int body_park(struct body *body, const struct spool *spool, struct err *err)
{
    if (body->first && write_chunks(body, spool, err) < 0)
        return -1;
    drop_chunks(body);
    return 0;
}

/*
 * Move all chunks but one to the file; the remaining one, empty, becomes the buffer after the
 * file's bytes.
 */
static int spill_chunks(struct body *body, const struct spool *spool, struct err *err)
{
    if (write_chunks(body, spool, err) < 0)
        return -1;
    while (body->first != body->last) {
        struct chunk *chunk = body->first;

        body->first = chunk->next;
        chunk_unref(chunk);
    }
    body->last->len = 0;
    return 0;
}

void body_lend(struct body *body, struct chunk *chunk)
{
    body->first = body->last = chunk;
}

static void fill(struct chunk *chunk, const char **bytes, size_t *len)
{
    size_t room = chunk->size - chunk->len;
    size_t n = *len < room ? *len : room;

    memcpy(chunk->data + chunk->len, *bytes, n);
    chunk->len += n;
    *bytes += n;
    *len -= n;
}

int body_add(struct body *body, const struct spool *spool, bool spill, const void *bytes,
             size_t len, struct err *err)
{
    const char *from = bytes;
    size_t room = body->last ? body->last->size - body->last->len : 0;
    struct chunk *spare = NULL;

    assert(len <= pool_chunk_size(spool->pool)); /* so that one more chunk is enough */
    if (len > room && body->fd < 0) {
        spare = pool_try(spool->pool);
        if (!spare && !spill)
            return 0;
    }
    body->size += len;
    if (body->last)
        fill(body->last, &from, &len);
    if (!len)
        return 1;
    if (spare) {
        if (body->last)
            body->last->next = spare;
        else
            body->first = spare;
        body->last = spare;
    } else if (!body->last) {
        return spill_bytes(body, spool, from, len, err) < 0 ? -1 : 1;
    } else if (spill_chunks(body, spool, err) < 0) {
        return -1;
    }
    fill(body->last, &from, &len);
    return 1;
}

int body_append(struct body *body, const struct spool *spool, const void *bytes, size_t len,
                struct err *err)
{
    size_t most = pool_chunk_size(spool->pool);
    const char *from = bytes;

    while (len) {
        size_t n = len < most ? len : most;

        if (body_add(body, spool, true, from, n, err) < 0)
            return -1;
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

/* For file systems that cannot copy in the kernel; returns 0 at the end. */
static ssize_t copy_by_hand(int fd, struct body *body, uint64_t max, struct err *err)
{
    unsigned char room[16384];
    ssize_t n;

    while (body->size <= max && (n = read(fd, room, sizeof(room))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "cannot read");
        if (file_pwrite(body->fd, room, (size_t)n, body->size, err) < 0)
            return -1;
        body->size += (uint64_t)n;
    }
    return body->size > max ? 1 : 0;
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

struct body *body_of_file(int fd, const struct spool *spool, uint64_t max, struct err *err)
{
    struct body *body = body_new(err);
    ssize_t n = -1;

    if (!body)
        return NULL;
    (void)open_file(body, spool, err);
    while (body->fd >= 0 && body->size <= max &&
           (n = copy_file_range(fd, NULL, body->fd, NULL, CHUNK_SIZE * 8, 0)) > 0)
        body->size += (uint64_t)n;
    if (body->fd >= 0 && n < 0 && body->size == 0 &&
        (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
        n = copy_by_hand(fd, body, max, err);
    else if (body->fd >= 0 && n < 0)
        (void)err_sys(err, "cannot copy into '%s'", spool->dir);
    if (n == 0 || body->size > max)
        body->spilled = body->size;
    if (n == 0)
        return body;
    if (body->size > max)
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
