/* SPDX-License-Identifier: MIT */
/*
 * probe: finds out what an object store can do, by small objects that it writes and deletes.
 *
 * Units    bytes
 * Errors   those of s3_client; a store that lacks something is a result, no error
 * Owns     nothing
 * Threads  one, the client's
 * Source   Amazon S3 user guide, "Conditional writes", "Locking objects with Object Lock"
 */
#ifndef DOCTOR_PROBE_H
#define DOCTOR_PROBE_H

#include "base/err.h"
#include "s3/s3_client.h"

#define PROBE_RACERS 16

struct probe_race {
    unsigned won;     /* requests that were told that they wrote the object: one, if atomic */
    unsigned lost;    /* that were told that it existed */
    unsigned refused; /* that failed otherwise, such as with 501 */
};

/*
 * Let PROBE_RACERS conditional writes (If-None-Match: *) of one key race, and delete the
 * object. Only a store with one winner may be used by several machines.
 *
 * client   with as many jobs as racers
 */
int probe_race(struct s3_client *client, const char *key, struct probe_race *race,
               struct err *err) MUST_CHECK;

/* Whether the bucket was created with Object Lock: 1, 0; -1: it cannot be told. */
int probe_lock(struct s3_client *client, struct err *err) MUST_CHECK;

#endif
