/* SPDX-License-Identifier: MIT */
/*
 * buf: bytes that grow, born with their limit.
 *
 * The bytes are always followed by a NUL that is not counted, so that text can
 * be handed on as a string.
 *
 * Errors   ERR_LIMIT beyond the limit, ERR_MEMORY; what was there stays
 * Owns     its bytes, until buf_clear or buf_take
 * Threads  one at a time
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stddef.h>

/* Whatever takes bytes: a buffer, a file, an archive. */
typedef int put_fn(void *ctx, const void *bytes, size_t len, struct err *err);

struct buf {
    char *data; /* NULL while empty and never grown */
    size_t len;
    size_t cap;
    size_t max;
};

/* Start empty; holds at most max bytes. */
void buf_init(struct buf *b, size_t max);

/* Release the bytes; may be called twice, and on {0}. */
void buf_clear(struct buf *b);

/* Drop the bytes and keep the room. */
void buf_reset(struct buf *b);

/* Append len bytes. */
int buf_add(struct buf *b, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* buf_add as a put_fn; ctx is the buffer. */
int buf_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Append a string. */
int buf_adds(struct buf *b, const char *s, struct err *err) MUST_CHECK;

/* Append by printf's rules. */
int buf_addf(struct buf *b, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;

/* Make room for len more bytes and lend them; the caller then adds to b->len. */
char *buf_room(struct buf *b, size_t len, struct err *err) MUST_CHECK;

/* The bytes as a string ("" when empty), until the next change. */
const char *buf_text(const struct buf *b);

#endif
