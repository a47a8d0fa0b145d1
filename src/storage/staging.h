/* SPDX-License-Identifier: MIT */
/*
 * staging: a file that is made on the local disk and then becomes an object of a bucket.
 *
 * The file is written under a path of its own in a staging directory, where an interrupted pull
 * resumes it. Then it is uploaded and removed. A file whose upload failed stays: the next start
 * sets it aside, and makes a new one. The ID of an upload that is being made is stored beside
 * the file, so that the next start aborts one that was broken off.
 *
 * Units    bytes
 * Errors   ERR_USAGE for malformed addresses; ERR_EXISTS if the key exists and may not be
 *          replaced; ERR_BUSY while another process has the key; ERR_SYSTEM; those of s3/upload
 * Owns     the path and the lock, until staging_clear; the files belong to the user
 * Threads  one
 */
#ifndef STORAGE_STAGING_H
#define STORAGE_STAGING_H

#include "base/err.h"
#include "s3/location.h"
#include "s3/object.h"

#include <stdbool.h>
#include <stdint.h>

struct staging {
    struct location location;
    bool replace;
    char *path;   /* of the file to be written */
    char *record; /* of the file with the upload's ID */
    int lock;     /* of the key, while locked; a descriptor */
    bool locked;
    const struct object_options *options;
    uint64_t rate_bps; /* most bytes a second of the upload; 0: no limit */
    void (*sent)(void *ctx, uint64_t done, uint64_t size);
    void *ctx;
};

/*
 * Choose the path for an address "s3://bucket/key" with a key, create its directory, abort an
 * upload that was broken off, and check that the bucket can be reached and the key be written.
 *
 * dir      the staging directory, which is created; NULL: that of the user's state
 * replace  whether an object of this key may be replaced
 * staging  must be {0}; clear it also after an error
 */
int staging_begin(struct staging *staging, const char *address, const char *dir, bool replace,
                  struct err *err) MUST_CHECK;

/*
 * Upload the file, which is complete, and remove it; after an error it stays.
 *
 * suffix   of a file beside it, and of that file's key: ".sig"; "": the file itself
 */
int staging_publish(struct staging *staging, const char *suffix, struct err *err) MUST_CHECK;

/* Free what the struct owns; may be called twice, and on {0}. */
void staging_clear(struct staging *staging);

#endif
