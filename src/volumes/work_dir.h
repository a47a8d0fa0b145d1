/* SPDX-License-Identifier: MIT */
/*
 * work_dir: the local directory that a sync into a bucket works in.
 *
 * It has the lock, the catalog, a copy of the log, and the volumes that are being made. It is
 * of one bucket and prefix: a file in it names them, so that a directory given by --work-dir is
 * never used for another bucket, whose volumes would all seem to be lost. The file's second
 * line is a random number, by which what this directory's processes have left in the bucket
 * is told from what others do.
 *
 * Errors   ERR_USAGE: no place for it is known, or it is of another bucket; ERR_SYSTEM
 * Owns     nothing
 * Threads  one
 */
#ifndef VOLUMES_WORK_DIR_H
#define VOLUMES_WORK_DIR_H

#include "base/err.h"
#include "s3/location.h"

#include <stdbool.h>

/*
 * The work directory's path; free by mem_free. Nothing is created.
 *
 * endpoint  URL of the store, "": AWS's
 * given     the path that the user names, or NULL: below the user's state directory
 */
char *work_dir_path(const struct location *place, const char *endpoint, const char *given,
                    struct err *err) MUST_CHECK;

/* Create the directory, if it does not exist, and note the place; ERR_USAGE if it is the
 * directory of another one. */
int work_dir_make(const char *dir, const struct location *place, struct err *err) MUST_CHECK;

#define WORK_DIR_OWNER 17 /* buffer size */

/* The directory's random number; "": it has none. */
void work_dir_owner(const char *dir, char out[WORK_DIR_OWNER]);

/* Append a line, with its end, to a file of the directory, of which it is no error if it lacks
 * some. */
void work_dir_add_line(const char *dir, const char *name, const char *line);

/* Check that an existing directory is of this place; one that does not exist is. */
int work_dir_check(const char *dir, const struct location *place, struct err *err) MUST_CHECK;

#endif
