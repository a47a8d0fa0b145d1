/* SPDX-License-Identifier: MIT */
/*
 * parallel_scan: all entries of an archive, by several threads.
 *
 * An indexed archive falls into segments that begin where a frame begins with a
 * file; each is decoded on its own, so that damage in one leaves the others
 * whole. A plain tar falls into segments by its headers, a zip is shared
 * out entry by entry, and an archive without index is read by one.
 *
 * Units    bytes of the tar stream
 * Limits   PARALLEL_SCAN_THREADS_MAX decoders with a window each (reader/stream); readers of a
 * zip, each with its own copy of the directory, as many as PARALLEL_SCAN_ZIP_MEMORY has room
 * for Errors   damage is told, and ends its segment; others end the walk Owns     its threads;
 * box and starts are lent Threads  the hooks are called from several at a time
 */
#ifndef READER_PARALLEL_SCAN_H
#define READER_PARALLEL_SCAN_H

#include "base/err.h"
#include "reader/archive_reader.h"
#include "reader/entry_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARALLEL_SCAN_THREADS_MAX 32
#define PARALLEL_SCAN_ZIP_MEMORY  ((uint64_t)512 << 20)

struct parallel_scan_opts {
    unsigned threads; /* 0: a thread a core */
    bool guess;       /* no starts are known: segments begin where a frame looks like a file */
    const uint8_t
        *starts;    /* a bit for each frame that begins with an entry; NULL: none is known */
    uint64_t share; /* of shares, from 1 on: only these segments; 0: all */
    uint64_t shares;
    bool (*stopped)(void *ctx); /* may be NULL */
    /* An entry: read it by entry_reader_read as far as wanted. -1 with ERR_MISMATCH or
     * ERR_FORMAT is damage, others are fatal. */
    int (*entry)(void *ctx, struct entry_reader *tape, const struct entry_reader_entry *entry,
                 struct err *err);
    /* A segment ended early: what lies from offset on (UINT64_MAX: not known) is lost. */
    void (*damage)(void *ctx, uint64_t offset, const struct err *err);
    void *ctx;
};

/*
 * Read all entries of an archive by several threads, each handing its entries to opts'
 * callback. Ends when all are read, or one failed.
 */
int parallel_scan(struct archive_reader *box, const struct parallel_scan_opts *opts,
                  struct err *err) MUST_CHECK;

#endif
