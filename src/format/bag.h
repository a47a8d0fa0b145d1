/* SPDX-License-Identifier: MIT */
/*
 * bag: the tag files that make the archive's directory a BagIt bag.
 *
 * Errors   what put says
 * Threads  any
 * Source   RFC 8493 (BagIt 1.0); sha256sum's output format
 */
#ifndef FORMAT_BAG_H
#define FORMAT_BAG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

#define BAG_DECLARATION "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

/* Labels of our own in bag-info.txt. */
#define BAG_PREVIOUS        "Skyarc-Previous-Archive"
#define BAG_PREVIOUS_SHA256 "Skyarc-Previous-Manifest-SHA256"

struct bag_info {
    const char *name;     /* External-Identifier */
    const char *software; /* Bag-Software-Agent */
    const char *source;   /* where it came from */
    int64_t made;         /* ms since 1970 */
    uint64_t bytes;       /* of the payload, each file counted whole */
    uint64_t files;
    const char *previous;        /* the archive before it in its series, or NULL */
    const char *previous_sha256; /* and its manifest's digest, in hex */
};

/* One line of a manifest: digest, two blanks, path. */
int bag_line(put_fn *put, void *ctx, const uint8_t sha256[SHA256_SIZE], const char *path,
             struct err *err) MUST_CHECK;

/* bag-info.txt. */
int bag_info(put_fn *put, void *ctx, const struct bag_info *info, struct err *err) MUST_CHECK;

#endif
