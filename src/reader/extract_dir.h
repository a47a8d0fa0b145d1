/* SPDX-License-Identifier: MIT */
/*
 * extract_dir: a directory that files are put into, and beneath which everything
 * stays.
 *
 * Errors   ERR_FORMAT for a name that leads elsewhere; ERR_EXISTS; ERR_SYSTEM
 * Owns     its descriptor
 * Threads  any, once open
 * Source   openat2(2), RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS; file_beneath
 */
#ifndef READER_EXTRACT_DIR_H
#define READER_EXTRACT_DIR_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct extract_dir {
    int fd;
};

/* Which file it is, whatever its name. */
struct extract_dir_id {
    uint64_t device;
    uint64_t inode; /* 0: none */
};

/* A file on its way: written under another name, in its own folder. */
struct extract_dir_file {
    int dir;
    int fd;
    char temp[48];
    const char *name;         /* its last component; lent from path */
    struct extract_dir_id id; /* once it is committed */
};

/* Open a directory, making it when it is not there. */
int extract_dir_open(struct extract_dir *place, const char *dir, struct err *err) MUST_CHECK;

/* Close the directory; may be called twice. */
void extract_dir_close(struct extract_dir *place);

/* Whether something is at a path, a link too; not behind one. */
bool extract_dir_has(const struct extract_dir *place, const char *path);

/* Begin a file, its folders being made. A path that safe_name_refused refuses is ERR_FORMAT,
 * and so is one where something else stands than folders. */
int extract_dir_begin(const struct extract_dir *place, struct extract_dir_file *file,
                      const char *path, struct err *err) MUST_CHECK;

/* Give it its permissions, time and name; ERR_EXISTS when something is there and force is not
 * set. */
int extract_dir_commit(struct extract_dir_file *file, int64_t mtime, unsigned mode, bool force,
                       struct err *err) MUST_CHECK;

/* Give it up; may be called after a commit. */
void extract_dir_abort(struct extract_dir_file *file);

/* Make path a hard link to target, both beneath; ERR_MISMATCH when what is at target is not the
 * file id, which was put there. */
int extract_dir_link(const struct extract_dir *place, const char *path, const char *target,
                     const struct extract_dir_id *id, bool force, struct err *err) MUST_CHECK;

#endif
