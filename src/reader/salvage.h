/* SPDX-License-Identifier: MIT */
/*
 * salvage: reads the complete frames of an unfinished archive.
 *
 * The archive is read from the start, frame by frame, each with its checksum, and every entry
 * is reported, until a frame is incomplete or damaged, or a hook stops. A border is a position
 * where both a frame and an entry end: the archive can be truncated there, and continued.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY, errors of the hooks; an incomplete frame is the end, not an
 *          error
 * Owns     nothing after the call
 * Threads  one
 * Source   RFC 8878, RFC 1952; docs/archive-format.md, "Frames"
 */
#ifndef READER_SALVAGE_H
#define READER_SALVAGE_H

#include "base/digest.h"
#include "base/err.h"
#include "format/frame.h"
#include "format/seek.h"

#include <stddef.h>
#include <stdint.h>

/* An entry; valid for the call. */
struct salvage_entry {
    const char *path;
    const char *target; /* of a hard link, or NULL */
    uint64_t size;
    uint64_t frame;  /* the frame in which its header starts */
    uint64_t offset; /* in the tar stream */
};

/* A border; valid for the call. */
struct salvage_border {
    const struct seek *seek;  /* the frames up to the border */
    const struct sha256 *sha; /* of all bytes up to the border */
    uint64_t coded;           /* bytes of the archive */
    uint64_t plain;           /* bytes of the tar stream */
};

/* Hooks return 1 to continue, 0 to stop, -1 on error. */
struct salvage_hooks {
    int (*entry)(void *ctx, const struct salvage_entry *entry, struct err *err);
    int (*bytes)(void *ctx, const void *bytes, size_t len, struct err *err);
    int (*end)(void *ctx, struct err *err); /* end of the entry */
    int (*border)(void *ctx, const struct salvage_border *border, struct err *err);
    void *ctx;
};

/* Read an unfinished archive with this codec. */
int salvage_run(int fd, enum frame_codec codec, const struct salvage_hooks *hooks,
                struct err *err) MUST_CHECK;

#endif
