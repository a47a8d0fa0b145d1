/* SPDX-License-Identifier: MIT */
/*
 * bag_stream: reads a bag in a directory as a tar stream of its files.
 *
 * With it the modules that read archives can read what `skyarc pull -o DIR/` wrote.
 * manifest.json is first, the other files follow sorted by path; a hard link is read as a file
 * with its own content. Nothing is read outside the directory: files are opened beneath it,
 * without following links, and only regular files.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_FORMAT for what is neither a regular file nor a directory; ERR_MISMATCH if a
 *          file was changed after it was listed; ERR_LIMIT; ERR_SYSTEM
 * Limits   BAG_FILES_MAX files, for each of which the list needs its path and 24 bytes
 * Owns     the list its paths; the stream a descriptor
 * Threads  a list is read by any; a stream by one
 * Source   RFC 8493 (BagIt); docs/archive-format.md, "A directory"
 */
#ifndef READER_BAG_STREAM_H
#define READER_BAG_STREAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BAG_FILES_MAX ((size_t)1 << 22)

/* The files of a bag. */
struct bag_files;

struct bag_stream;

/* Whether a path is of a directory with bagit.txt. */
bool bag_is(const char *path);

/*
 * List all files below an open directory, whose descriptor is borrowed until bag_files_free.
 */
struct bag_files *bag_files_list(int dir, struct err *err) MUST_CHECK;

/* Free the list; NULL is fine. */
void bag_files_free(struct bag_files *files);

/* The sum of the files' sizes. */
uint64_t bag_files_size(const struct bag_files *files);

/* Begin a stream; the files are borrowed. top: the name of its top directory, borrowed. */
struct bag_stream *bag_stream_open(const struct bag_files *files, const char *top,
                                   struct err *err) MUST_CHECK;

/* Free a stream; NULL is fine. */
void bag_stream_free(struct bag_stream *stream);

/* Read up to len bytes; 0 at the end; -1 on error. */
ssize_t bag_stream_read(struct bag_stream *stream, void *bytes, size_t len,
                        struct err *err) MUST_CHECK;

/* Pass over up to count bytes of the file that is being read; returns how many. */
uint64_t bag_stream_skip(struct bag_stream *stream, uint64_t count);

#endif
