/* SPDX-License-Identifier: MIT */
/*
 * container: the formats of archives and their names.
 *
 * Errors   ERR_USAGE for an unknown name
 * Threads  any
 */
#ifndef FORMAT_CONTAINER_H
#define FORMAT_CONTAINER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum container {
    CONTAINER_TAR_ZST,
    CONTAINER_TAR_GZ,
    CONTAINER_TAR,
    CONTAINER_ZIP,
    CONTAINER_DIR, /* a directory with the same files; no file name ends in it */
};

#define CONTAINERS 5

/* The name of a format, as in --format and file names: "tar.zst". */
const char *container_name(enum container container);

/* Whether a file name ends in the name of a format: .tar.zst, .tgz and so on. */
bool container_is_named(const char *name);

/* The length of a file name without the name of its format; 0: it does not end in one. */
size_t container_stem(const char *name);

/*
 * Find the format for a name.
 *
 * whole    name is a format ("tar.zst", "tgz"); else name is a file name that ends in a format
 */
int container_of_name(const char *name, bool whole, enum container *container,
                      struct err *err) MUST_CHECK;

#endif
