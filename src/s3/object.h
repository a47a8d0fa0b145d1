/* SPDX-License-Identifier: MIT */
/*
 * object: single objects of a bucket: how they are stored; examine, read, delete.
 *
 * Units    bytes
 * Errors   those of s3_client
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: HeadObject, GetObject, DeleteObject
 */
#ifndef S3_OBJECT_H
#define S3_OBJECT_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_OPTIONS 8 /* maximum number of lines of object_options_lines */
#define OBJECT_LINE    320
#define OBJECT_BASE64  48 /* buffer size for a SHA-256 in Base64 */

enum object_lock { OBJECT_LOCK_NONE, OBJECT_LOCK_GOVERNANCE, OBJECT_LOCK_COMPLIANCE };

/* How objects are stored; NULL: as the bucket does by default. */
struct object_options {
    const char *storage_class; /* "STANDARD_IA", ... */
    const char *encryption;    /* "AES256", "aws:kms" */
    const char *kms_key;       /* ID or ARN, for aws:kms */
    unsigned lock;             /* enum object_lock */
    uint64_t retain;           /* milliseconds that the lock lasts, from now on */
    bool legal_hold;
};

/* A mode (enum object_lock) as S3 names it; "": none. */
const char *object_lock_mode(unsigned lock);

/* Whether there is any option. */
bool object_options_any(const struct object_options *options);

/* ERR_USAGE for options that do not go together. */
int object_options_check(const struct object_options *options, struct err *err) MUST_CHECK;

/* The lines of options as headers, in a caller's array. */
struct object_lines {
    char text[OBJECT_OPTIONS][OBJECT_LINE];
    size_t count;
};

/* Write the headers of options (NULL: none). */
int object_options_lines(struct object_lines *lines, const struct object_options *options,
                         struct err *err) MUST_CHECK;

struct object_info {
    uint64_t size;
    char etag[128];
    char version[128];        /* "": the bucket has no versions */
    char sha256[SHA256_TEXT]; /* that skyarc stored with the object; "": none */
};

/* Examine an object. 1: it exists, 0: it does not. */
int object_head(struct s3_client *client, const char *key, struct object_info *info,
                struct err *err) MUST_CHECK;

/*
 * Read exactly len bytes from offset at on into out, which the caller clears. If the object
 * was replaced since (info->etag), that is ERR_MISMATCH.
 */
int object_get(struct s3_client *client, const char *key, const struct object_info *info,
               uint64_t at, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/* Read the last len bytes of an object, or all if there are fewer; *info gets its size. */
int object_tail(struct s3_client *client, const char *key, size_t len, struct buf *out,
                struct object_info *info, struct err *err) MUST_CHECK;

/*
 * Read a whole small object into out, which the caller clears. 1: it exists, 0: it does not.
 *
 * max      ERR_LIMIT if the object is longer
 * info     its size, entity tag, version, and digest as it was stored with it
 */
int object_load(struct s3_client *client, const char *key, size_t max, struct buf *out,
                struct object_info *info, struct err *err) MUST_CHECK;

/* Write a digest as requests have it: in hex, and in Base64. */
void object_digest(const uint8_t digest[SHA256_SIZE], char hex[SHA256_TEXT],
                   char base64[OBJECT_BASE64]);

/*
 * Delete an object; one that does not exist is no error. A bucket with versions keeps the
 * object, and hides it by a delete marker.
 */
int object_delete(struct s3_client *client, const char *key, struct err *err) MUST_CHECK;

/* Delete a version for good; one that does not exist is no error. ERR_DENIED: it is locked. */
int object_delete_version(struct s3_client *client, const char *key, const char *version,
                          struct err *err) MUST_CHECK;

#endif
