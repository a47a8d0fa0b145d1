/* SPDX-License-Identifier: MIT */
/*
 * children: the runs that runs have started, which only their timelines name.
 *
 * Listed level by level, each run once, whatever names it and however often: a run that starts
 * itself, or two that start each other, end the search. A tree has at most CHILDREN_DEPTH
 * levels and CHILDREN_MAX runs; where there are more, its root gets the note 'children-cut'.
 *
 * Errors   those of the listing
 * Threads  the transfer loop
 */
#ifndef CLIENT_CHILDREN_H
#define CLIENT_CHILDREN_H

#include "base/err.h"
#include "client/listing.h"

#define CHILDREN_MAX   1000 /* runs that come with one that was asked for */
#define CHILDREN_DEPTH 8    /* runs started by runs started by ... */

/* List the children of all runs that are there; they are put behind their roots. */
int children_fetch(struct listing *listing, struct loop *loop, struct err *err) MUST_CHECK;

#endif
