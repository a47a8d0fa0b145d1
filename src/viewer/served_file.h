/* SPDX-License-Identifier: MIT */
/*
 * served_file: one file of an archive, read at any offset.
 *
 * A file of up to SERVED_FILE_WHOLE bytes is read and compared with its digest before its first
 * byte is served. A larger file of an archive with an index is read where it is: only the
 * frames that contain the wanted bytes are decoded, each as a whole, so that its checksum is
 * verified before a byte of it is served. A plain tar has no checksums, and is read as it is.
 * Any other large file (of a zip, a bag, an archive without an index, or in frames that are
 * larger than skyarc writes them) is copied to a temporary file and compared with its digest
 * first.
 *
 * Memory does not grow with the number of files that are open: more than SERVED_FILE_HELD
 * decoded bytes of a file are in a temporary file, and at most SERVED_FILE_BUSY threads decode
 * or make something at a time. A thread that waits for its turn is woken by the next one that
 * has finished, which waits for nothing meanwhile but the disk.
 *
 * Units    bytes
 * Errors   ERR_NOT_FOUND; ERR_MISMATCH and ERR_FORMAT for damage; ERR_SYSTEM
 * Limits   a decoder (reader/stream) for each of SERVED_FILE_BUSY threads; SERVED_FILE_HELD
 *          bytes and one temporary file for each open file
 * Owns     the open archive, the decoder or the temporary file
 * Threads  a file: one at a time; several files may share their place
 */
#ifndef VIEWER_SERVED_FILE_H
#define VIEWER_SERVED_FILE_H

#include "base/err.h"
#include "base/file.h"
#include "base/pulse.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVED_FILE_WHOLE ((size_t)4 << 20)   /* larger files are read where they are */
#define SERVED_FILE_HELD  ((size_t)128 << 10) /* files up to this size are kept in memory */
#define SERVED_FILE_BUSY  2                   /* threads that decode at a time */

#define SERVED_FILE_KEPT 4 /* temporary copies that are kept for further requests */

/* A temporary copy of a file. */
struct served_copy {
    char *name; /* archive and path; NULL: no copy */
    int fd;
    uint64_t used; /* when it was asked for last; larger is later */
};

/* What all files of a server share. */
struct served_place {
    const char *temp_dir;
    struct stop stop;
    /* under lock: a recording is asked for in many ranges, and copied once */
    pthread_mutex_t lock;
    struct served_copy copies[SERVED_FILE_KEPT];
    uint64_t uses;
    unsigned busy; /* threads that decode; also under lock */
    pthread_cond_t turn;
};

/* Initialise the shared part; temp_dir is borrowed. */
void served_place_init(struct served_place *place, const char *temp_dir, struct stop stop);

/* Remove the copies. No file may be open. */
void served_place_clear(struct served_place *place);

struct served_file;

/*
 * Open a file of an archive.
 *
 * path   without the top directory
 * place  borrowed until served_file_close
 */
struct served_file *served_file_open(const char *archive, const char *path,
                                     struct served_place *place, struct err *err) MUST_CHECK;

/* Make a temporary file of what `make` produces. */
struct served_file *served_file_make(struct served_place *place, file_maker *make, void *ctx,
                                     struct err *err) MUST_CHECK;

/* Close a file; NULL is fine. */
void served_file_close(struct served_file *file);

/* The size of a file. */
uint64_t served_file_size(const struct served_file *file);

/* Read up to len bytes from offset at on; 0 at the end of the file, -1 on error. */
ssize_t served_file_read(struct served_file *file, uint64_t at, void *bytes, size_t len,
                         struct err *err) MUST_CHECK;

#endif
