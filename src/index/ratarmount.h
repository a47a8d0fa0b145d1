/* SPDX-License-Identifier: MIT */
/*
 * ratarmount: makes the index that ratarmount would make of a .tar.zst, so that ratarmount
 * mounts the archive at once instead of reading it first.
 *
 * The index is an SQLite database, built in a temporary file without a name.
 *
 * Units    bytes; seconds since 1970
 * Errors   ERR_SYSTEM, with SQLite's message; ERR_MEMORY
 * Limits   a cache of RATARMOUNT_CACHE_KIB, and the names of all folders
 * Owns     the database
 * Threads  one at a time
 * Source   ratarmount's SQLiteIndex.py and create-index-tables.sql, index version 0.7.0
 */
#ifndef INDEX_RATARMOUNT_H
#define INDEX_RATARMOUNT_H

#include "base/buf.h"
#include "base/err.h"
#include "format/seek.h"

#include <stdint.h>
#include <sys/stat.h>

#define RATARMOUNT_SUFFIX    ".index.sqlite" /* after the archive's name */
#define RATARMOUNT_CACHE_KIB 16384

/* A file or a hard link of the tar stream. */
struct ratarmount_file {
    const char *path;
    const char *target; /* of a hard link; NULL: a file */
    uint64_t header;    /* offset of its first header in the tar stream */
    uint64_t data;      /* of its content */
    uint64_t size;
    int64_t mtime;
};

struct ratarmount;

/* Create an empty index; dir: for the temporary file. */
struct ratarmount *ratarmount_new(const char *dir, struct err *err) MUST_CHECK;

/* Free the index; NULL is fine. */
void ratarmount_free(struct ratarmount *index);

/* Add a file; in the order of the tar stream. */
int ratarmount_add(struct ratarmount *index, const struct ratarmount_file *file,
                   struct err *err) MUST_CHECK;

/*
 * Finish the index: add the folders, the frames, and what ratarmount compares with the archive.
 *
 * archive  the archive's size and time of modification
 */
int ratarmount_end(struct ratarmount *index, const struct seek *seek,
                   const struct seek_locator *locator, const struct stat *archive,
                   struct err *err) MUST_CHECK;

/* Write the finished index; a file_maker (base/file), ctx is the struct ratarmount. */
int ratarmount_write(void *ctx, put_fn *put, void *put_ctx, struct err *err) MUST_CHECK;

#endif
