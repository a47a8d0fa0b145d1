/* SPDX-License-Identifier: MIT */
/*
 * tree: a directory in the making, with the files that an archive would hold.
 *
 * Written as DIR.partial beside DIR, and renamed at the end, after fsync of every file and
 * directory. Until then directories have mode 0700 and files 0600, and every file gets its name
 * when it is whole. DIR.partial is locked; everything in it is opened relative to its
 * descriptor, without following links.
 *
 * What an interrupted attempt left is offered file by file (tree_look) to who can judge its
 * content; tree_start removes all that is not kept. tree_open refuses a DIR.partial, and a DIR
 * to be replaced, that holds anything at its top that is not part of a bag: it is not ours.
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
 * mode     permissions of the files at the end; a directory is also searched by who reads it
 */
struct tree *tree_open(const char *path, bool force, unsigned mode, struct err *err) MUST_CHECK;

/* Release; keep: what is there stays in DIR.partial, unless committed. NULL is fine. */
void tree_free(struct tree *tree, bool keep);

/* Whether an interrupted attempt left something. */
bool tree_has_left(const struct tree *tree);

/*
 * Read what an interrupted attempt left, before tree_look: counts the names of each file, and
 * removes whatever is no file of ours.
 */
int tree_survey(struct tree *tree, struct err *err) MUST_CHECK;

/*
 * Open a file that was left, if only we can have written it: a regular file of this user, which
 * others cannot write, all names of which are in DIR.partial. false: there is none.
 */
bool tree_look(const struct tree *tree, const char *path, struct tree_left *left);

/* Give a file that was left the time and the permissions of one that is written now. */
int tree_restamp(const struct tree_left *left, int64_t mtime, struct err *err) MUST_CHECK;

/*
 * Begin to write: remove all that was left, but for what is kept.
 *
 * kept     keys are the paths that are kept; NULL: none
 * bytes    of them, for tree_size
 */
int tree_start(struct tree *tree, const struct hashmap *kept, uint64_t bytes,
               struct err *err) MUST_CHECK;

/* Whether the file system has hard links; valid after tree_start. */
bool tree_links(const struct tree *tree);

/* Begin a file, or make a hard link; paths are relative to the directory. */
int tree_begin(struct tree *tree, const struct entry_file *file, struct err *err) MUST_CHECK;

/* Add to the file that was begun. */
int tree_add(struct tree *tree, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* End the file: it gets its name. */
int tree_end(struct tree *tree, struct err *err) MUST_CHECK;

/* A point to come back to, before a file is begun. */
void tree_mark(struct tree *tree);

/* Remove the file that was begun since the mark, ended or not. */
int tree_back(struct tree *tree, struct err *err) MUST_CHECK;

/* The bytes of all files, without links. */
uint64_t tree_size(const struct tree *tree);

/*
 * Set the permissions, sync every file and directory, and rename DIR.partial to DIR. A DIR that
 * is replaced is removed afterwards.
 */
int tree_commit(struct tree *tree, struct err *err) MUST_CHECK;

#endif
