/* SPDX-License-Identifier: MIT */
/*
 * archive_reader: an archive opened for reading: its file, format and seek table. It is a file
 * or an object of a bucket (storage/range_file); a directory that is a bag is read as a plain
 * tar (bag_stream).
 *
 * If the archive has skyarc's seek table (index), the manifest and every entry are found
 * without reading the data before them; otherwise the archive is scanned. Readers refuse an
 * archive if its seek table, locator, manifest and tar headers do not agree.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM; ERR_USAGE for another directory or a special file; ERR_FORMAT if the
 *          file is not an archive, or is inconsistent
 * Owns     the file, the seek table and the list of a bag's files
 * Threads  any, once open
 * Source   docs/archive-format.md
 */
#ifndef READER_ARCHIVE_READER_H
#define READER_ARCHIVE_READER_H

#include "base/err.h"
#include "base/pulse.h"
#include "format/container.h"
#include "format/frame.h"
#include "format/manifest_read.h"
#include "format/seek.h"
#include "index/name_lookup.h"
#include "reader/bag_stream.h"
#include "storage/range_file.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is told how far a reader is. Handed down by value, unchanged, like struct stop. */
struct archive_reader_watcher {
    /* Called often, from several threads, but by one at a time. total: the bytes to be read if
     * all of the file is; a compressed file without an index is read twice. */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};

struct archive_reader {
    const char *path; /* borrowed */
    struct range_file file;
    uint64_t size; /* of a bag: the sum of its files */
    enum container format;
    enum frame_codec codec;
    bool indexed;
    bool spoilt;      /* there is an index, and it is damaged; not indexed */
    struct seek seek; /* valid if indexed */
    struct seek_locator locator;
    struct name_index_place place; /* archive_reader_go_to: where a stream begins */
    uint64_t place_end;            /* and where it ends at the latest; 0: everywhere */
    struct bag_files *bag;         /* of CONTAINER_DIR */
    char top[256];                 /* top directory; "" before manifest_scan */
    bool whole;                    /* manifest_scan had to read everything */
    bool foreign;                  /* manifest_scan found no manifest in an undamaged archive */
    /* set by archive_reader_watch */
    struct stop stop;
    struct archive_reader_watcher watcher;
    const struct manifest_read *rows; /* while manifest_scan reads */
    uint64_t manifest_at; /* offset of the manifest's content, from its first row on */
    /* shared by all threads */
    atomic_bool telling;   /* one of them is in watcher.progress */
    _Atomic uint64_t read; /* bytes of the file */
};

/*
 * Open an archive. An invalid seek table is an error, a missing one is not. reader must be {0}.
 */
int archive_reader_open(struct archive_reader *reader, const char *path,
                        struct err *err) MUST_CHECK;

/*
 * Open an archive; an invalid seek table is ignored, and its error stored in tail. That it
 * could not be read for want of memory, or from the object store, is an error.
 */
int archive_reader_open_anyway(struct archive_reader *reader, const char *path,
                               struct err *tail, struct err *err) MUST_CHECK;

/*
 * Open an archive to be read by its index of names only: neither its first bytes nor its seek
 * table are read. Returns 1; 0: it has no such index; -1: error.
 */
int archive_reader_open_named(struct archive_reader *reader, const char *path,
                              struct name_lookup *lookup, struct err *err) MUST_CHECK;

/*
 * Of an archive opened by archive_reader_open_named: where the next stream begins, and where
 * the frames end.
 */
void archive_reader_go_to(struct archive_reader *reader, const struct name_index_place *place,
                          uint64_t end);

/* Whether a file can be read, and its first bytes are those of no archive format. */
bool archive_reader_foreign(const char *path);

/* Close an archive and free its seek table; may be called twice, and on {0}. */
void archive_reader_close(struct archive_reader *reader);

/* The part of a path after the top directory; NULL if the path is not below it. */
const char *archive_reader_below(const struct archive_reader *reader, const char *path);

/*
 * Set what readers of the archive do before each block: they stop with ERR_CANCELLED if stop
 * asks for it, and tell the watcher how far they are.
 */
void archive_reader_watch(struct archive_reader *reader, struct stop stop,
                          struct archive_reader_watcher watcher);

/* A watcher that does nothing. */
struct archive_reader_watcher archive_reader_unwatched(void);

/* Tell the watcher the progress, and whether to go on: ERR_CANCELLED if not. For readers,
 * before each block. */
int archive_reader_go_on(struct archive_reader *reader, struct err *err) MUST_CHECK;

/* Count bytes that were read from the file other than by archive_reader_read. */
void archive_reader_count(struct archive_reader *reader, size_t len);

/* Read exactly len bytes; a seek_read_fn, ctx is the struct archive_reader. */
int archive_reader_read(void *ctx, void *bytes, size_t len, uint64_t at,
                        struct err *err) MUST_CHECK;

/* Whether a plain tar ends in two blocks of zeros. */
bool archive_reader_has_end(struct archive_reader *reader);

#endif
