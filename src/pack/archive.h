/* SPDX-License-Identifier: MIT */
/*
 * archive: one archive in the making, whatever its format.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_USAGE for a name without a format; what writer and lanes say
 * Owns     its file and threads; without archive_finish nothing is left behind
 * Threads  one at a time
 * Source   docs/archive-format.md
 */
#ifndef PACK_ARCHIVE_H
#define PACK_ARCHIVE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"
#include "pack/lanes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum archive_format { ARCHIVE_TAR_ZST, ARCHIVE_TAR_GZ, ARCHIVE_TAR, ARCHIVE_ZIP };

struct archive_opts {
    const char *path; /* "-": standard output */
    enum archive_format format;
    int level; /* 0: the format's default */
    bool force;
    unsigned workers;
};

struct pack_archive;

/* The format that a name means: "tar.zst"; or a file's name ends in. */
int archive_format_of(const char *name, bool whole, enum archive_format *format,
                      struct err *err) MUST_CHECK;

/* "tar.zst" and so on. */
const char *archive_format_name(enum archive_format format);

struct pack_archive *pack_archive_open(const struct archive_opts *opts,
                                       struct err *err) MUST_CHECK;
void pack_archive_free(struct pack_archive *a);

/* Whether it can hold hard links; whether pack_archive_back is possible. */
bool pack_archive_links(const struct pack_archive *a);
bool pack_archive_rewinds(const struct pack_archive *a);

/*
 * Begin a file.
 *
 * packed   compressed already: store it
 * link     path that this is a hard link to (size 0), or NULL
 * place    filled when known, at the latest by pack_archive_drain; may be NULL
 */
int pack_archive_begin(struct pack_archive *a, const char *path, uint64_t size, int64_t mtime,
                       bool packed, const char *link, struct place *place,
                       struct err *err) MUST_CHECK;

/* Its bytes; and those of a chunk. */
int pack_archive_add(struct pack_archive *a, const void *bytes, size_t len,
                     struct err *err) MUST_CHECK;
int pack_archive_add_chunk(struct pack_archive *a, struct chunk *chunk,
                           struct err *err) MUST_CHECK;

/* End it; size as begun. */
int pack_archive_end(struct pack_archive *a, uint64_t size, struct err *err) MUST_CHECK;

/* A point to come back to, and coming back; see lanes. */
void pack_archive_mark(struct pack_archive *a);
void pack_archive_back(struct pack_archive *a);

/* Put out what is pending; gives the bytes written so far. The next file begins a frame. */
int pack_archive_drain(struct pack_archive *a, uint64_t *written, struct err *err) MUST_CHECK;

/* Whether something failed already: no use in going on. */
bool pack_archive_failed(struct pack_archive *a);

/* What an archive became. */
struct archive_result {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

/* Write the tail (manifest: where manifest.json is) and give the file its name. */
int pack_archive_finish(struct pack_archive *a, const struct place *manifest,
                        uint64_t manifest_size, struct archive_result *result,
                        struct err *err) MUST_CHECK;

#endif
