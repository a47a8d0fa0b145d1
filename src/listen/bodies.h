/* SPDX-License-Identifier: MIT */
/*
 * bodies: the bodies of concurrent requests to a server, within one memory budget.
 *
 * When the budget has no room for a growing body, an incomplete body is evicted: the largest of
 * those without progress for BODIES_STALL, else the largest of all if it is larger than the
 * growing one will be. The evicted body's memory is freed at once, and its request is refused
 * when more bytes arrive. Small bodies that arrive without delay are therefore always accepted,
 * even beside slow large ones; large bodies are accepted unless all together exceed the budget.
 *
 * Units    bytes; milliseconds of the monotonic clock, passed in
 * Errors   see enum bodies_verdict
 * Owns     the bytes, until bodies_drop
 * Threads  any; a body belongs to one thread at a time
 */
#ifndef LISTEN_BODIES_H
#define LISTEN_BODIES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODIES_STALL 1000

struct bodies;

struct body_in {
    /* under the lock of struct bodies, until bodies_whole */
    char *data;
    size_t len;
    size_t cap;
    size_t announced; /* announced length, which limits the allocation; 0: unknown */
    uint64_t moved;   /* time of the last bytes */
    struct body_in *next;
    struct body_in *prev;
    bool whole;
    bool evicted;
};

enum bodies_verdict {
    BODIES_TAKEN,
    BODIES_TOO_LARGE, /* the limit of one body is exceeded */
    BODIES_NO_ROOM,   /* the body was evicted, or there is no memory */
};

/* Create the set. budget: bytes of all bodies together; most: bytes of one body. */
struct bodies *bodies_new(size_t budget, size_t most, struct err *err) MUST_CHECK;

/* Free the set; every body must have been dropped. NULL is fine. */
void bodies_free(struct bodies *bodies);

/* Begin a body; in belongs to the caller until bodies_drop. */
void bodies_begin(struct bodies *bodies, struct body_in *in, size_t announced, uint64_t now);

/* End a body and free its memory; may be called twice. */
void bodies_drop(struct bodies *bodies, struct body_in *in);

/* Append bytes to a body. */
enum bodies_verdict bodies_add(struct bodies *bodies, struct body_in *in, const void *bytes,
                               size_t len, uint64_t now) MUST_CHECK;

/* Mark a body as complete, which protects it from eviction. BODIES_NO_ROOM: it was evicted. */
enum bodies_verdict bodies_whole(struct bodies *bodies, struct body_in *in) MUST_CHECK;

/* Bytes allocated for all bodies now; for tests. */
size_t bodies_held(struct bodies *bodies);

#endif
