/* SPDX-License-Identifier: MIT */
/*
 * bodies: what has come of the bodies of many requests, in one budget of memory.
 *
 * When there is no room for a body that grows, another that is not whole is let go: the largest
 * of those that have stood still for BODIES_STALL, else the largest, if it is larger than the
 * one that grows will be. Its memory is free at once, and its request is refused when it goes
 * on. So small bodies that come at once are always taken, whatever large ones dribble beside
 * them, and large ones as long as they do not fill the budget all at the same time.
 *
 * Units    bytes; milliseconds of the monotonic clock, passed in
 * Errors   see enum bodies_verdict
 * Owns     the bytes, until bodies_drop
 * Threads  any; a body belongs to one at a time
 */
#ifndef NET_BODIES_H
#define NET_BODIES_H

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
    size_t announced; /* 0: not known; no more memory than this is taken */
    uint64_t moved;   /* when the last bytes came */
    struct body_in *next;
    struct body_in *prev;
    bool whole;
    bool let_go;
};

enum bodies_verdict {
    BODIES_TAKEN,
    BODIES_TOO_LARGE, /* for one body */
    BODIES_NO_ROOM,   /* it was let go, or there is no memory */
};

/* budget: of all; most: of one. */
struct bodies *bodies_new(size_t budget, size_t most, struct err *err) MUST_CHECK;

/* Release; every body must have been dropped. NULL is fine. */
void bodies_free(struct bodies *bodies);

/* Begin and end a body; in is the caller's, and bodies_drop may be called twice. */
void bodies_begin(struct bodies *bodies, struct body_in *in, size_t announced, uint64_t now);

/* End a body and give back its share of the budget; may be called twice. */
void bodies_drop(struct bodies *bodies, struct body_in *in);

/* Append to a body. */
enum bodies_verdict bodies_add(struct bodies *bodies, struct body_in *in, const void *bytes,
                               size_t len, uint64_t now) MUST_CHECK;

/* Nothing comes any more: from now on the bytes stay. BODIES_NO_ROOM: it was let go. */
enum bodies_verdict bodies_whole(struct bodies *bodies, struct body_in *in) MUST_CHECK;

/* Bytes that are held now. */
size_t bodies_held(struct bodies *bodies);

#endif
