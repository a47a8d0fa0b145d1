/* SPDX-License-Identifier: MIT */
/*
 * safe_name: decides which names in an archive may be written to disk.
 *
 * All commands use the same rules for all files, including the view's pages and the top
 * directory. verify applies them as well, so that a verified archive can be extracted.
 *
 * Pure.
 *
 * Errors   none: the reason is the return value
 * Threads  any
 * Source   docs/archive-format.md, "Names"
 */
#ifndef FORMAT_SAFE_NAME_H
#define FORMAT_SAFE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define SAFE_NAME_PATH_MAX  4000 /* maximum length of a path with its top directory */
#define SAFE_NAME_DEPTH_MAX 64   /* maximum number of components */

/*
 * Why a path including the top directory may not be written; NULL: it may. Each component must
 * be portable (path_is_portable), which excludes "..", leading dots and control characters.
 */
const char *safe_name_refused(const char *path);

/* Whether len bytes of name may be written as a top directory. */
bool safe_name_top(const char *name, size_t len);

/*
 * Why a path relative to the top directory cannot be an artifact's: it is outside of data/, or
 * may not be written; NULL: it can.
 */
const char *safe_name_not_payload(const char *path);

#endif
