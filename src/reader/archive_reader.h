/* SPDX-License-Identifier: MIT */
/*
 * archive_reader: an archive opened for reading: its file, format and seek table.
 *
 * If the archive has skyarc's seek table (index), the manifest and every entry are found
 * without reading the data before them; otherwise the archive is scanned. Readers refuse an
 * archive if its seek table, locator, manifest and tar headers do not agree.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM; ERR_USAGE for a directory or special file; ERR_FORMAT if the file is not
 *          an archive, or is inconsistent
 * Owns     the descriptor and the seek table
 * Threads  any, once open
 * Source   docs/archive-format.md
 */
#ifndef READER_ARCHIVE_READER_H
#define READER_ARCHIVE_READER_H

#include "base/err.h"
#include "format/container.h"
#include "format/frame.h"
#include "format/seek.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Told how much of the file was read, and how much will be if all of it is; a file without an
 * index is read twice. */
typedef void archive_reader_progress_fn(void *ctx, uint64_t done, uint64_t total);

struct archive_reader {
    const char *path; /* borrowed */
    int fd;
    uint64_t size;
    enum container format;
    enum frame_codec codec;
    bool indexed;
    struct seek seek; /* valid if indexed */
    struct seek_locator locator;
    char top[256];              /* top directory; "" before manifest_scan */
    bool whole;                 /* manifest_scan had to read everything */
    bool (*stopped)(void *ctx); /* set by archive_reader_watch */
    archive_reader_progress_fn *progress;
    void *watch_ctx;
    atomic_bool telling;   /* a thread is in progress() */
    _Atomic uint64_t read; /* bytes of the file, by all threads */
};

/*
 * Open an archive. An invalid seek table is an error, a missing one is not. reader must be {0}.
 */
int archive_reader_open(struct archive_reader *reader, const char *path,
                        struct err *err) MUST_CHECK;

/* Open an archive; an invalid seek table is ignored, and its error stored in tail. */
int archive_reader_open_anyway(struct archive_reader *reader, const char *path,
                               struct err *tail, struct err *err) MUST_CHECK;

/* Close an archive and free its seek table; may be called twice, and on {0}. */
void archive_reader_close(struct archive_reader *reader);

/*
 * Set functions that readers of the archive call before each block.
 *
 * stopped   if it returns true, they stop with ERR_CANCELLED; called from several threads
 * progress  called from several threads, but by one at a time
 */
void archive_reader_watch(struct archive_reader *reader, bool (*stopped)(void *ctx),
                          archive_reader_progress_fn *progress, void *ctx);

/* A progress function for those who tell nobody. */
void archive_reader_tell_nobody(void *ctx, uint64_t done, uint64_t total);

/* Tell the progress, and ask whether to stop: for readers, before each block. */
bool archive_reader_stopped(struct archive_reader *reader);

/* Count bytes that were read from the file other than by archive_reader_read. */
void archive_reader_count(struct archive_reader *reader, size_t len);

/* Read exactly len bytes; a seek_read_fn, ctx is the struct archive_reader. */
int archive_reader_read(void *ctx, void *bytes, size_t len, uint64_t at,
                        struct err *err) MUST_CHECK;

#endif
