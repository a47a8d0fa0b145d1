/* SPDX-License-Identifier: MIT */
/*
 * authority: asks a time-stamping authority for a time stamp, and keeps what it answers.
 *
 * The authority learns the digest and nothing else. Its response is kept only if it is the
 * answer to this request (nonce, digest) and its signature is valid.
 *
 * Errors   those of attest/tsp and net/question; ERR_SYSTEM if the file cannot be written
 * Owns     nothing
 * Threads  any; a request ends by its time limit of AUTHORITY_MS, or when stop asks
 * Source   RFC 3161, 3.4 (the protocol over HTTP)
 */
#ifndef ATTEST_AUTHORITY_H
#define ATTEST_AUTHORITY_H

#include "attest/tsp.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTHORITY_MS 20000 /* longest time for an answer */

/* The authorities that time-stamp archives, and how they are asked; all is borrowed. */
struct authorities {
    const char *const *urls;       /* the first is number 1 */
    size_t count;                  /* at most TSP_MOST; 0: none */
    const char *agent;             /* the User-Agent */
    const char *ca_file;           /* certificates for TLS; NULL: the system's */
    const struct tsp_trust *trust; /* who may have signed; NULL: not checked, see tsp_wanted */
    unsigned mode;                 /* permissions of the responses' files */
    struct stop stop;
};

/* Check the URLs: ERR_USAGE for one that is not http or https, for too many, and for two that
 * differ in nothing that may be shown. */
int authority_check(const struct authorities *authorities, struct err *err) MUST_CHECK;

/*
 * Check, before anything is fetched, that the responses can be written beside an archive:
 * ERR_USAGE if one would take the archive's place, ERR_EXISTS, ERR_SYSTEM.
 *
 * base     the name that the responses begin with
 * archive  path of the archive, which need not exist; NULL: it is not a file
 * force    replace files that exist
 */
int authority_check_files(const struct authorities *authorities, const char *base,
                          const char *archive, bool force, struct err *err) MUST_CHECK;

/*
 * Ask for a time stamp and write the response to a file, which is replaced. After an error
 * there is no such file: one of an earlier archive is removed.
 *
 * number   of the authority, from 1 to count
 * path     of the file
 */
int authority_ask(const struct authorities *authorities, unsigned number,
                  const uint8_t sha256[SHA256_SIZE], const char *path, struct tsp_stamp *stamp,
                  struct err *err) MUST_CHECK;

#endif
