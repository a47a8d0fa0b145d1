/* SPDX-License-Identifier: MIT */
/*
 * path: names from elsewhere made safe and portable, one component at a time.
 *
 * A safe component is valid UTF-8 without control or bidirectional formatting
 * characters, without any of / % \ : * ? " < > |, without leading or trailing
 * blanks or dots, is no device name of Windows, and is 1 to PATH_NAME_MAX bytes
 * long. Then sha256sum, BagIt and every file system read it alike.
 *
 * Errors   none; what cannot be kept becomes "_"
 * Threads  any
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_NAME_MAX      200 /* bytes of a component, leaving room for "~2" and an extension */
#define PATH_COMPONENT_MAX 255 /* bytes of one with these */

/* Make a safe component of a foreign name; returns out. */
const char *path_safe(char out[PATH_NAME_MAX + 1], const char *name);

/* Whether a component of len bytes is safe, a suffix included: at most PATH_COMPONENT_MAX
 * bytes. */
bool path_is_portable(const char *name, size_t len);

/* The part behind the last slash; the whole when there is none. Lent. */
const char *path_base(const char *path);

/*
 * The extension of a name: 1 to 8 letters or digits behind the last dot, which
 * is not the first character.
 *
 * returns  the dot, in name; or name's end
 */
const char *path_ext(const char *name);

/* The directory part ("." when there is none), to be freed by mem_free; NULL without memory. */
char *path_dir(const char *path);

#endif
