/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max };
}

void buf_init_secret(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max, .secret = true };
}

static void wipe(struct buf *b)
{
    if (b->secret && b->data)
        explicit_bzero(b->data, b->cap);
}

void buf_clear(struct buf *b)
{
    wipe(b);
    mem_free(b->data);
    *b = (struct buf){ .max = b->max, .secret = b->secret };
}

void buf_reset(struct buf *b)
{
    wipe(b);
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

/* Move the bytes to a larger allocation; realloc would leave a copy of a secret behind. */
static char *enlarge(struct buf *b, size_t cap, struct err *err)
{
    char *data = b->secret ? mem_new(cap, err) : mem_resize(b->data, cap, 1, err);

    if (!data || !b->secret)
        return data;
    if (b->len)
        memcpy(data, b->data, b->len);
    wipe(b);
    mem_free(b->data);
    return data;
}

void buf_put_le(unsigned char *at, uint64_t value, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

uint64_t buf_get_le(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

int buf_add_le(struct buf *b, uint64_t value, unsigned bytes, struct err *err)
{
    unsigned char le[sizeof(value)];

    buf_put_le(le, value, bytes);
    return buf_add(b, le, bytes, err);
}

char *buf_room(struct buf *b, size_t len, struct err *err)
{
    size_t need;
    size_t cap = b->cap ? b->cap : 64;
    char *data;

    if (len > b->max || b->len > b->max - len) {
        (void)err_set(err, ERR_LIMIT, "larger than %zu bytes", b->max);
        return NULL;
    }
    need = b->len + len + 1;
    if (need > b->cap) {
        while (cap < need)
            cap = cap > (size_t)-1 / 2 ? need : cap * 2;
        data = enlarge(b, cap, err);
        if (!data)
            return NULL;
        b->data = data;
        b->cap = cap;
    }
    b->data[b->len + len] = '\0';
    return b->data + b->len;
}

int buf_add(struct buf *b, const void *bytes, size_t len, struct err *err)
{
    char *room = buf_room(b, len, err);

    if (!room)
        return -1;
    if (len)
        memcpy(room, bytes, len);
    b->len += len;
    return 0;
}

int put_nowhere(void *ctx, const void *bytes, size_t len, struct err *err)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    (void)err;
    return 0;
}

int buf_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return buf_add(ctx, bytes, len, err);
}

int buf_adds(struct buf *b, const char *s, struct err *err)
{
    return buf_add(b, s, strlen(s), err);
}

int buf_addf(struct buf *b, struct err *err, const char *fmt, ...)
{
    va_list args;
    char *room;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return err_set(err, ERR_FORMAT, "cannot format text");
    room = buf_room(b, (size_t)len, err);
    if (!room)
        return -1;
    va_start(args, fmt);
    (void)vsnprintf(room, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

int buf_each_line(struct buf *b, int (*fn)(void *ctx, char *line, struct err *err), void *ctx,
                  struct err *err)
{
    char *at;
    char *end;
    int rc = 0;

    if (!b->len)
        return 0;
    (void)buf_text(b); /* ends it by a NUL */
    for (at = b->data; rc == 0 && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        rc = fn(ctx, at, err);
    }
    return rc;
}
