/* SPDX-License-Identifier: MIT */
/*
 * entry: tar headers, by libarchive.
 *
 * Only the header comes from libarchive; the file's bytes are put behind it by
 * whoever has them, so that a gigabyte need not pass through one more copy.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_MEMORY, ERR_FORMAT
 * Threads  one at a time
 * Source   POSIX.1-2008 pax ("pax restricted": extended headers only where needed)
 */
#ifndef FORMAT_ENTRY_H
#define FORMAT_ENTRY_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_BLOCK 512               /* what tar rounds up to */
#define ENTRY_END   (2 * ENTRY_BLOCK) /* zero bytes that end a tar stream */

/* What stands in an archive under one name. */
struct entry_file {
    const char *path;
    uint64_t size;
    int64_t mtime;    /* seconds since 1970 */
    const char *link; /* the path that this is a hard link to (size 0), or NULL */
    bool packed;      /* compressed already: it is stored */
};

/* Append the header blocks of one file. */
int entry_header(struct buf *out, const struct entry_file *file, struct err *err) MUST_CHECK;

/* Zero bytes that follow a file of size bytes. */
size_t entry_padding(uint64_t size);

#endif
