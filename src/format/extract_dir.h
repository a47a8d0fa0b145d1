/* SPDX-License-Identifier: MIT */
/*
 * extract_dir: a directory for extracted files, which are never written outside of it.
 *
 * Errors   ERR_FORMAT for a name that leads out of the directory; ERR_EXISTS; ERR_SYSTEM
 * Owns     the descriptor
 * Threads  any, once open
 * Source   openat2(2), RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS; file_beneath
 */
#ifndef FORMAT_EXTRACT_DIR_H
#define FORMAT_EXTRACT_DIR_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct extract_dir {
    int fd;
    const char *name;     /* its path; borrowed; set by extract_dir_open */
    const char *top;      /* takes the place of each path's first folder; NULL: none does */
    unsigned folder_mode; /* permissions of new folders, before the umask */
};

/* Identifies a file independently of its name. */
struct extract_dir_id {
    uint64_t device;
    uint64_t inode; /* 0: none */
};

/* A file being written, under a temporary name in its folder. */
struct extract_dir_file {
    int dir;
    int fd;
    char temp[48];
    const char *name;         /* last component; points into path */
    struct extract_dir_id id; /* valid after the commit */
};

/* Open a directory; it is created if it does not exist. The name must outlive root. */
int extract_dir_open(struct extract_dir *root, const char *dir, struct err *err) MUST_CHECK;

/* Close the directory; may be called twice. */
void extract_dir_close(struct extract_dir *root);

#define EXTRACT_DIR_SHOWN 4600 /* room for extract_dir_shown */

/* Where a path of an archive is written, for messages. Returns out, cut if it is too long; or
 * the path itself if it is NULL, has no folder, or may not be written. */
const char *extract_dir_shown(const struct extract_dir *root, const char *path,
                              char out[EXTRACT_DIR_SHOWN]);

/* Whether anything, also a link, exists at a path, without following links. */
bool extract_dir_has(const struct extract_dir *root, const char *path);

/* Check that nothing is at a path: else ERR_EXISTS, or ERR_FORMAT if it is a folder. */
int extract_dir_vacant(const struct extract_dir *root, const char *path,
                       struct err *err) MUST_CHECK;

/*
 * Begin a file, and create its folders. ERR_FORMAT if safe_name_refused refuses the path, or if
 * something else than a folder is in the way.
 */
int extract_dir_begin(const struct extract_dir *root, struct extract_dir_file *file,
                      const char *path, struct err *err) MUST_CHECK;

/*
 * Set the file's permissions and time, and give it its final name; ERR_EXISTS if something is
 * there and force is not set.
 */
int extract_dir_commit(struct extract_dir_file *file, int64_t mtime, unsigned mode, bool force,
                       struct err *err) MUST_CHECK;

/* Remove an uncommitted file, and close the descriptors; may also be called after a commit. */
void extract_dir_abort(struct extract_dir_file *file);

/*
 * Make path a hard link to target, both beneath the directory; ERR_MISMATCH if target is not
 * the file id.
 */
int extract_dir_link(const struct extract_dir *root, const char *path, const char *target,
                     const struct extract_dir_id *id, bool force, struct err *err) MUST_CHECK;

/*
 * Whether extract_dir_link failed because the file system has no links, or allows the target no
 * further one; then err is cleared.
 */
bool extract_dir_must_copy(struct err *err);

/*
 * What a walk does. dir is the folder of what is visited, path is relative to where the walk
 * began; fd is a folder itself.
 */
struct extract_dir_walker {
    /* Called for everything but folders. */
    int (*file)(void *ctx, int dir, const char *path, const struct stat *st, struct err *err);
    /* Before a folder is read. returns 1: read it; 0: skip its entries */
    int (*enter)(void *ctx, int fd, const struct stat *st);
    /* After a folder. */
    int (*leave)(void *ctx, int dir, const char *name, int fd, struct err *err);
    void *ctx;
};

/* An enter callback: read every folder. */
int extract_dir_enter(void *ctx, int fd, const struct stat *st);

/* A leave callback that does nothing. */
int extract_dir_leave(void *ctx, int dir, const char *name, int fd, struct err *err);

/*
 * Visit everything below an open directory, without following links; entries may be removed
 * while they are visited. ERR_LIMIT if a path is longer than names may be.
 */
int extract_dir_walk(int fd, const struct extract_dir_walker *walker,
                     struct err *err) MUST_CHECK;

#endif
