/* SPDX-License-Identifier: MIT */
/*
 * hidden: volumes in a bucket whose committed version is there, and hidden: by a delete marker,
 * or by a newer version of the key.
 *
 * Object Lock protects versions, and a delete marker may be written at any time by who may
 * delete. A volume whose commit record is hidden as well counts as removed: so prune leaves it.
 *
 * Errors   those of s3/version_list and s3/bucket
 * Owns     nothing
 * Threads  the store's
 */
#ifndef VOLUMES_HIDDEN_H
#define VOLUMES_HIDDEN_H

#include "base/err.h"
#include "volumes/volume_store.h"

#include <stdbool.h>
#include <stddef.h>

/* A hidden version; valid during the call. */
struct hidden_volume {
    const char *name; /* the volume's */
    const char *bucket;
    const char *key;
    const char *version; /* that is hidden */
    const char *above;   /* the version or delete marker that hides it */
    bool marker;         /* it is a delete marker */
};

/* Visit the hidden volumes. A directory, or a bucket without versions, has none. */
int hidden_each(const struct volume_store *store,
                int (*fn)(void *ctx, const struct hidden_volume *hidden, struct err *err),
                void *ctx, struct err *err) MUST_CHECK;

/* Write what a person is told of a hidden volume, with the command that brings it back. */
void hidden_words(const struct hidden_volume *hidden, char *out, size_t size);

#endif
