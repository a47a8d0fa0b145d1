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

/* List the children of all listed runs, and insert them after their roots. */
int children_fetch(struct listing *listing, struct loop *loop, struct err *err) MUST_CHECK;

#endif
