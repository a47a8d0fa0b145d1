/* SPDX-License-Identifier: MIT */
/*
 * upload: writes a file as an object, in parts that are sent in parallel.
 *
 * Each part carries its SHA-256, as the payload's hash and as a checksum, so that the store
 * refuses a part that was changed on its way. Parts are read from the file while they are sent:
 * an upload needs no memory for them. The object appears with the last request, complete, or
 * not at all. An upload that fails is aborted; one that was broken off by a crash is not, and
 * its parts cost money until unfinished_abort or a lifecycle rule of the bucket removes them.
 * If the answer was lost to the request that begins an upload, the upload's ID is not known; it
 * is found in the bucket's list of unfinished uploads by its key and the time when it was
 * begun.
 *
 * Units    bytes
 * Errors   those of s3_client; ERR_EXISTS if the key exists and must not; ERR_MISMATCH if the
 *          file changed meanwhile, or the store has another size
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 API reference: CreateMultipartUpload, UploadPart,
 *          CompleteMultipartUpload, AbortMultipartUpload; "Multipart upload limits"
 */
#ifndef S3_UPLOAD_H
#define S3_UPLOAD_H

#include "base/digest.h"
#include "base/err.h"
#include "s3/object.h"
#include "s3/s3_client.h"

#include <stdbool.h>
#include <stdint.h>

#define UPLOAD_PART_MIN  ((uint64_t)16 << 20) /* a smaller file is sent by one request */
#define UPLOAD_PARTS_MAX 10000
#define UPLOAD_ID_MAX    1024
#define UPLOAD_UNKNOWN   "?" /* instead of an ID: an upload may have been begun */

struct upload_opts {
    const char *key;
    int fd;             /* of the file, which must not change meanwhile */
    uint64_t size;      /* of the file */
    const char *sha256; /* of the whole file in hex, stored with the object; NULL: none */
    bool absent;        /* fail with ERR_EXISTS if the key exists */
    unsigned jobs;      /* parts that are sent at a time; 0: S3_JOBS */
    uint64_t part_size; /* 0: UPLOAD_PART_MIN, or more for large files */
    uint64_t rate_bps;  /* most bytes a second of all parts together; 0: no limit */
    const struct object_options *options;
    /* told UPLOAD_UNKNOWN before an upload is begun, its ID before the first part is sent, and
     * "" when it is over */
    int (*begun)(void *ctx, const char *id, struct err *err);
    void (*sent)(void *ctx, uint64_t bytes); /* told the bytes that have arrived */
    void *ctx;
};

/* An upload_opts.begun that keeps no ID: an upload that is broken off is found by its age. */
int upload_begun_untold(void *ctx, const char *id, struct err *err);

/* An upload_opts.sent for uploads without progress. */
void upload_sent_untold(void *ctx, uint64_t bytes);

/* The SHA-256 of size bytes of a file from offset at on; ERR_CANCELLED if stop asks. */
int upload_hash(int fd, uint64_t at, uint64_t size, struct stop stop,
                uint8_t digest[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Write the file as the object; *info gets what the store says of the object. */
int upload_file(struct s3_client *client, const struct upload_opts *opts,
                struct object_info *info, struct err *err) MUST_CHECK;

#endif
