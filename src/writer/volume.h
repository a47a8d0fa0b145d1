/* SPDX-License-Identifier: MIT */
/*
 * volume: writes one archive, in any format, or a directory instead.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_MISMATCH for an entry that gets another size than announced; those of output,
 *          framer, tree and format/zip
 * Owns     its file and threads
 * Threads  one at a time
 * Source   docs/archive-format.md
 */
#ifndef WRITER_VOLUME_H
#define WRITER_VOLUME_H

#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/pulse.h"
#include "format/container.h"
#include "index/name_list.h"
#include "writer/framer.h"
#include "writer/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct volume_opts {
    const char *path; /* "-": standard output */
    enum container format;
    int level; /* 0: the format's default */
    bool force;
    unsigned mode; /* of the file */
    unsigned workers;
    bool stepped;  /* for simulations: no threads, volume_step does their work */
    bool unhashed; /* the archive's own digest is not wanted */
    struct framer_sizes sizes;
    struct reserve *reserve; /* see framer_opts; or NULL */
    struct stop stop;        /* ends the wait for the reader of a named pipe */
};

struct volume;

/* The part of an interrupted attempt that is kept: whole frames with whole entries. */
struct volume_kept {
    struct seek seek; /* its frames; volume_start takes them over */
    struct sha256 *sha;
    uint64_t coded; /* bytes of the file */
    uint64_t plain; /* bytes of the tar stream */
};

/* Open and lock the file; volume_start must follow. */
struct volume *volume_open(const struct volume_opts *opts, struct err *err) MUST_CHECK;

/* Whether an interrupted attempt can be resumed with this format and output. */
bool volume_resumes(const struct volume *v);

/*
 * A descriptor to read the file of an interrupted attempt, valid until volume_start; -1: there
 * is none.
 */
int volume_left(const struct volume *v);

/* The directory that is written, to read what an interrupted attempt left; NULL: an archive. */
struct tree *volume_tree(const struct volume *v);

/* Whether an interrupted attempt left something. */
bool volume_has_left(const struct volume *v);

/* The coding of its frames. */
enum frame_codec volume_codec(const struct volume *v);

/* The coding of a format's frames. */
enum frame_codec volume_codec_of(enum container format);

/*
 * Start writing; kept NULL: from the beginning. tree_start starts a directory that is resumed.
 */
int volume_start(struct volume *v, struct volume_kept *kept, struct err *err) MUST_CHECK;

/* Release; keep: an unfinished archive stays, to be resumed. May be NULL. Returns false if what
 * was kept is less than was given, since a write failed. */
bool volume_free(struct volume *v, bool keep);

/* Whether it can hold hard links; valid after volume_start. */
bool volume_links(const struct volume *v);

/*
 * Whether volume_back is possible (a file that can be truncated, or a directory; not standard
 * output).
 */
bool volume_rewinds(const struct volume *v);

/*
 * Start a file.
 *
 * place    filled in when known, at the latest by volume_drain; may be NULL
 */
int volume_begin(struct volume *v, const struct entry_file *file, struct spot *place,
                 struct err *err) MUST_CHECK;

/*
 * Start manifest.json. All open frames end first, so that it begins a frame, and the tag files
 * that are added after it follow it directly, whatever their type.
 */
int volume_begin_manifest(struct volume *v, const struct entry_file *file,
                          struct err *err) MUST_CHECK;

/* Add bytes to the entry. */
int volume_add(struct volume *v, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* volume_add as a put_fn; ctx is the volume. */
int volume_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Add a chunk's bytes to the current entry, by reference if that saves a copy. */
int volume_add_chunk(struct volume *v, struct chunk *chunk, struct err *err) MUST_CHECK;

/* End the entry. ERR_MISMATCH: its number of bytes differs from the announced size. */
int volume_end(struct volume *v, struct err *err) MUST_CHECK;

/* Set a mark to go back to; see framer.h. */
void volume_mark(struct volume *v);

/* Go back to the last mark: the entry added since then is removed; see framer_back. */
void volume_back(struct volume *v);

/* Make the next file start a frame. */
void volume_flush(struct volume *v);

/* Return chunks that were added by reference; see framer_release. */
void volume_release(struct volume *v);

/* Called at regular intervals, between entries; see framer_age. */
void volume_age(struct volume *v);

/* Write what is pending; returns the bytes written so far. The next file starts a frame. */
int volume_drain(struct volume *v, uint64_t *written, struct err *err) MUST_CHECK;

/* Stepped: write one frame; false if none has ended. */
bool volume_step(struct volume *v);

/*
 * Finish early: pending data is stored uncompressed, and the output to a pipe that nobody reads
 * is discarded. Any thread.
 */
void volume_hurry(struct volume *v);

/* Whether something failed already. */
bool volume_failed(struct volume *v);

/*
 * Give an archive an index of names, which volume_finish writes after the manifest and at least
 * one more tag file.
 *
 * list  taken over; sorted
 */
void volume_set_names(struct volume *v, struct name_list *list);

/* The result of writing an archive. */
struct volume_result {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE]; /* of the archive; zeros: a directory, or unhashed */
};

/*
 * Write the tail and rename the file to its final name. An archive of compressed frames has a
 * manifest (volume_begin_manifest), whose place the tail says.
 */
int volume_finish(struct volume *v, struct volume_result *result, struct err *err) MUST_CHECK;

#endif
