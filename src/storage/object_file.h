/* SPDX-License-Identifier: MIT */
/*
 * object_file: reads an object of a bucket at any offset, by range requests.
 *
 * Opening reads the object's end, where an archive has its index, and learns its size by the
 * same request. Further reads are served from what was read ahead: a read that continues
 * another one reads twice as much each time, up to a limit, so that single files cost little
 * and whole archives few requests. Several positions are read ahead independently, for the
 * threads of a scan. An object that is replaced meanwhile is an error, never a mixture.
 *
 * Units    bytes
 * Errors   those of s3/object
 * Owns     the clients, the object's last OBJECT_FILE_TAIL bytes, and for each lane the bytes
 *          of its last request: at most OBJECT_FILE_AHEAD, or the length of the read if that
 *          is more
 * Threads  any; a read waits only while all lanes are busy with reads of other threads, which
 *          end by themselves
 * Source   RFC 9110, 14 (range requests)
 */
#ifndef STORAGE_OBJECT_FILE_H
#define STORAGE_OBJECT_FILE_H

#include "base/err.h"
#include "s3/location.h"

#include <stddef.h>
#include <stdint.h>

#define OBJECT_FILE_TAIL  ((size_t)64 << 10)
#define OBJECT_FILE_LEAST ((size_t)64 << 10) /* of a request */
#define OBJECT_FILE_AHEAD ((size_t)4 << 20)
#define OBJECT_FILE_LANES 4

struct object_file;

/* Open an object, by reading its end; ERR_NOT_FOUND if it does not exist. */
struct object_file *object_file_open(const struct location *location,
                                     struct err *err) MUST_CHECK;

/* Close; NULL is fine. No thread may be reading. */
void object_file_close(struct object_file *file);

/* The object's size. */
uint64_t object_file_size(const struct object_file *file);

/* Read exactly len bytes from offset at on; ERR_MISMATCH beyond the end. */
int object_file_read(struct object_file *file, void *bytes, size_t len, uint64_t at,
                     struct err *err) MUST_CHECK;

#endif
