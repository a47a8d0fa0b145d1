/* SPDX-License-Identifier: MIT */
/*
 * conditions: whether a store's conditional writes decide races, as machines that write to one
 * bucket at the same time need.
 *
 * Writers race for fresh keys under the condition that there is no object (If-None-Match: *),
 * and then for one key under the condition that the object is still the same (If-Match). One
 * must win each race, and its bytes must be there then. A write with an outdated entity tag
 * must be refused. A race that is won by one writer alone by chance is made unlikely by several
 * rounds; it is no proof.
 *
 * All objects are removed again, their versions, too.
 *
 * Errors   those of remote_client; ERR_MEMORY; ERR_CANCELLED. That the store cannot be examined
 *          is a result: CONDITIONS_UNKNOWN
 * Owns     nothing
 * Threads  one; it makes a client of its own
 * Source   Amazon S3 user guide, "How to prevent object overwrites with conditional writes"
 */
#ifndef STORAGE_CONDITIONS_H
#define STORAGE_CONDITIONS_H

#include "base/err.h"
#include "s3/location.h"

#define CONDITIONS_RACERS 16                      /* writes at a time */
#define CONDITIONS_ROUNDS 20                      /* races for fresh keys */
#define CONDITIONS_KEY    (LOCATION_KEY_MAX + 64) /* buffer size for conditions_key */

enum conditions_fitness {
    CONDITIONS_UNKNOWN, /* the store could not be examined */
    CONDITIONS_FIT,
    CONDITIONS_UNFIT, /* only one machine may write */
};

struct conditions {
    enum conditions_fitness fitness;
    char why[400];                 /* unless it is fit: one sentence, which may be foreign */
    char left[CONDITIONS_KEY + 8]; /* a key whose object could not be removed; "": none */
};

/* Choose a key under a prefix that nobody else has, for a probe. */
void conditions_key(char out[CONDITIONS_KEY], const char *prefix);

/*
 * Demand that the store is fit, as machines that share a prefix need: examine it, and note in a
 * file that it is, so that this is done once. ERR_NOT_FOUND: it is not, or cannot be examined.
 *
 * note     path of the file, which names the store by its endpoint
 */
int conditions_require(const char *bucket, const char *prefix, const char *note,
                       struct err *err) MUST_CHECK;

/* Examine the store of a bucket, by objects under a prefix. */
int conditions_probe(const char *bucket, const char *prefix, struct conditions *found,
                     struct err *err) MUST_CHECK;

#endif
