/* SPDX-License-Identifier: MIT */
/*
 * sigv4: signs a request by AWS Signature Version 4, as the Authorization header.
 *
 * Pure: the caller passes the time. Written here since libcurl 7.88.1 cannot sign the queries
 * of multipart uploads and lists.
 *
 * Path and query are signed as they are sent: the caller has percent-encoded them
 * (sigv4_encode), and S3 does not normalise paths.
 *
 * Units    milliseconds since 1970
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     nothing
 * Threads  any
 * Source   AWS's "Signature Calculations for the Authorization Header" (Amazon S3 API
 * reference)
 */
#ifndef S3_SIGV4_H
#define S3_SIGV4_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGV4_HEADERS 32 /* maximum number of signed headers, besides host */
#define SIGV4_EMPTY   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sigv4_request {
    const char *method;
    const char *path;  /* percent-encoded, from the first slash on */
    const char *query; /* percent-encoded "name=value" joined by '&', without '?'; or "" */
    const char *host;  /* the Host header: with a port that is not the scheme's default */
    const char *const *headers; /* lines "name: value" to be signed, x-amz-date among them */
    size_t header_count;        /* at most SIGV4_HEADERS */
    const char *payload;        /* SHA-256 of the body in hex, or what stands for it */
    const char *region;
    const char *service; /* "s3", "sts" */
    int64_t time_ms;     /* as x-amz-date has it, in CLOCK_COMPACT */
};

/* Percent-encode all bytes but A-Z a-z 0-9 - . _ ~, and '/' if slash is set: slash is kept. */
int sigv4_encode(struct buf *out, const char *text, bool slash, struct err *err) MUST_CHECK;

/* Append "&name=value" to a query, the value percent-encoded; nothing if it is empty. */
int sigv4_parameter(struct buf *query, const char *name, const char *value,
                    struct err *err) MUST_CHECK;

/* Write the canonical request, whose hash is signed. */
int sigv4_canonical(const struct sigv4_request *request, struct buf *out,
                    struct err *err) MUST_CHECK;

/* Write the value of the Authorization header. */
int sigv4_sign(const struct sigv4_request *request, const char *key_id, const char *secret,
               struct buf *out, struct err *err) MUST_CHECK;

#endif
