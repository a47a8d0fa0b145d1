/* SPDX-License-Identifier: MIT */
/*
 * file: system calls on files, whole and checked.
 *
 * Errors   ERR_SYSTEM with errno, without the file's name: the caller knows it
 * Threads  any
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write all of it, at the descriptor's position. */
int file_write(int fd, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* The same as a put_fn; ctx is a pointer to the descriptor. */
int file_put_fd(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Write all of it at an offset. */
int file_pwrite(int fd, const void *bytes, size_t len, uint64_t at, struct err *err) MUST_CHECK;

/* fsync, which a watchdog knows of. As fsync: 0, or -1 with errno. */
int file_sync(int fd) MUST_CHECK;

/* Read all of it from an offset; ERR_FORMAT when the file ends before. */
int file_pread(int fd, void *bytes, size_t len, uint64_t at, struct err *err) MUST_CHECK;

/* Append all that fd gives to a buffer, up to its limit. */
int file_slurp(int fd, struct buf *out, struct err *err) MUST_CHECK;

/* Read a file whole; path "-" is standard input. */
int file_load(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Whether others than its owner may read a file; false for what is no file. */
bool file_shared(const char *path);

/*
 * Open what lies beneath a directory, and nothing else: the kernel resolves the path there
 * (openat2).
 *
 * flags    as of open; O_CLOEXEC is added
 * links    symbolic links are followed, as long as they stay beneath
 * returns  the descriptor; -1 and errno: ELOOP, EXDEV or ENOTDIR for what leads elsewhere
 */
int file_beneath(int dir, const char *path, int flags, bool links) MUST_CHECK;

/* The same for kernels, sandboxes and debuggers that do not know openat2: component by
 * component, following no link at all. file_beneath calls it by itself. */
int file_walk(int dir, const char *path, int flags) MUST_CHECK;

/*
 * Open a regular file for reading, and none that lies outside a directory: the kernel resolves
 * the path beneath it (openat2), links too.
 *
 * path     below dir, or with dir in front; else also without leading folders, as long as two
 *          names are left (a container's mount)
 * returns  the descriptor; -1 and ERR_NOT_FOUND or ERR_SYSTEM
 */
int file_open_beneath(const char *dir, const char *path, struct err *err) MUST_CHECK;

/*
 * Write a file whole: under another name in its directory, flushed, then renamed over what may
 * be there, and the directory flushed. A crash leaves the old one or the new one.
 */
int file_put(const char *path, const void *bytes, size_t len, unsigned mode,
             struct err *err) MUST_CHECK;

/* The same, of what make puts. */
typedef int file_maker(void *ctx, put_fn *put, void *put_ctx, struct err *err);

/*
 * Write a file as file_write_all does, its bytes coming from make, which gives -1 to fail.
 * path gets its final name only when all is written and flushed.
 */
int file_make(const char *path, unsigned mode, file_maker *make, void *ctx,
              struct err *err) MUST_CHECK;

/* Flush the directory that a path is in, so that a rename in it stays. */
int file_sync_dir(const char *path, struct err *err) MUST_CHECK;

/* The same in two steps, for when nothing but the flush may fail behind the rename. */
int file_open_dir(const char *path, struct err *err) MUST_CHECK;

/*
 * Flush a directory that file_open_dir opened; the descriptor stays open. path is for the
 * message.
 */
int file_flush_dir(int dir, const char *path, struct err *err) MUST_CHECK;

/* Open a file without a name in a directory; -1 on error. */
int file_temp(const char *dir, struct err *err) MUST_CHECK;

/*
 * Open a file that nobody else can have prepared, for reading and writing; made when it is not
 * there. What another user owns, can write, has linked, or what is no plain file is removed and
 * made anew. Never waits (a FIFO) and follows no link.
 *
 * returns  a descriptor; -1 with ERR_SYSTEM, or ERR_EXISTS for what cannot be removed
 */
int file_open_own(const char *path, struct err *err) MUST_CHECK;

/* Close unless it is -1, and make it -1; the result is for those who only read. */
void file_close(int *fd);

#endif
