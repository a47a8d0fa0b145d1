/* SPDX-License-Identifier: MIT */
/*
 * file: complete and checked file operations: short reads and writes and EINTR are handled.
 *
 * Errors   ERR_SYSTEM with errno; functions that take a descriptor do not name the file, the
 *          caller does
 * Threads  any
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Write all len bytes at the descriptor's position. */
int file_write(int fd, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* file_write as a put_fn; ctx is a pointer to the descriptor. */
int file_put_fd(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Write all len bytes at an offset. */
int file_pwrite(int fd, const void *bytes, size_t len, uint64_t at, struct err *err) MUST_CHECK;

/* fsync, reported to the watchdog as WAIT_SYNC. Returns 0, or -1 with errno. */
int file_sync(int fd) MUST_CHECK;

/* Read all len bytes from an offset; ERR_FORMAT if the file ends before. */
int file_pread(int fd, void *bytes, size_t len, uint64_t at, struct err *err) MUST_CHECK;

/*
 * Read some bytes at the descriptor's position. Waits for the bytes, or for the first writer of
 * a named pipe, until the operation is stopped (ERR_CANCELLED).
 *
 * returns  the number of bytes, at most len; 0 at the end of the file; -1 on error
 */
ssize_t file_read(int fd, void *bytes, size_t len, struct stop stop,
                  struct err *err) MUST_CHECK;

/*
 * Open a device or a named pipe to write to it. The reader of a named pipe is waited for, until
 * the operation is stopped (ERR_CANCELLED); the wait is registered (pulse).
 */
int file_open_to_write(const char *path, struct stop stop, struct err *err) MUST_CHECK;

/*
 * Open a file to read it, without waiting for the writer of a named pipe: file_read waits for
 * it, read(2) returns 0 until a writer has opened the pipe.
 */
int file_open_to_read(const char *path, struct err *err) MUST_CHECK;

/*
 * Read a whole file with file_read and append it to a buffer, up to the buffer's limit; path
 * "-" is standard input.
 */
int file_load(const char *path, struct stop stop, struct buf *out, struct err *err) MUST_CHECK;

/* Whether group or others have any permission on a regular file; false for anything else. */
bool file_shared(const char *path);

/*
 * Open a path beneath a directory. The kernel (openat2) refuses any path that leads out of the
 * directory.
 *
 * flags    as of open; O_CLOEXEC is added
 * links    whether to follow symbolic links that stay beneath the directory
 * returns  the descriptor; -1 and errno: ELOOP, EXDEV or ENOTDIR for a path that
 *          leads elsewhere
 */
int file_beneath(int dir, const char *path, int flags, bool links) MUST_CHECK;

/*
 * The replacement for kernels, sandboxes and debuggers without openat2, which file_beneath
 * calls itself: opens component by component and follows no symbolic link.
 */
int file_walk(int dir, const char *path, int flags) MUST_CHECK;

/*
 * Open a regular file beneath a directory for reading. Symbolic links are followed as long as
 * they stay beneath the directory.
 *
 * path     relative to dir, or starting with dir. If no such file exists, leading folders are
 *          removed one by one, as long as two components are left: the service may have written
 *          the path inside a container where dir is mounted elsewhere
 * returns  the descriptor; -1 and ERR_NOT_FOUND or ERR_SYSTEM
 */
int file_open_beneath(const char *dir, const char *path, struct err *err) MUST_CHECK;

/* Create the directories that contain path, for this user alone. */
int file_make_dirs(const char *path, struct err *err) MUST_CHECK;

/*
 * Replace a file atomically: write a temporary file in the same directory, fsync it, rename it
 * to path and fsync the directory. A crash leaves either the old file or the new file.
 */
int file_put(const char *path, const void *bytes, size_t len, unsigned mode,
             struct err *err) MUST_CHECK;

/* Produces a file's bytes by calling put; returns -1 to give up. */
typedef int file_maker(void *ctx, put_fn *put, void *put_ctx, struct err *err);

/*
 * Replace a file atomically as file_put does, with the bytes that make produces. If make fails,
 * path is unchanged.
 */
int file_make(const char *path, unsigned mode, file_maker *make, void *ctx,
              struct err *err) MUST_CHECK;

/* fsync the directory that contains path, so that a rename in the directory is durable. */
int file_sync_dir(const char *path, struct err *err) MUST_CHECK;

/*
 * Open the directory that contains path, for file_flush_dir. The two steps exist for callers
 * for whom only the fsync may fail after the rename.
 */
int file_open_dir(const char *path, struct err *err) MUST_CHECK;

/*
 * fsync a directory that file_open_dir opened; the descriptor stays open. path is only used in
 * the error message.
 */
int file_flush_dir(int dir, const char *path, struct err *err) MUST_CHECK;

/* The directory for temporary files: $TMPDIR, else /var/tmp. */
const char *file_temp_dir(void);

/* Open an unnamed temporary file in a directory, for reading and writing; -1 on error. */
int file_temp(const char *dir, struct err *err) MUST_CHECK;

/*
 * Open a private file for reading and writing; it is created if it does not exist. A file that
 * another user owns or can write to, that has further hard links, or that is not a regular file
 * is removed and created anew. Never blocks (on a FIFO) and follows no symbolic link.
 *
 * returns  a descriptor; -1 with ERR_SYSTEM, or ERR_EXISTS if such a file cannot be removed
 */
int file_open_own(const char *path, struct err *err) MUST_CHECK;

/* Open such a file, if there is one, to read it; -1: there is none. Never waits. */
int file_read_own(const char *path);

/*
 * Close *fd unless it is -1, and set it to -1. Ignores errors: not for files that were written.
 */
void file_close(int *fd);

#endif
