/* SPDX-License-Identifier: MIT */
/*
 * salvage: the whole frames of an archive that was not finished.
 *
 * Reads it from the front, frame after frame, each with its checksum, and tells
 * of every entry, until something is torn, or is not what the hooks expect. A
 * border is a point where a frame ends and an entry as well: there the archive
 * can be cut, and gone on with.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY, the hooks'; what is torn is no error, but the end
 * Owns     nothing that outlives the call
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

/* An entry; lent for the call. */
struct salvage_entry {
    const char *path;
    const char *target; /* of a hard link, or NULL */
    uint64_t size;
    uint64_t frame;  /* where its header begins */
    uint64_t offset; /* in the tar stream */
};

/* A border. */
struct salvage_border {
    const struct seek *seek;  /* the frames up to here */
    const struct sha256 *sha; /* of all bytes up to here */
    uint64_t coded;           /* bytes of the archive */
    uint64_t plain;           /* of the tar stream */
};

/* Each gives 1 to go on, 0 to stop here, -1 on error. */
struct salvage_hooks {
    int (*entry)(void *ctx, const struct salvage_entry *entry, struct err *err);
    int (*bytes)(void *ctx, const void *bytes, size_t len, struct err *err);
    int (*end)(void *ctx, struct err *err); /* of the entry */
    int (*border)(void *ctx, const struct salvage_border *border, struct err *err);
    void *ctx;
};

/* Read an unfinished archive of this codec. */
int salvage_run(int fd, enum frame_codec codec, const struct salvage_hooks *hooks,
                struct err *err) MUST_CHECK;

#endif
