/* SPDX-License-Identifier: MIT */
/*
 * budget: how many transfers, buffers and descriptors a pull may have.
 *
 * Units    chunks of CHUNK_SIZE bytes; bytes a second
 * Errors   ERR_LIMIT when the process may open too few files for any pull
 * Owns     nothing
 * Threads  one
 */
#ifndef FETCH_BUDGET_H
#define FETCH_BUDGET_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Descriptors in addition to those of the transfers: standard streams, signals, the loop and
 * its resolver, OUTPUT.partial, its journal and directory, the unfinished offline view, a key,
 * and the files opened at the end.
 */
#define BUDGET_RESERVED 28

#define BUDGET_STARTS 16 /* transfers whose chunks are allowed from the start */

struct budget {
    unsigned jobs;    /* number of simultaneous transfers */
    unsigned files;   /* bodies that may be in files at a time */
    unsigned workers; /* number of compressing threads */
    /*
     * chunks for bodies being received: start_chunks from the start, and one more for each
     * transfer that runs beyond BUDGET_STARTS at a time
     */
    size_t body_chunks;
    size_t start_chunks;
    /*
     * chunks for the body that passes through: those of the frame that it fills, and of the
     * frames that are being compressed
     */
    size_t pass_chunks;
    /* chunks for content extracted from ZIPs and decoded bodies; allocated on first use */
    size_t part_chunks;
};

/*
 * Choose the limits of a pull from its options and the limits of the process.
 *
 * jobs         maximum number of transfers
 * rate         rate limit of all transfers together, 0 for none: transfers are limited to those
 *              that can be read often enough that their servers do not close them
 * share        simultaneous pulls that share the limits; 0 for a single pull
 * descriptors  descriptors that the process may have open
 */
int budget_choose(struct budget *budget, unsigned jobs, uint64_t rate, unsigned share,
                  uint64_t descriptors, struct err *err) MUST_CHECK;

/*
 * Number of compressing threads to use when the machine is otherwise idle: one per processor.
 */
unsigned budget_workers(void);

/*
 * Raise the soft limit of open files to the hard limit; returns the number of descriptors that
 * the process may have.
 */
uint64_t budget_descriptors(void);

/*
 * Check that this process may open enough files for any pull. Call this before a pull starts,
 * so that the failure is not attributed to a run.
 */
int budget_suffices(struct err *err) MUST_CHECK;

#endif
