/* SPDX-License-Identifier: MIT */
/*
 * buf: a growable byte buffer with a fixed size limit.
 *
 * A NUL, not counted in len, always follows the bytes, so that the buffer can be used as a
 * string.
 *
 * Errors   ERR_LIMIT beyond the limit, ERR_MEMORY; the contents stay unchanged
 * Owns     the bytes, until buf_clear
 * Threads  one at a time
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sink for bytes: a buffer, a file or an archive. */
typedef int put_fn(void *ctx, const void *bytes, size_t len, struct err *err);

struct buf {
    char *data; /* NULL while empty and never grown */
    size_t len;
    size_t cap;
    size_t max;
    bool secret; /* the bytes are wiped wherever they were, see buf_init_secret */
};

/* Initialise an empty buffer that holds at most max bytes. */
void buf_init(struct buf *b, size_t max);

/*
 * Initialise an empty buffer for bytes that must not stay in freed memory: they are wiped by
 * buf_clear and buf_reset, and where they were before the buffer grew.
 */
void buf_init_secret(struct buf *b, size_t max);

/* Release the bytes; may be called twice, and on {0}. */
void buf_clear(struct buf *b);

/* Remove the bytes, but keep the allocated memory. */
void buf_reset(struct buf *b);

/* Append len bytes. */
int buf_add(struct buf *b, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* buf_add as a put_fn; ctx is the buffer. */
int buf_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* A put_fn that drops the bytes; ctx is not used. */
int put_nowhere(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Append a string. */
int buf_adds(struct buf *b, const char *s, struct err *err) MUST_CHECK;

/* Append formatted text, as printf does. */
int buf_addf(struct buf *b, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;

/* Append an integer of up to 8 bytes, in little-endian order. */
int buf_add_le(struct buf *b, uint64_t value, unsigned bytes, struct err *err) MUST_CHECK;

/* Write an integer of up to 8 bytes in little-endian order. */
void buf_put_le(unsigned char *at, uint64_t value, unsigned bytes);

/* Read an integer of up to 8 bytes in little-endian order. */
uint64_t buf_get_le(const unsigned char *at, unsigned bytes);

/*
 * Visit the lines of a buffer that end in a line feed, without it; they may be changed. fn
 * returns -1 to fail.
 */
int buf_each_line(struct buf *b, int (*fn)(void *ctx, char *line, struct err *err), void *ctx,
                  struct err *err) MUST_CHECK;

/* Reserve room for len more bytes and return its address; the caller then adds to b->len. */
char *buf_room(struct buf *b, size_t len, struct err *err) MUST_CHECK;

/* The bytes as a string ("" when empty), until the next change. */
const char *buf_text(const struct buf *b);

#endif
