/* SPDX-License-Identifier: MIT */
/*
 * extract: files out of an archive onto the disk, and never outside of a
 * directory.
 *
 * Names come from elsewhere: each component is looked at, folders are opened one
 * by one without following links, and a hard link leads to what was extracted
 * here. A file gets its name when it is whole and has the digest that the
 * manifest gives; what is there stays unless forced.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM for the disk, fatal; damage of the archive is told to the hook
 * Owns     nothing
 * Threads  one; starts others; hooks are called from one at a time
 */
#ifndef READER_EXTRACT_H
#define READER_EXTRACT_H

#include "base/err.h"
#include "format/manifest_read.h"

#include <stdbool.h>
#include <stdint.h>

struct extract_opts {
    const char *dir; /* made when it is not there */
    unsigned mode;   /* of the files */
    bool force;      /* replace what is there */
    bool keep_going; /* after damage; else the first one ends it */
    /* Whether a file is wanted; row is NULL for one that is no artifact. */
    bool (*wanted)(void *ctx, const char *path, const struct manifest_read_artifact *row);
    /* A file that could not be had, or was left alone; path NULL: an unknown number. */
    void (*lost)(void *ctx, const char *path, const char *why);
    void (*kept)(void *ctx, const char *path); /* it was there, and stays */
    bool (*stopped)(void *ctx);                /* may be NULL */
    void *ctx;
};

struct extract_result {
    uint64_t files;
    uint64_t links;
    uint64_t bytes;
    uint64_t kept; /* were there already */
    uint64_t lost;
    bool indexed;
};

/*
 * Extract files of the archive at path below opts' directory. Each is checked against the
 * manifest; *result says how many, also on failure.
 */
int extract_run(const char *path, const struct extract_opts *opts,
                struct extract_result *result, struct err *err) MUST_CHECK;

#endif
