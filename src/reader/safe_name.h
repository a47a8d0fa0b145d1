/* SPDX-License-Identifier: MIT */
/*
 * safe_name: which names of an archive may be written to the disk.
 *
 * One decision for every command and every file: what extract and report write, the view's
 * page and the top directory too. verify says the same, so that what it calls good can be
 * extracted.
 *
 * Pure.
 *
 * Errors   none: the reason is the answer
 * Threads  any
 * Source   docs/archive-format.md, "Names"
 */
#ifndef READER_SAFE_NAME_H
#define READER_SAFE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define SAFE_NAME_PATH_MAX  4000 /* bytes of a path with its top directory */
#define SAFE_NAME_DEPTH_MAX 64   /* components */

/*
 * Why a path, top directory and all, may not be written; NULL: it may. Each component must be
 * portable (path_is_portable): so no "..", none that begins with a dot, no control characters.
 */
const char *safe_name_refused(const char *path);

/* The same of a top directory alone, len bytes of name. */
bool safe_name_top(const char *name, size_t len);

/* Why a path below the top directory cannot be an artifact's: it lies outside of data/, or may
 * not be written; NULL: it can. */
const char *safe_name_not_payload(const char *path);

#endif
