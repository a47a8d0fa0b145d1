/* SPDX-License-Identifier: MIT */
/*
 * range_file: a file that is read at any offset: one of a file system, or an object of a
 * bucket. Readers of archives do not know which.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM; those of storage/object_file
 * Owns     the descriptor or the object
 * Threads  any, once open
 */
#ifndef STORAGE_RANGE_FILE_H
#define STORAGE_RANGE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum range_file_kind {
    RANGE_FILE_REGULAR, /* a regular file, or an object */
    RANGE_FILE_DIR,
    RANGE_FILE_OTHER, /* a pipe, a device: it cannot be read at an offset */
};

struct object_file;

struct range_file {
    int fd; /* of a local file or directory; -1: an object */
    struct object_file *object;
    uint64_t size; /* of RANGE_FILE_REGULAR */
    enum range_file_kind kind;
    bool open;
};

/* Open a path of a file system, or "s3://bucket/key"; file must be {0}. */
int range_file_open(struct range_file *file, const char *path, struct err *err) MUST_CHECK;

/* Whether a path is that of an object. */
bool range_file_remote(const char *path);

/* Whether one of these paths is that of an object. */
bool range_file_any_remote(int count, char *const *paths);

/* Read a whole small file or object and append it to a buffer, up to the buffer's limit. */
int range_file_load(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* As range_file_load, but fail for what is no regular file or object, such as a pipe, which may
 * never end. */
int range_file_load_regular(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Close; may be called twice, and on {0}. */
void range_file_close(struct range_file *file);

/* Read exactly len bytes from offset at on. */
int range_file_read(const struct range_file *file, void *bytes, size_t len, uint64_t at,
                    struct err *err) MUST_CHECK;

#endif
