/* SPDX-License-Identifier: MIT */
/*
 * bag: writes the tag files that make an archive's directory a BagIt bag, and tells whether
 * a directory holds a bag and nothing else.
 *
 * Errors   errors of put; bag_only: ERR_EXISTS, ERR_SYSTEM, ERR_MEMORY, ERR_LIMIT
 * Threads  any
 * Source   RFC 8493 (BagIt 1.0); sha256sum's output format
 */
#ifndef FORMAT_BAG_H
#define FORMAT_BAG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define BAG_DECLARATION "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

/* Labels in bag-info.txt that BagIt does not define. */
#define BAG_PREVIOUS        "Skyarc-Previous-Archive"
#define BAG_PREVIOUS_SHA256 "Skyarc-Previous-Manifest-SHA256"

struct bag_info {
    const char *name;     /* External-Identifier */
    const char *software; /* Bag-Software-Agent */
    const char *source;   /* base URL of the service */
    int64_t made;         /* ms since 1970 */
    uint64_t bytes;       /* total size of the payload files */
    uint64_t files;
    const char *previous;        /* previous archive of the series, or NULL */
    const char *previous_sha256; /* SHA-256 of its manifest, in hex */
};

/* Write a line of a BagIt manifest: digest, two blanks, path. */
int bag_line(put_fn *put, void *ctx, const uint8_t sha256[SHA256_SIZE], const char *path,
             struct err *err) MUST_CHECK;

/* Write bag-info.txt. */
int bag_info(put_fn *put, void *ctx, const struct bag_info *info, struct err *err) MUST_CHECK;

/* The payload of a bag as it was found, to be compared with its bag-info.txt. */
struct bag_payload {
    uint64_t bytes;
    uint64_t files;
    bool sized;                  /* bytes is known */
    const char *previous_sha256; /* by manifest.json; "": none */
};

/*
 * Compare bag-info.txt with the payload; report is called with what differs, and where.
 */
void bag_check_info(const char *info, const struct bag_payload *payload,
                    void (*report)(void *ctx, const char *path, const char *what), void *ctx);

/*
 * Refuse (ERR_EXISTS) an open directory that holds anything but a bag: each file is a tag file,
 * the offline view, or listed in manifest-sha256.txt. path names it in messages.
 */
int bag_only(int dir, const char *path, struct err *err) MUST_CHECK;

#endif
