/* SPDX-License-Identifier: MIT */
/*
 * async_write: writes full buffers to a file in a thread of its own, so that hashing continues
 * while the disk writes.
 *
 * Errors   the first failed write is kept; async_write_take and async_write_wait report it
 * Owns     its buffers; the caller owns the descriptor
 * Threads  async_write_*: one; the writing runs in a thread of its own
 */
#ifndef WRITER_ASYNC_WRITE_H
#define WRITER_ASYNC_WRITE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASYNC_WRITE_BUFFER ((size_t)512 << 10) /* bytes in a buffer */
/* alignment of addresses and lengths for direct I/O */
#define ASYNC_WRITE_ALIGN  ((size_t)4096)

struct async_write;

/*
 * Start for a descriptor.
 *
 * seekable   write at offsets; else sequentially
 * direct     the descriptor has O_DIRECT, which is cleared if it does not work
 * stepped    start no thread: async_write_put writes
 */
struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct err *err) MUST_CHECK;

/* Wait for the current write, and release; may be NULL. */
void async_write_free(struct async_write *async);

/* Wait for an empty buffer; NULL if writing has failed. */
unsigned char *async_write_take(struct async_write *async, struct err *err) MUST_CHECK;

/* Queue a buffer, to be written at an offset. */
void async_write_put(struct async_write *async, unsigned char *buffer, size_t len, uint64_t at);

/* Discard what was not written to a pipe that nobody reads. Any thread. */
void async_write_abort(struct async_write *async);

/* Wait until everything is written. */
int async_write_wait(struct async_write *async, struct err *err) MUST_CHECK;

#endif
