/* SPDX-License-Identifier: MIT */
/*
 * children: finds the runs started by other runs, which are named only in timelines.
 *
 * Children are listed level by level, each run once, so cycles end the search. A tree has at
 * most CHILDREN_DEPTH levels and CHILDREN_MAX runs; if there are more, its root gets the note
 * 'children-cut'.
 *
 * Errors   those of the listing
 * Threads  the transfer loop
 */
#ifndef CLIENT_CHILDREN_H
#define CLIENT_CHILDREN_H

#include "base/err.h"
#include "client/listing.h"

#define CHILDREN_MAX   1000 /* maximum number of runs in a tree below its root */
#define CHILDREN_DEPTH 8    /* maximum number of levels below the root */

struct children;

/* Begin the search, once the requested runs are listed. NULL with ERR_MEMORY. */
struct children *children_new(struct listing *listing, struct err *err) MUST_CHECK;

/*
 * Append the children of the runs listed since the last call to the listing's runs; the caller
 * lists them before the next call. *over: there were none; the runs are then sorted, each root
 * followed by its descendants. Roots before the first one with children keep their indexes.
 */
int children_next(struct children *children, bool *over, struct err *err) MUST_CHECK;

/* Free it; may be NULL. */
void children_free(struct children *children);

#endif
