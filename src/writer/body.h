/* SPDX-License-Identifier: MIT */
/*
 * body: stores a body between the network and the archive.
 *
 * A body is in chunks of the pool while chunks are free, else in an unnamed file, which needs
 * no chunk, so that a body can always grow. A body can also be a text in memory.
 *
 * A file that cannot be made or written is no error: a warning is logged once, no file is tried
 * again with this spool, and bodies have only the pool. A body in a file then goes on in chunks
 * after the file's bytes.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM when a file cannot be read, ERR_LIMIT when neither the pool nor a file
 *          has room, ERR_MEMORY
 * Owns     a body its chunks, its file and its text
 * Threads  a body belongs to one thread at a time
 */
#ifndef WRITER_BODY_H
#define WRITER_BODY_H

#include "base/err.h"
#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool {
    struct pool *pool;
    const char *dir;    /* for unnamed files */
    atomic_uint *files; /* counts the open files; NULL: they are not counted */
    /* set once a file has failed: none is tried from then on. NULL: each body tries */
    atomic_bool *barred;
};

/* How a body's bytes are encoded. */
enum body_coding { CODED_NOT, CODED_GZIP, CODED_DEFLATE, CODED_ZSTD };

struct body {
    struct chunk *first;
    struct chunk *last;
    uint64_t size;      /* bytes of the whole body */
    uint64_t spilled;   /* bytes in the file; the rest is in chunks */
    uint64_t from;      /* where in the file they begin */
    int fd;             /* -1: none */
    bool lent;          /* fd is the caller's */
    atomic_uint *files; /* counts fd */
    enum body_coding coding;
    const char *text; /* the whole body, if it is a text */
    char *own;        /* the same, to be freed; NULL: it is borrowed */
};

/* Make an empty body. */
struct body *body_new(struct err *err) MUST_CHECK;

/*
 * Make a body of a text allocated by mem_*, which it takes over (also on failure: it is freed);
 * for tests.
 */
struct body *body_of_text(char *text, size_t len, struct err *err) MUST_CHECK;

/* Make a body of a text that outlives it. */
struct body *body_of_borrowed(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Make a body of a part of a file that outlives it. */
struct body *body_of_part(int fd, uint64_t from, uint64_t size, struct err *err) MUST_CHECK;

/* Free a body and return its chunks to their pool; may be NULL. */
void body_free(struct body *body);

/* Give an empty chunk to a body without chunks, which takes it over. */
void body_lend(struct body *body, struct chunk *chunk);

/* Whether a file of this spool has failed, so that bodies have only the pool. */
bool spool_barred(const struct spool *spool);

/*
 * Append at most a chunk's size of bytes, all or nothing.
 *
 * spill    when the pool is empty, continue in the file
 * returns  false: neither the pool nor, with spill, a file has room; the body is unchanged
 */
bool body_add(struct body *body, const struct spool *spool, bool spill, const void *bytes,
              size_t len) MUST_CHECK;

/*
 * Append any number of bytes; bytes for which no chunk is free go into the file. ERR_LIMIT if
 * that fails, too; some of the bytes may have been appended then.
 */
int body_append(struct body *body, const struct spool *spool, const void *bytes, size_t len,
                struct err *err) MUST_CHECK;

/*
 * Move all chunks to the file and release them, because the body will wait for long.
 *
 * returns  false: the file has failed; the body is unchanged
 */
bool body_park(struct body *body, const struct spool *spool) MUST_CHECK;

/* The number of chunks that a body holds. */
size_t body_chunks(const struct body *body);

/* State of reading a body; initialized as {0}. */
struct body_cursor {
    uint64_t at; /* body_read_at: offset of the chunk */
    struct chunk *chunk;
    bool started;
};

/*
 * The next piece of the body.
 *
 * scratch  CHUNK_SIZE bytes for bytes read from the file
 * bytes    gets the piece: valid until the next call
 * chunk    gets the chunk that holds it, or NULL
 * returns  its length; 0 at the end; -1 on error
 */
ssize_t body_next(const struct body *body, struct body_cursor *cursor, unsigned char *scratch,
                  const unsigned char **bytes, struct chunk **chunk,
                  struct err *err) MUST_CHECK;

/*
 * Read from anywhere in the body.
 *
 * cursor   initialized as {0}; remembers the position
 * returns  the bytes read; 0 after the end; -1 on error
 */
ssize_t body_read_at(const struct body *body, struct body_cursor *cursor, void *bytes,
                     size_t len, uint64_t at, struct err *err) MUST_CHECK;

/*
 * Make a body of a file's bytes, copied, so that exactly the hashed bytes are archived: into an
 * unnamed file, or else into chunks.
 *
 * max      ERR_LIMIT if the file is larger
 * returns  NULL with ERR_BUSY if neither a file nor the pool has room
 */
struct body *body_of_file(int fd, const struct spool *spool, uint64_t max,
                          struct err *err) MUST_CHECK;

/* Copy the first bytes (at most size) of a body; returns their number. */
size_t body_head(const struct body *body, void *out, size_t size);

#endif
