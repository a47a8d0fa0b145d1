/* SPDX-License-Identifier: MIT */
/*
 * container: the formats that an archive may have, and what they are called.
 *
 * Errors   ERR_USAGE for a name that is none
 * Threads  any
 */
#ifndef FORMAT_CONTAINER_H
#define FORMAT_CONTAINER_H

#include "base/err.h"

#include <stdbool.h>

enum container { CONTAINER_TAR_ZST, CONTAINER_TAR_GZ, CONTAINER_TAR, CONTAINER_ZIP };

#define CONTAINERS 4

/* "tar.zst" and so on: what --format takes, and a file's name ends in. */
const char *container_name(enum container container);

/* Whether a file's name ends as an archive's does: .tar.zst, .tgz and so on. */
bool container_is_named(const char *name);

/*
 * Find the format that a name means.
 *
 * whole    the name is a format's ("tar.zst", "tgz"); else a file's that ends in one
 */
int container_of_name(const char *name, bool whole, enum container *container,
                      struct err *err) MUST_CHECK;

#endif
