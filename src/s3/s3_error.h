/* SPDX-License-Identifier: MIT */
/*
 * s3_error: what an object store's error response says, and what to do about it.
 *
 * Units    milliseconds since 1970
 * Errors   none: a response that is no XML document has no code
 * Owns     nothing
 * Threads  any
 * Source   Amazon S3 API reference, "Error responses"
 */
#ifndef S3_S3_ERROR_H
#define S3_S3_ERROR_H

#include "base/err.h"
#include "net/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_error {
    char code[64];     /* "NoSuchKey"; "": none */
    char message[200]; /* foreign text, not escaped */
    char region[64];   /* that the bucket is in */
    int64_t time_ms;   /* the server's clock, or CLOCK_NONE */
};

/* Read an error's document, of which the end may be missing. */
void s3_error_parse(struct s3_error *error, const char *body, size_t len);

/* Whether the error passes by itself, whatever its status. */
bool s3_error_is_transient(const struct s3_error *error);

/* Describe an unsuccessful response to a request for an object ("": for the bucket). */
void s3_error_explain(const struct s3_error *error, const struct request *request,
                      const char *bucket, const char *key, struct err *err);

/*
 * Name the permission that a request needs, if it was denied.
 *
 * key    "": the bucket's
 * query  of the request; "": none
 */
void s3_error_hint(const char *method, const char *key, const char *query, struct err *err);

#endif
