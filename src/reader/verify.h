/* SPDX-License-Identifier: MIT */
/*
 * verify: whether an archive is what it says it is.
 *
 * Every hash; the manifest against the contents both ways; the BagIt files; the
 * seek table, the manifest's places and the tar headers against each other.
 *
 * Units    bytes
 * Errors   what keeps it from being read at all; damage is told to the hook
 * Owns     nothing
 * Threads  one; starts others; the hook is called from one at a time
 * Source   docs/archive-format.md; RFC 8493
 */
#ifndef READER_VERIFY_H
#define READER_VERIFY_H

#include "base/err.h"
#include "reader/archive_reader.h"
#include "reader/manifest_scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERIFY_NOWHERE UINT64_MAX

/* One thing that is wrong; lent for the call. */
struct verify_damage {
    const char *path;        /* NULL: the archive itself */
    const char *artifact_id; /* NULL: none */
    uint64_t offset;         /* in the tar stream, or VERIFY_NOWHERE */
    const char *what;
};

struct verify_opts {
    bool quick;     /* structure alone: payload is not hashed */
    uint64_t share; /* of shares, from 1 on: only this part of the payload is hashed; 0: all */
    uint64_t shares;
    void (*damage)(void *ctx, const struct verify_damage *damage);
    bool (*stopped)(void *ctx); /* may be NULL */
    void *ctx;
};

struct verify_result {
    uint64_t artifacts; /* in the manifest */
    uint64_t missing;   /* that the manifest says it lacks */
    uint64_t files;     /* looked at */
    uint64_t bytes;     /* hashed */
    uint64_t damages;
    bool indexed;
    struct manifest_digests manifest;
    char top[256];                     /* the top directory; "" where there is no manifest */
    char previous[256];                /* the archive before it in its series; "" for none */
    char previous_sha256[SHA256_TEXT]; /* and its manifest's digest */
};

/*
 * Check the archive at path as opts says. Damage goes to opts' callback and into *result;
 * -1 only where it could not be checked.
 */
int verify_run(const char *path, const struct verify_opts *opts, struct verify_result *result,
               struct err *err) MUST_CHECK;

#endif
