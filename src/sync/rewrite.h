/* SPDX-License-Identifier: MIT */
/*
 * rewrite: copies a volume with some of its runs.
 *
 * Every kept file is hashed while it is copied, and must match the digest in the manifest. Rows
 * of the manifest are kept, except for the positions of files. A hard link whose target is
 * dropped becomes a file.
 *
 * Units    bytes
 * Errors   ERR_MISMATCH for a damaged volume, which stays; those of archive and volume
 * Owns     nothing
 * Threads  one; starts those of the volume
 */
#ifndef SYNC_REWRITE_H
#define SYNC_REWRITE_H

#include "base/err.h"

#include <stdbool.h>

struct rewrite_opts {
    const char *from; /* paths */
    const char *to;
    const char *top;       /* the new volume's top directory */
    const char *tool;      /* "skyarc 1.0" */
    const char *spool_dir; /* for the page's temporary files */
    bool (*keep)(void *ctx, const char *run_id);
    void *ctx;
};

/*
 * Write a new volume with the runs that opts->keep selects. The old volume is not changed.
 */
int rewrite_run(const struct rewrite_opts *opts, struct err *err) MUST_CHECK;

#endif
