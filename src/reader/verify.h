/* SPDX-License-Identifier: MIT */
/*
 * verify: verifies an archive.
 *
 * Checked are every hash, the manifest against the contents (in both directions), the BagIt
 * files, and whether the seek table, the manifest's positions and the tar headers agree.
 *
 * Units    bytes
 * Errors   errors that prevent reading; damage is reported to the hook
 * Owns     nothing
 * Threads  one; it starts others. Each hook is called by one thread at a time; the damage hook
 *          and the progress hook may be called at the same time
 * Source   docs/archive-format.md; RFC 8493
 */
#ifndef READER_VERIFY_H
#define READER_VERIFY_H

#include "base/err.h"
#include "base/pulse.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

#include <stdbool.h>
#include <stdint.h>

#define VERIFY_NOWHERE UINT64_MAX

/* One damage; valid for the call. */
struct verify_damage {
    const char *path;        /* NULL: the archive itself */
    const char *artifact_id; /* NULL: none */
    uint64_t offset;         /* in the tar stream, or VERIFY_NOWHERE */
    const char *what;
};

struct verify_opts {
    bool quick;     /* check the structure only, without payload hashes */
    uint64_t share; /* counted from 1: hash only this part of the payload; 0: all */
    uint64_t shares;
    void (*damage)(void *ctx, const struct verify_damage *damage);
    void *ctx; /* of damage */
    struct stop stop;
    struct archive_reader_watcher watcher;
};

struct verify_result {
    uint64_t artifacts; /* in the manifest */
    uint64_t missing;   /* missing items in the manifest */
    uint64_t files;     /* number checked */
    uint64_t bytes;     /* number hashed */
    uint64_t damages;
    bool directory; /* it is a bag in a directory, which has no index */
    bool indexed;
    struct manifest_digests manifest;
    char top[256];                     /* top directory; "": no manifest */
    char previous[256];                /* previous archive of the series; or "" */
    char previous_sha256[SHA256_TEXT]; /* SHA-256 of its manifest */
};

/*
 * Verify the archive at path. Damage is reported to opts->damage and counted in *result; -1
 * only if the archive could not be checked.
 */
int verify_run(const char *path, const struct verify_opts *opts, struct verify_result *result,
               struct err *err) MUST_CHECK;

#endif
