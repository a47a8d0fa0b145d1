/* SPDX-License-Identifier: MIT */
/*
 * async_write: writes full buffers to a file in one thread, and hashes them in another, so that
 * neither delays the thread that fills them.
 *
 * A buffer is empty again when it is both written and hashed. Hashing waits for nothing but the
 * next buffer; after a failed write it skips buffers, as writing does. So a wait for a buffer
 * ends when the disk, or the reader of a pipe, has accepted a buffer, or has failed.
 *
 * Errors   the first failed write is kept; async_write_take and async_write_wait report it
 * Owns     its buffers; the caller owns the descriptor and the hash state
 * Threads  async_write_*: one; writing and hashing run in a thread each
 */
#ifndef WRITER_ASYNC_WRITE_H
#define WRITER_ASYNC_WRITE_H

#include "base/digest.h"
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
 * stepped    start no thread: async_write_put writes and hashes
 * sha        hash the buffers' bytes into this state, which the caller may use only before the
 *            first put, and after async_write_settle or async_write_wait until the next put;
 *            NULL: do not hash
 */
struct async_write *async_write_new(int fd, bool seekable, bool direct, bool stepped,
                                    struct sha256 *sha, struct err *err) MUST_CHECK;

/* Wait for the current write and hash, and release; may be NULL. */
void async_write_free(struct async_write *async);

/* Wait for an empty buffer; NULL if writing has failed. */
unsigned char *async_write_take(struct async_write *async, struct err *err) MUST_CHECK;

/* A buffer to write. */
struct async_job {
    unsigned char *buffer; /* from async_write_take */
    size_t len;            /* bytes to write */
    uint64_t at;           /* offset in the file */
    size_t hash_from;      /* its bytes [hash_from, hash_to) are hashed */
    size_t hash_to;
};

/* Queue a buffer, to be written and hashed. */
void async_write_put(struct async_write *async, const struct async_job *job);

/* Discard what was not written to a pipe that nobody reads. Any thread. */
void async_write_abort(struct async_write *async);

/* Wait until everything is hashed; without effect on the writing. */
void async_write_settle(struct async_write *async);

/* Wait until everything is written and hashed. */
int async_write_wait(struct async_write *async, struct err *err) MUST_CHECK;

#endif
