/* SPDX-License-Identifier: MIT */
/*
 * output: the archive's file, from OUTPUT.partial to its final name.
 *
 * Written in large aligned pieces by direct I/O where the file system has it,
 * so that a nightly backup does not push everybody's files out of the cache;
 * hashed on its way. The final name comes last, after fsync, and never replaces
 * a file unless told to. Standard output, pipes and devices are written as they
 * are.
 *
 * Units    bytes
 * Errors   ERR_EXISTS, ERR_BUSY (another skyarc writes it), ERR_SYSTEM
 * Owns     the file and its lock
 * Threads  one at a time
 */
#ifndef WRITER_OUTPUT_H
#define WRITER_OUTPUT_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/*
 * Begin a file.
 *
 * path     "-": standard output
 * force    may replace an existing file
 * mode     its permissions, once it has its name; 0600 until then
 * stepped  no thread: see async_write_new
 */
struct output *output_open(const char *path, bool force, unsigned mode, bool stepped,
                           struct err *err) MUST_CHECK;

/*
 * What an interrupted attempt left.
 *
 * returns  a descriptor to read OUTPUT.partial by, lent until output_start; -1: there is none
 */
int output_left(const struct output *output);

/*
 * Begin to write, at the front.
 *
 * kept     go on behind so many bytes of what is there, 0: none; what follows is cut off
 * sha      of them, or NULL
 */
int output_start(struct output *output, uint64_t kept, const struct sha256 *sha,
                 struct err *err) MUST_CHECK;

/* Append; a put_fn, ctx being the writer. */
int output_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Bytes put so far. */
uint64_t output_offset(const struct output *output);

/* Whether output_back is possible. */
bool output_rewinds(const struct output *output);

/* Remember this point; only the last one counts. */
int output_mark(struct output *output, struct err *err) MUST_CHECK;

/* Forget everything put since the mark. */
int output_back(struct output *output, struct err *err) MUST_CHECK;

/* Give up what a pipe has not taken: whoever waits for it goes on, and fails. Any thread. */
void output_abort(struct output *output);

/* Flush, sync, rename; gives the digest of all bytes. */
int output_commit(struct output *output, uint8_t sha256[SHA256_SIZE],
                  struct err *err) MUST_CHECK;

/*
 * Release; NULL is fine.
 *
 * keep     what was put stays in OUTPUT.partial, unless committed; else it is removed
 */
void output_free(struct output *output, bool keep);

#endif
