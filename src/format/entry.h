/* SPDX-License-Identifier: MIT */
/*
 * entry: creates tar headers, by libarchive.
 *
 * libarchive writes only the header. The caller writes the file's bytes after the header, which
 * saves a copy of large files.
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
#include "format/safe_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_BLOCK 512               /* block size of tar */
#define ENTRY_END   (2 * ENTRY_BLOCK) /* zero bytes at the end of a tar stream */

#define ENTRY_PATH (SAFE_NAME_PATH_MAX + 1) /* bytes of an entry's path, and the NUL */

/* Texts of one family resemble each other, and are compressed together. */
enum entry_family { FAMILY_REST, FAMILY_HTML, FAMILY_DOM, FAMILY_LLM, FAMILY_LOGS, FAMILIES };

/* The metadata of a file in an archive. */
struct entry_file {
    const char *path;
    uint64_t size;
    int64_t mtime;    /* seconds since 1970 */
    const char *link; /* target of a hard link (size 0), or NULL */
    bool packed;      /* already compressed: store the bytes */
    enum entry_family family;
};

/* Write an entry's path: a path below the top directory. Returns out. */
const char *entry_path(char out[ENTRY_PATH], const char *top, const char *path);

/* The family of an artifact type, by its name (NULL: unknown). */
enum entry_family entry_family(const char *type);

/* Append the header blocks of a file to out. */
int entry_header(struct buf *out, const struct entry_file *file, struct err *err) MUST_CHECK;

/* The number of padding bytes after a file of size bytes. */
size_t entry_padding(uint64_t size);

#endif
