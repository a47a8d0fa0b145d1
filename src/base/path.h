/* SPDX-License-Identifier: MIT */
/*
 * path: foreign names made safe and portable, one path component at a time.
 *
 * A safe component is valid UTF-8 without control or bidirectional formatting characters,
 * without any of / % \ : * ? " < > |, without leading or trailing blanks or dots, is not a
 * Windows device name, and is 1 to PATH_NAME_MAX bytes long. sha256sum, BagIt and all file
 * systems treat such a component alike.
 *
 * Errors   none; a character that is not allowed becomes "_"
 * Threads  any
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_NAME_MAX      200 /* bytes of a component, leaving room for "~2" and an extension */
#define PATH_COMPONENT_MAX 255 /* the limit with suffix and extension */

/* Turn a foreign name into a safe component; returns out. */
const char *path_safe(char out[PATH_NAME_MAX + 1], const char *name);

/* Whether a component of len bytes, suffix included (up to PATH_COMPONENT_MAX), is safe. */
bool path_is_portable(const char *name, size_t len);

/* The part after the last slash, or the whole path if there is none; points into path. */
const char *path_base(const char *path);

/* Cut the slashes at the end of a path, except the one of "/". */
void path_trim(char *path);

/*
 * Find a name's extension: 1 to 8 letters or digits after the last dot, which is not the first
 * character.
 *
 * returns  a pointer to the dot in name, or to the end of name
 */
const char *path_ext(const char *name);

/* Whether a path is longer than an ending, such as ".html", and ends with it; the case of ASCII
 * letters is ignored. */
bool path_ends(const char *path, const char *ending);

/* Copy a path's directory part ("." if there is none); free it by mem_free. NULL: no memory. */
char *path_dir(const char *path);

#endif
