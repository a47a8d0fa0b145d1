/* SPDX-License-Identifier: MIT */
/*
 * extract: extracts files of an archive into a directory, and never outside of it.
 *
 * Names in archives are not trusted: each component is checked, folders are opened one by one
 * without following links, and hard links refer only to files of the same extraction. A file
 * gets its final name only if it is complete and has the digest in the manifest. Existing files
 * are kept unless force is set.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM for disk errors, which end the extraction; damage of the archive is
 *          reported to the hooks
 * Owns     nothing
 * Threads  one; it starts others. Hooks are called by one thread at a time, except the progress
 *          hook, which may be called at the same time as another hook
 */
#ifndef READER_EXTRACT_H
#define READER_EXTRACT_H

#include "base/err.h"
#include "base/pulse.h"
#include "format/manifest_read.h"
#include "reader/archive_reader.h"

#include <stdbool.h>
#include <stdint.h>

struct extract_opts {
    const char *dir; /* created if it does not exist */
    const char *top; /* the folder in it, in place of the archive's; NULL: the archive's */
    unsigned mode;   /* permissions of the files */
    bool force;      /* replace existing files */
    bool keep_going; /* continue after damage; else stop at the first */
    /* Whether to extract a file; row is NULL if the file is not an artifact. Called with each
     * artifact while the manifest is read, and with other files later, by any thread. */
    bool (*wanted)(void *ctx, const char *path, const struct manifest_read_artifact *row);
    /* Reports a file that could not be extracted; path NULL: an unknown number of files. */
    void (*lost)(void *ctx, const char *path, const char *why);
    void (*kept)(void *ctx, const char *path); /* an existing file was kept */
    void *ctx;                                 /* of these */
    struct stop stop;
    struct archive_reader_watcher watcher;
};

struct extract_result {
    uint64_t files;
    uint64_t links;
    uint64_t bytes;
    uint64_t kept; /* existing files that were kept */
    uint64_t lost;
    bool indexed;
    char top[256]; /* the folder in dir; "": none is known */
};

/*
 * Extract files of the archive at path into opts->dir. Each file is verified against the
 * manifest; *result is also set on failure.
 */
int extract_run(const char *path, const struct extract_opts *opts,
                struct extract_result *result, struct err *err) MUST_CHECK;

#endif
