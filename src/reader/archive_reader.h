/* SPDX-License-Identifier: MIT */
/*
 * archive_reader: an archive opened for reading: its bytes, its format, its index.
 *
 * With the index that skyarc wrote, the manifest and every entry are found
 * without reading what lies before them; without it, everything is scanned.
 * There is one truth: where seek table, locator, manifest and tar headers
 * disagree, readers refuse.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM; ERR_FORMAT for what is no archive, or disagrees with itself
 * Owns     the descriptor and the seek table
 * Threads  read by many once open
 * Source   docs/archive-format.md
 */
#ifndef READER_ARCHIVE_READER_H
#define READER_ARCHIVE_READER_H

#include "base/err.h"
#include "format/container.h"
#include "format/frame.h"
#include "format/seek.h"

#include <stdbool.h>
#include <stdint.h>

struct archive_reader {
    const char *path; /* lent */
    int fd;
    uint64_t size;
    enum container format;
    enum frame_codec codec;
    bool indexed;
    struct seek seek; /* when indexed */
    struct seek_locator locator;
    char top[256];              /* the top directory; "" until manifest_scan has run */
    bool whole;                 /* manifest_scan had to read everything */
    bool (*stopped)(void *ctx); /* of archive_reader_watch */
    void *stop_ctx;
};

/* Open; a tail that is wrong is an error, none at all is not. box must be {0}. */
int archive_reader_open(struct archive_reader *box, const char *path,
                        struct err *err) MUST_CHECK;

/* The same, and a wrong tail only counts as none; why is then in tail. */
int archive_reader_open_anyway(struct archive_reader *box, const char *path, struct err *tail,
                               struct err *err) MUST_CHECK;

/* Close an archive and free what it lent; NULL is fine. */
void archive_reader_close(struct archive_reader *box);

/* Whoever reads an open box asks this before each piece, and gives up with ERR_CANCELLED when
 * it says so; NULL: nobody is asked. Called from several threads. */
void archive_reader_watch(struct archive_reader *box, bool (*stopped)(void *ctx), void *ctx);

/* Read exactly len bytes; a seek_read_fn, ctx being the box. */
int archive_reader_read(void *ctx, void *bytes, size_t len, uint64_t at,
                        struct err *err) MUST_CHECK;

#endif
