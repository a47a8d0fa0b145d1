/* SPDX-License-Identifier: MIT */
/*
 * output: writes the archive's file as OUTPUT.partial and renames it.
 *
 * The file is written in large aligned pieces with direct I/O if the file system supports it,
 * so that a nightly backup does not evict other files from the page cache; it is hashed beside
 * the writing, in a thread of its own (writer/async_write). It is renamed last, after fsync,
 * and replaces an existing file only if forced. Standard output, pipes and devices are written
 * directly.
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
#include "base/pulse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_PARTIAL ".partial" /* suffix of an archive that is not complete */

struct output;

/*
 * Open an output.
 *
 * path     "-": standard output
 * force    an existing file may be replaced
 * mode     its permissions, once it is renamed; 0600 until then
 * stepped  no thread: see async_write_new
 * hashed   compute the digest that output_commit returns
 * stop     ends the wait for the reader of a named pipe
 */
struct output *output_open(const char *path, bool force, unsigned mode, bool stepped,
                           bool hashed, struct stop stop, struct err *err) MUST_CHECK;

/*
 * The file of an interrupted attempt.
 *
 * returns  a descriptor to read OUTPUT.partial, valid until output_start; -1: there is none
 */
int output_left(const struct output *output);

/*
 * Start writing.
 *
 * kept     number of existing bytes to keep; the rest of the file is truncated
 * sha      hash state of these bytes, or NULL
 */
int output_start(struct output *output, uint64_t kept, const struct sha256 *sha,
                 struct err *err) MUST_CHECK;

/* Append bytes; a put_fn, ctx being the struct output. */
int output_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Number of bytes put so far. */
uint64_t output_offset(const struct output *output);

/* Write to OUTPUT.partial what is still buffered, so that a kill does not lose it. */
int output_save(struct output *output, struct err *err) MUST_CHECK;

/* Whether output_back is possible. */
bool output_rewinds(const struct output *output);

/* Set a mark at this point; only the last mark counts. */
int output_mark(struct output *output, struct err *err) MUST_CHECK;

/* Remove everything put since the mark. */
int output_back(struct output *output, struct err *err) MUST_CHECK;

/*
 * Discard what a pipe has not accepted: a thread that waits for it continues and fails. Any
 * thread.
 */
void output_abort(struct output *output);

/* Flush, sync and rename; returns the digest of all bytes, or zeros if it is not computed. */
int output_commit(struct output *output, uint8_t sha256[SHA256_SIZE],
                  struct err *err) MUST_CHECK;

/*
 * Release; may be NULL.
 *
 * keep     the bytes stay in OUTPUT.partial, unless committed; else it is removed
 * returns  false: not all of the kept bytes could be written
 */
bool output_free(struct output *output, bool keep);

#endif
