/* SPDX-License-Identifier: MIT */
/*
 * volume: one archive in the making, whatever its format; or the directory in its place.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_USAGE for a name without a format; what output and framer report
 * Owns     its file and threads
 * Threads  one at a time
 * Source   docs/archive-format.md
 */
#ifndef WRITER_VOLUME_H
#define WRITER_VOLUME_H

#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"
#include "format/container.h"
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
    bool stepped; /* for simulations: no threads, volume_step does their work */
    struct framer_sizes sizes;
};

struct volume;

/* What an interrupted attempt left and is to be kept: whole frames with whole entries. */
struct volume_kept {
    struct seek seek; /* its frames; volume_start takes them over */
    struct sha256 *sha;
    uint64_t coded; /* bytes of the file */
    uint64_t plain; /* of the tar stream */
};

/* Open and lock the file; volume_start is next. */
struct volume *volume_open(const struct volume_opts *opts, struct err *err) MUST_CHECK;

/* Whether an interrupted attempt can be gone on with; and a descriptor to read by what one has
 * left, lent until volume_start, or -1. */
bool volume_resumes(const struct volume *v);

/*
 * A descriptor to read what an interrupted attempt left, lent until volume_start; -1:
 * nothing was.
 */
int volume_left(const struct volume *v);

/* The directory that is written, to read what an interrupted attempt left; NULL: an archive. */
struct tree *volume_tree(const struct volume *v);

/* Whether an interrupted attempt left something. */
bool volume_has_left(const struct volume *v);

/* How its frames are coded. */
enum frame_codec volume_codec(const struct volume *v);

/* Begin; kept NULL: at the front. A directory that keeps something is begun by tree_start. */
int volume_start(struct volume *v, struct volume_kept *kept, struct err *err) MUST_CHECK;

/* Release; keep: an unfinished one stays, to be gone on with. NULL is fine. */
void volume_free(struct volume *v, bool keep);

/* Whether it can hold hard links; valid after volume_start. */
bool volume_links(const struct volume *v);

/* Whether volume_back is possible (a file that can be cut, or a directory; not
 * standard output). */
bool volume_rewinds(const struct volume *v);

/*
 * Begin a file.
 *
 * place    filled when known, at the latest by volume_drain; may be NULL
 */
int volume_begin(struct volume *v, const struct entry_file *file, struct spot *place,
                 struct err *err) MUST_CHECK;

/* Its bytes; and those of a chunk. */
int volume_add(struct volume *v, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Add a chunk's bytes to the entry that was begun, by reference where that saves a copy. */
int volume_add_chunk(struct volume *v, struct chunk *chunk, struct err *err) MUST_CHECK;

/* End it. ERR_MISMATCH: it did not get as many bytes as it was begun with. */
int volume_end(struct volume *v, struct err *err) MUST_CHECK;

/* A point to come back to, and coming back; see framer.h. */
void volume_mark(struct volume *v);

/* Go back to the last mark: what was added since then is gone; see framer_back. */
void volume_back(struct volume *v);

/* The next file begins a frame. */
void volume_flush(struct volume *v);

/* Put out what is pending; gives the bytes written so far. The next file begins a frame. */
int volume_drain(struct volume *v, uint64_t *written, struct err *err) MUST_CHECK;

/* Stepped: put out one frame; false when none has ended. */
bool volume_step(struct volume *v);

/*
 * There is no time left: what is pending is stored, not compressed, and a pipe that nobody
 * reads is given up. Any thread.
 */
void volume_hurry(struct volume *v);

/* Whether something failed already: no use in going on. */
bool volume_failed(struct volume *v);

/* What an archive became. */
struct volume_result {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE]; /* of the archive; zeros: a directory has none */
};

/* Write the tail (manifest: where manifest.json is) and give the file its name. */
int volume_finish(struct volume *v, const struct spot *manifest, uint64_t manifest_size,
                  struct volume_result *result, struct err *err) MUST_CHECK;

#endif
