/* SPDX-License-Identifier: MIT */
/*
 * lease: an object of a bucket that says which process works on something, for a time.
 *
 *     { "version": 1, "generation": 7, "owner": "...", "session": "...", "host": "...",
 *       "seconds": 60, "at": "...", "made_by": "..." }
 *
 * It is made by If-None-Match, renewed and taken over by If-Match, each time by a conditional
 * write: so of those who try at the same time one has it. It saves double work, and no more:
 * nothing may be correct only because of a lease, since its holder may be paused at any time.
 *
 * It has expired if it was not written for `seconds`. That is judged by the store alone: by the
 * times that it gives for the object and for its answer; no clock of a client matters. A holder
 * that was killed leaves it until then; the same owner takes it at once. Who releases it writes
 * "seconds": 0.
 *
 * A thread with a client of its own renews it. It ends when lease_free wakes it, or when the
 * lease is lost; requests have time limits, and a request to stop the process ends them.
 *
 * Errors   ERR_BUSY: somebody else has it; those of s3_client
 * Owns     the thread and its client, until lease_free
 * Threads  one; lease_is_lost any
 * Source   docs/object-stores.md, "Several machines in one prefix"
 */
#ifndef STORAGE_LEASE_H
#define STORAGE_LEASE_H

#include "base/err.h"

#include <stdbool.h>

#define LEASE_S     60 /* seconds that a lease lasts after it was written */
#define LEASE_RENEW 15 /* seconds after which it is written again */

struct lease;

struct lease_opts {
    const char *bucket;
    const char *key;
    const char *owner; /* who takes it again at once; "": nobody */
    const char *what;  /* for messages: "shard 1/8 of 's3://...'" */
    const char *tool;
};

/* Take a lease, and begin to renew it. The texts are borrowed until lease_free. */
int lease_take(struct lease **out, const struct lease_opts *opts, struct err *err) MUST_CHECK;

/* Whether somebody else has taken it since; NULL: no. */
bool lease_is_lost(const struct lease *lease);

/* ERR_BUSY that says so. */
int lease_lost(const struct lease *lease, struct err *err);

/* Release the lease, unless it is lost, and free it; NULL is fine. */
void lease_free(struct lease *lease);

#endif
