/* SPDX-License-Identifier: MIT */
/*
 * parallel_scan: reads all entries of an archive by several threads.
 *
 * An indexed archive is divided into segments that start with a frame and a file; each segment
 * is decoded independently, so that damage in one does not affect the others. A plain tar is
 * divided at its headers; the entries of a zip are distributed among the threads; an archive
 * without an index is read by one thread.
 *
 * Units    bytes of the tar stream
 * Limits   PARALLEL_SCAN_THREADS_MAX decoders with one window each (reader/stream); as many
 *          readers of a zip, each with its own copy of the directory, as fit into
 *          PARALLEL_SCAN_ZIP_MEMORY
 * Errors   damage is reported and ends the segment; other errors end the scan
 * Owns     the threads; reader and starts are borrowed
 * Threads  several threads call the hooks at the same time
 */
#ifndef READER_PARALLEL_SCAN_H
#define READER_PARALLEL_SCAN_H

#include "base/err.h"
#include "base/pulse.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"

#include <stdbool.h>
#include <stdint.h>

#define PARALLEL_SCAN_THREADS_MAX 32
#define PARALLEL_SCAN_ZIP_MEMORY  ((uint64_t)512 << 20)

struct parallel_scan_opts {
    unsigned threads;      /* 0: one per core */
    bool guess;            /* start segments where a frame looks like a file */
    const uint8_t *starts; /* a bit per frame that starts with an entry; or NULL */
    /*
     * For indexed archives. The segments from manifest.json on, which have the tag files, are
     * always read; of the others only this share, counted from 1 (0: all), or none if tags.
     */
    uint64_t share;
    uint64_t shares;
    bool tags;
    struct stop stop;
    /*
     * Called with each entry, to be read by entry_reader_read as far as needed. An error of
     * kind ERR_MISMATCH or ERR_FORMAT is damage, any other is fatal.
     */
    int (*entry)(void *ctx, struct entry_reader *entries,
                 const struct entry_reader_entry *entry, struct err *err);
    /*
     * Called when a segment ends early: the data from offset on (UINT64_MAX: unknown) is lost.
     */
    void (*damage)(void *ctx, uint64_t offset, const struct err *err);
    void *ctx;
};

/*
 * Read all entries of an archive by several threads, which call opts->entry. Returns when all
 * entries were read, or after a fatal error.
 */
int parallel_scan(struct archive_reader *reader, const struct parallel_scan_opts *opts,
                  struct err *err) MUST_CHECK;

#endif
