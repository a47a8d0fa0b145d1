/* SPDX-License-Identifier: MIT */
/*
 * tree: writes a directory with the files that an archive would contain.
 *
 * Written as DIR.partial beside DIR, and renamed at the end, after fsync of every file and
 * directory. Until then directories have mode 0700 and files 0600, and a file gets its name
 * when it is complete. DIR.partial is locked; everything in it is opened relative to its
 * descriptor, without following links.
 *
 * The files of an interrupted attempt are opened one by one (tree_look) by the caller, which
 * judges their content; tree_start removes all files that are not kept. tree_open refuses a
 * DIR.partial, or a DIR to be replaced, if an entry at its top is not part of a bag: skyarc did
 * not write it.
 *
 * Units    bytes; mtime in seconds since 1970
 * Errors   ERR_EXISTS, ERR_BUSY (another skyarc writes it), ERR_SYSTEM
 * Owns     its descriptors, and the lock
 * Threads  one at a time
 * Source   docs/archive-format.md, "A directory"
 */
#ifndef WRITER_TREE_H
#define WRITER_TREE_H

#include "base/err.h"
#include "base/hashmap.h"
#include "format/entry.h"
#include "format/extract_dir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree;

/* A file that an interrupted attempt left. */
struct tree_left {
    int fd; /* to read it; the caller closes it */
    struct extract_dir_id id;
    uint64_t size;
};

/*
 * Open and lock DIR.partial; tree_start is next.
 *
 * path     of the directory, without a slash at its end
 * force    may replace a directory that is a bag
 * mode     final permissions of the files; directories also get an x for each r
 */
struct tree *tree_open(const char *path, bool force, unsigned mode, struct err *err) MUST_CHECK;

/* Release; keep: DIR.partial stays, unless it was committed. NULL is fine. */
void tree_free(struct tree *tree, bool keep);

/* Whether an interrupted attempt left something. */
bool tree_has_left(const struct tree *tree);

/*
 * Scan the files of an interrupted attempt, before tree_look: counts the names of each file,
 * and removes files that skyarc cannot have written.
 */
int tree_survey(struct tree *tree, struct err *err) MUST_CHECK;

/*
 * Open a file of an interrupted attempt if only skyarc can have written it: a regular file of
 * this user, which others cannot write, all names of which are in DIR.partial. false: there is
 * no such file.
 */
bool tree_look(const struct tree *tree, const char *path, struct tree_left *left);

/* Set the time and the permissions of a kept file to those of a new one. */
int tree_restamp(const struct tree_left *left, int64_t mtime, struct err *err) MUST_CHECK;

/*
 * Start writing: remove all files of the interrupted attempt except the kept ones.
 *
 * kept     its keys are the paths of the kept files; NULL: none
 * bytes    total size of the kept files, for tree_size
 */
int tree_start(struct tree *tree, const struct hashmap *kept, uint64_t bytes,
               struct err *err) MUST_CHECK;

/* Whether the file system has hard links; valid after tree_start. */
bool tree_links(const struct tree *tree);

/* Begin a file, or make a hard link; paths are relative to the directory. */
int tree_begin(struct tree *tree, const struct entry_file *file, struct err *err) MUST_CHECK;

/* Append bytes to the current file. */
int tree_add(struct tree *tree, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* End the current file, and give it its name. */
int tree_end(struct tree *tree, struct err *err) MUST_CHECK;

/* Set the mark that tree_back returns to, before a file is begun. */
void tree_mark(struct tree *tree);

/* Remove the file that was begun after the mark, also if it has ended. */
int tree_back(struct tree *tree, struct err *err) MUST_CHECK;

/* The total size of all files, without links. */
uint64_t tree_size(const struct tree *tree);

/*
 * Set the permissions, sync every file and directory, and rename DIR.partial to DIR. A DIR that
 * is replaced is removed afterwards.
 */
int tree_commit(struct tree *tree, struct err *err) MUST_CHECK;

#endif
