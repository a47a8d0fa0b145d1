/* SPDX-License-Identifier: MIT */
/*
 * tsp: time stamps of the Time-Stamp Protocol: what an authority is asked, and whether its
 * response proves that a digest existed at a time.
 *
 * A response is kept whole, as the authority sent it, in the file ARCHIVE.tsr, those of further
 * authorities in ARCHIVE.2.tsr and so on. Without skyarc it is verified by
 * "openssl ts -verify -digest HEX -in ARCHIVE.tsr -CAfile ca.pem".
 *
 * Units    milliseconds since 1970
 * Errors   ERR_FORMAT for a malformed response or certificate file; ERR_DENIED for a refusal of
 *          the authority; ERR_MISMATCH for a response that answers something else, or whose
 *          signature or certificate is not valid; ERR_SYSTEM if libcrypto fails; ERR_MEMORY
 * Owns     a trust owns its certificates
 * Threads  any
 * Source   RFC 3161, 2.4 (request and response); RFC 5816; openssl-ts(1)
 */
#ifndef ATTEST_TSP_H
#define ATTEST_TSP_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pulse.h"

#include <stddef.h>
#include <stdint.h>

#define TSP_NONCE    8                   /* bytes of a nonce */
#define TSP_WHO_MAX  256                 /* bytes of an authority's name, and the NUL */
#define TSP_FILE_MAX ((size_t)256 << 10) /* bytes of a response */
#define TSP_CA_MAX   ((size_t)4 << 20)   /* bytes of a certificate file */
#define TSP_MOST     8                   /* authorities of one archive */
#define TSP_SUFFIX   ".tsr"

/* The certificates of authorities that are trusted. */
struct tsp_trust;

/* Read certificates in PEM, one or several. text: len bytes. */
struct tsp_trust *tsp_trust_read(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Read certificates from a file. */
int tsp_trust_load(const char *path, struct stop stop, struct tsp_trust **trust,
                   struct err *err) MUST_CHECK;

/* Free a trust; NULL is fine. */
void tsp_trust_free(struct tsp_trust *trust);

/*
 * The path of a response beside an archive: ARCHIVE.tsr, ARCHIVE.2.tsr and so on. Free by
 * mem_free.
 *
 * number   of the authority, from 1 to TSP_MOST
 */
char *tsp_path(const char *archive, unsigned number, struct err *err) MUST_CHECK;

/*
 * The name with which the response's path begins, by the path of response 1: ERR_USAGE if that
 * does not end with TSP_SUFFIX. Free by mem_free.
 */
char *tsp_base(const char *response, struct err *err) MUST_CHECK;

/* Make a random nonce. */
int tsp_nonce(uint8_t nonce[TSP_NONCE], struct err *err) MUST_CHECK;

/* Append a request (DER) for a time stamp of a SHA-256, with the authority's certificate. */
int tsp_request(const uint8_t sha256[SHA256_SIZE], const uint8_t nonce[TSP_NONCE],
                struct buf *out, struct err *err) MUST_CHECK;

/* What a response must be. */
struct tsp_wanted {
    const uint8_t *sha256; /* of the data; SHA256_SIZE bytes */
    const uint8_t *nonce;  /* TSP_NONCE bytes; NULL: any, or none */
    /* who may have signed it: one of these certificates, or who has a chain to one of them by
     * certificates in the response; NULL: anyone, and only the signature itself is checked */
    const struct tsp_trust *trust;
};

/* What a valid response says. */
struct tsp_stamp {
    int64_t at_ms;         /* when the digest existed */
    char who[TSP_WHO_MAX]; /* the subject of the authority's certificate, RFC 2253, ASCII */
};

/*
 * Verify a response (DER). Certificates must have been valid at the time of the stamp, not now:
 * a stamp stays valid after its authority's certificate has ended. MD5, SHA-1 and keys of less
 * than 112 bits of security prove nothing.
 */
int tsp_check(const void *response, size_t len, const struct tsp_wanted *wanted,
              struct tsp_stamp *stamp, struct err *err) MUST_CHECK;

#endif
