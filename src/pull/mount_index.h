/* SPDX-License-Identifier: MIT */
/*
 * mount_index: writes ratarmount's index (index/ratarmount) beside an archive that is complete.
 *
 * The archive is decompressed once, for its tar headers.
 *
 * Errors   ERR_USAGE for an archive that is no .tar.zst with a seek table; those of reading and
 *          writing
 * Owns     nothing
 * Threads  one
 * Source   docs/archive-format.md, "The index for ratarmount"
 */
#ifndef PULL_MOUNT_INDEX_H
#define PULL_MOUNT_INDEX_H

#include "base/err.h"
#include "base/pulse.h"
#include "index/ratarmount.h"

/*
 * Write ARCHIVE.index.sqlite, which is replaced if it exists. After a failure it is as it was.
 *
 * index  empty, as ratarmount_new made it
 * mode   permissions of the file
 */
int mount_index_write(struct ratarmount *index, const char *archive, unsigned mode,
                      struct stop stop, struct err *err) MUST_CHECK;

/* The same, with the archive's permissions. */
int mount_index_write_like(struct ratarmount *index, const char *archive, struct stop stop,
                           struct err *err) MUST_CHECK;

#endif
