/* SPDX-License-Identifier: MIT */
/*
 * time_stamps: checks the time stamps beside an archive (attest/tsp) by the digest of its
 * manifest.
 *
 * Errors   those of reading the files, other than that there is none
 * Owns     nothing
 * Threads  any
 */
#ifndef EVIDENCE_TIME_STAMPS_H
#define EVIDENCE_TIME_STAMPS_H

#include "attest/tsp.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

/* Where the time stamps are, and what they must be. */
struct time_stamps {
    const char *archive;           /* path, or s3://bucket/key */
    const char *file;              /* of the only response; NULL: ARCHIVE.tsr and so on */
    const uint8_t *sha256;         /* of the manifest */
    const struct tsp_trust *trust; /* NULL: see tsp_wanted */
};

/*
 * Visits a response; returns -1 to fail.
 *
 * path     of the response
 * stamp    what it says, if it is valid
 * why      why it is not valid; NULL: it is
 */
typedef int time_stamps_fn(void *ctx, const char *path, const struct tsp_stamp *stamp,
                           const struct err *why, struct err *err);

/* Check and visit all responses, in the order of their numbers. */
int time_stamps_each(const struct time_stamps *stamps, time_stamps_fn *fn, void *ctx,
                     struct err *err) MUST_CHECK;

#endif
