/* SPDX-License-Identifier: MIT */
/*
 * flusher: puts full buffers into a file, on a thread of its own, so that
 * hashing goes on while the disk writes.
 *
 * Errors   the first failed write is kept; flusher_take and flusher_wait give it
 * Owns     its buffers; the descriptor stays the caller's
 * Threads  flusher_*: one; the writing happens in the flusher's own
 */
#ifndef WRITER_ASYNC_WRITE_H
#define WRITER_ASYNC_WRITE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLUSHER_BUFFER ((size_t)1 << 20) /* bytes in a buffer */
#define FLUSHER_ALIGN  ((size_t)4096)    /* what direct I/O wants of addresses and lengths */

struct flusher;

/*
 * Start for a descriptor.
 *
 * seekable   write at offsets; else one after the other
 * direct     the descriptor has O_DIRECT; taken off it if that turns out not to work
 * stepped    start no thread: flusher_put writes
 */
struct flusher *flusher_new(int fd, bool seekable, bool direct, bool stepped,
                            struct err *err) MUST_CHECK;

/* Wait for what is being written, and release; NULL is fine. */
void flusher_free(struct flusher *flusher);

/* An empty buffer, waiting for one; NULL when writing has failed. */
unsigned char *flusher_take(struct flusher *flusher, struct err *err) MUST_CHECK;

/* Hand a buffer over, to be written at an offset. */
void flusher_put(struct flusher *flusher, unsigned char *buffer, size_t len, uint64_t at);

/* Give up what has not been written to a pipe that nobody reads. Any thread. */
void flusher_abort(struct flusher *flusher);

/* Wait until all is written. */
int flusher_wait(struct flusher *flusher, struct err *err) MUST_CHECK;

#endif
