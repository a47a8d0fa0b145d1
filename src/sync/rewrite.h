/* SPDX-License-Identifier: MIT */
/*
 * rewrite: a volume once more, with some of its runs.
 *
 * Every file that is kept is hashed while it is copied, and must have the digest
 * that the manifest gives. Rows of the manifest stay as they are, but for where
 * files lie now; what was a link to a file that goes becomes the file.
 *
 * Units    bytes
 * Errors   ERR_MISMATCH for a damaged volume, which then stays; the archive's; the volume's
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
    const char *top;       /* the new one's top directory */
    const char *tool;      /* "skyarc 1.0" */
    const char *spool_dir; /* for the view in the making */
    bool (*keep)(void *ctx, const char *run_id);
    void *ctx;
};

/*
 * Write a volume once more, with the runs that opts names alone. The old volume stays as it
 * is.
 */
int rewrite_run(const struct rewrite_opts *opts, struct err *err) MUST_CHECK;

#endif
