/* SPDX-License-Identifier: MIT */
#include "pack/spool.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct body *body_new(struct err *err)
{
    struct body *body = mem_new(sizeof(*body), err);

    if (body)
        body->fd = -1;
    return body;
}

struct body *body_of_text(char *text, size_t len, struct err *err)
{
    struct body *body = body_new(err);

    if (!body) {
        mem_free(text);
        return NULL;
    }
    body->text = text;
    body->size = len;
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
    file_close(&body->fd);
    mem_free(body->text);
    mem_free(body);
}

/* Move all chunks but one to the file; that one, empty, becomes the buffer in front of it. */
static int spill_chunks(struct body *body, const struct spool *spool, struct err *err)
{
    struct chunk *chunk;

    if (body->fd < 0)
        body->fd = file_temp(spool->dir, err);
    if (body->fd < 0)
        return -1;
    for (chunk = body->first; chunk; chunk = chunk->next) {
        if (file_pwrite(body->fd, chunk->data, chunk->len, body->spilled, err) < 0)
            return err_wrap(err, "a temporary file in '%s'", spool->dir);
        body->spilled += chunk->len;
    }
    while (body->first != body->last) {
        chunk = body->first;
        body->first = chunk->next;
        chunk_unref(chunk);
    }
    body->last->len = 0;
    return 0;
}

/* A chunk that is not linked yet, or NULL. */
static struct chunk *spare_chunk(const struct body *body, const struct spool *spool,
                                 size_t keep, bool spill)
{
    struct chunk *chunk = pool_try(spool->pool, keep);

    if (!chunk && spill && !body->last)
        chunk = pool_try(spool->pool, 0);
    return chunk;
}

static void fill(struct chunk *chunk, const char **bytes, size_t *len)
{
    size_t room = CHUNK_SIZE - chunk->len;
    size_t n = *len < room ? *len : room;

    memcpy(chunk->data + chunk->len, *bytes, n);
    chunk->len += n;
    *bytes += n;
    *len -= n;
}

int body_add(struct body *body, const struct spool *spool, size_t keep, bool spill,
             const void *bytes, size_t len, struct err *err)
{
    const char *from = bytes;
    size_t room = body->last ? CHUNK_SIZE - body->last->len : 0;
    struct chunk *spare = NULL;

    assert(len <= CHUNK_SIZE); /* so that one chunk more is enough */
    body->size += len;
    if (len > room && body->fd < 0) {
        spare = spare_chunk(body, spool, keep, spill);
        if (!spare && (!spill || !body->last)) {
            body->size -= len;
            return 0;
        }
    }
    if (body->last)
        fill(body->last, &from, &len);
    if (!len)
        return 1;
    if (spare && body->last)
        body->last->next = spare;
    else if (spare)
        body->first = spare;
    else if (spill_chunks(body, spool, err) < 0)
        return -1;
    if (spare)
        body->last = spare;
    fill(body->last, &from, &len);
    return 1;
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
        if (file_pread(body->fd, scratch, n, cursor->at, err) < 0)
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

size_t body_head(const struct body *body, void *out, size_t size)
{
    size_t n = body->size < size ? (size_t)body->size : size;

    if (body->text)
        memcpy(out, body->text, n);
    else if (body->spilled)
        return file_pread(body->fd, out, n, 0, NULL) < 0 ? 0 : n;
    else if (body->first)
        memcpy(out, body->first->data, n);
    return n;
}
