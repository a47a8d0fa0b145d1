/* SPDX-License-Identifier: MIT */
/*
 * body: where a body waits between the network and the archive.
 *
 * In chunks of the pool while there are some; else in a file without a name, which needs none:
 * so a body can always go on. A body can also be a text that somebody made.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM when the file fails, ERR_MEMORY
 * Owns     a body owns its chunks, its file and its text
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
    const char *dir;    /* for files without a name */
    atomic_uint *files; /* counts those that are open; NULL: nobody asks */
};

/* What a body's bytes are wrapped in. */
enum body_coding { CODED_NOT, CODED_GZIP, CODED_DEFLATE, CODED_ZSTD };

struct body {
    struct chunk *first;
    struct chunk *last;
    uint64_t size;      /* all of it */
    uint64_t spilled;   /* of it, in the file; the rest is in chunks */
    int fd;             /* -1: none */
    atomic_uint *files; /* counts fd */
    enum body_coding coding;
    char *text; /* the whole body, when somebody made it */
};

/* An empty body. */
struct body *body_new(struct err *err) MUST_CHECK;

/* A body of a text made by mem_*, which moves in (also on failure: it is freed). */
struct body *body_of_text(char *text, size_t len, struct err *err) MUST_CHECK;

/* Free a body and give its chunks back to their pool; NULL is fine. */
void body_free(struct body *body);

/* Give a body without chunks an empty one of its own (moves in) to begin with. */
void body_lend(struct body *body, struct chunk *chunk);

/*
 * Append at most a chunk's size of bytes, all or nothing.
 *
 * spill    when the pool is empty, go on in the file
 * returns  1: taken; 0: the pool is empty, nothing taken (never with spill); -1: error
 */
int body_add(struct body *body, const struct spool *spool, bool spill, const void *bytes,
             size_t len, struct err *err) MUST_CHECK;

/* Append any number of bytes; what no chunk is left for goes into the file. */
int body_append(struct body *body, const struct spool *spool, const void *bytes, size_t len,
                struct err *err) MUST_CHECK;

/* Put all that is in chunks into the file, and let the chunks go: it will wait for long. */
int body_park(struct body *body, const struct spool *spool, struct err *err) MUST_CHECK;

/* Reading a body; begins as {0}. */
struct body_cursor {
    uint64_t at; /* body_read_at: where chunk begins */
    struct chunk *chunk;
    bool started;
};

/*
 * The next piece of the body.
 *
 * scratch  CHUNK_SIZE bytes for what comes from the file
 * bytes    gets the piece: lent until the next call
 * chunk    gets the chunk that holds it, or NULL
 * returns  its length; 0 at the end; -1 on error
 */
ssize_t body_next(const struct body *body, struct body_cursor *cursor, unsigned char *scratch,
                  const unsigned char **bytes, struct chunk **chunk,
                  struct err *err) MUST_CHECK;

/*
 * Read from anywhere in the body.
 *
 * cursor   begins as {0}, and remembers where to go on
 * returns  the bytes read; 0 behind the end; -1 on error
 */
ssize_t body_read_at(const struct body *body, struct body_cursor *cursor, void *bytes,
                     size_t len, uint64_t at, struct err *err) MUST_CHECK;

/*
 * A body of a file's bytes, copied into one without a name, so that what is hashed is what
 * is archived.
 *
 * max      ERR_LIMIT for more
 */
struct body *body_of_file(int fd, const struct spool *spool, uint64_t max,
                          struct err *err) MUST_CHECK;

/* Copy the first bytes (at most size) out; returns how many. */
size_t body_head(const struct body *body, void *out, size_t size);

#endif
