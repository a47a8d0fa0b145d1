/* SPDX-License-Identifier: MIT */
/*
 * budget: how many transfers, buffers and descriptors a pull may have.
 *
 * Units    chunks of CHUNK_SIZE bytes; bytes a second
 * Errors   ERR_LIMIT when the process may open too few files for any pull
 * Owns     nothing
 * Threads  one
 */
#ifndef PULL_BUDGET_H
#define PULL_BUDGET_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Descriptors beside those of the transfers: standard streams, signals, the loop and its names
 * being resolved, OUTPUT.partial, its journal and directory, the view in the making, a key, and
 * what is opened at the end.
 */
#define BUDGET_RESERVED 28

struct budget {
    unsigned jobs;      /* transfers at a time */
    unsigned files;     /* bodies in files at a time */
    unsigned workers;   /* threads that compress */
    size_t body_chunks; /* for bodies on their way */
    size_t pass_chunks; /* for the one that passes through: those of the frame that it fills,
                           and of the frames that are being compressed */
    size_t part_chunks; /* for what comes out of ZIPs and codings; touched only then */
};

/*
 * Choose, from what the options ask for and the process may have.
 *
 * jobs         transfers wanted, at most
 * rate         the rate limit of all together, 0 for none: no more transfers than can be read
 *              often enough that their servers do not close them
 * share        pulls that there may be at a time, which share it all; 0 for this one alone
 * descriptors  how many the process may have open
 */
int budget_choose(struct budget *budget, unsigned jobs, uint64_t rate, unsigned share,
                  uint64_t descriptors, struct err *err) MUST_CHECK;

/* How many threads should compress, when nothing else is done: one for each processor. */
unsigned budget_workers(void);

/*
 * How many descriptors the process may have, its soft limit having been raised to the hard one.
 */
uint64_t budget_descriptors(void);

/* Whether this process may open enough files for any pull: to be asked before what is to be
 * pulled has any part in a failure. */
int budget_suffices(struct err *err) MUST_CHECK;

#endif
