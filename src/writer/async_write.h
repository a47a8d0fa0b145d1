/* SPDX-License-Identifier: MIT */
/*
 * async_write: puts full buffers into a file, on a thread of its own, so that
 * hashing goes on while the disk writes.
 *
 * Errors   the first failed write is kept; async_write_take and async_write_wait give it
 * Owns     its buffers; the descriptor stays the caller's
 * Threads  async_write_*: one; the writing happens in a thread of its own
 */
#ifndef WRITER_ASYNC_WRITE_H
#define WRITER_ASYNC_WRITE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASYNC_WRITE_BUFFER ((size_t)512 << 10) /* bytes in a buffer */
#define ASYNC_WRITE_ALIGN  ((size_t)4096) /* what direct I/O wants of addresses and lengths */

struct async_write;

/*
 * Start for a descriptor.
 *
 * seekable   write at offsets; else one after the other
 * direct     the descriptor has O_DIRECT; taken off it if that turns out not to work
 * stepped    start no thread: async_write_put writes
 */
struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct err *err) MUST_CHECK;

/* Wait for what is being written, and release; NULL is fine. */
void async_write_free(struct async_write *async);

/* An empty buffer, waiting for one; NULL when writing has failed. */
unsigned char *async_write_take(struct async_write *async, struct err *err) MUST_CHECK;

/* Hand a buffer over, to be written at an offset. */
void async_write_put(struct async_write *async, unsigned char *buffer, size_t len, uint64_t at);

/* Give up what has not been written to a pipe that nobody reads. Any thread. */
void async_write_abort(struct async_write *async);

/* Wait until all is written. */
int async_write_wait(struct async_write *async, struct err *err) MUST_CHECK;

#endif
