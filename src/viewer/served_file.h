/* SPDX-License-Identifier: MIT */
/*
 * served_file: one file of an archive, read at any offset.
 *
 * A file of up to SERVED_FILE_WHOLE bytes is read and compared with its digest before its first
 * byte is served. A larger file of an archive with an index is read where it is: only the
 * frames that contain the wanted bytes are decoded, each as a whole, so that its checksum is
 * verified before a byte of it is served. A plain tar has no checksums, and is read as it is.
 * Any other large file (of a zip, or of an archive without an index) is copied to a temporary
 * file and compared with its digest first.
 *
 * Units    bytes
 * Errors   ERR_NOT_FOUND; ERR_MISMATCH and ERR_FORMAT for damage; ERR_SYSTEM
 * Owns     the open archive, the decoder or the temporary file
 * Threads  one at a time
 */
#ifndef VIEWER_SERVED_FILE_H
#define VIEWER_SERVED_FILE_H

#include "base/err.h"
#include "base/file.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVED_FILE_WHOLE ((size_t)4 << 20) /* files up to this size are kept in memory */

struct served_file;

/*
 * Open a file of an archive.
 *
 * path      without the top directory
 * temp_dir  for a temporary file
 */
struct served_file *served_file_open(const char *archive, const char *path,
                                     const char *temp_dir, struct err *err) MUST_CHECK;

/* Make a temporary file of what `make` produces. */
struct served_file *served_file_make(const char *temp_dir, file_maker *make, void *ctx,
                                     struct err *err) MUST_CHECK;

/* Close a file; NULL is fine. */
void served_file_close(struct served_file *file);

/* The size of a file. */
uint64_t served_file_size(const struct served_file *file);

/* Read up to len bytes from offset at on; 0 at the end of the file, -1 on error. */
ssize_t served_file_read(struct served_file *file, uint64_t at, void *bytes, size_t len,
                         struct err *err) MUST_CHECK;

#endif
