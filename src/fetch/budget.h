/* SPDX-License-Identifier: MIT */
/*
 * budget: how many transfers, buffers and descriptors a pull may have.
 *
 * Memory is divided once: BUDGET_FIXED for the program, its libraries, the lists and the
 * output; the rest for connections, for bodies, for the body that passes through, for texts in
 * frames, and for zstd's contexts.
 *
 * Each of several simultaneous pulls has the whole memory.
 *
 * Units    bytes; chunks; bytes a second
 * Errors   see budget_choose
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
 * its resolver, OUTPUT.partial, its journal and directory, the page file of the lists, the
 * unfinished offline view, a key, and the files opened at the end.
 */
#define BUDGET_RESERVED 28

#define BUDGET_MEMORY     ((uint64_t)64 << 20) /* the default */
#define BUDGET_MEMORY_MIN ((uint64_t)56 << 20)
#define BUDGET_MEMORY_MAX ((uint64_t)16 << 30)
#define BUDGET_FIXED      ((uint64_t)29 << 20)
#define BUDGET_CHUNK      ((size_t)16 << 10) /* of body_chunks: a transfer needs one to start */

struct budget {
    unsigned jobs;      /* number of simultaneous transfers */
    unsigned files;     /* bodies that may be in files at a time */
    unsigned workers;   /* number of compressing threads */
    size_t body_chunks; /* of BUDGET_CHUNK bytes, for bodies being received */
    /*
     * chunks of CHUNK_SIZE for the body that passes through: those of the frame that it fills,
     * and of the frames that are being written
     */
    size_t pass_chunks;
    /*
     * chunks of CHUNK_SIZE for content extracted from ZIPs and decoded bodies; allocated on
     * first use
     */
    size_t part_chunks;
    size_t cut_text; /* the maximum size of a frame of texts */
    size_t copies;   /* bytes of texts in frames that are open or being compressed */
    size_t wire;     /* bytes of connections and libcurl's buffers: see engine_affords */
    size_t reserve;  /* for more of these, or lent for more copies */
    size_t contexts; /* bytes of zstd's contexts: a level that is chosen follows from them */
};

struct budget_limits {
    unsigned jobs; /* maximum number of transfers */
    /*
     * rate limit of all transfers together, 0 for none: transfers are limited to those that can
     * be read often enough that their servers do not close them
     */
    uint64_t rate;
    /* simultaneous pulls among which descriptors and cores are divided; 0 for one */
    unsigned share;
    unsigned processors;  /* 0: those of the machine */
    uint64_t descriptors; /* that the process may have open */
    /*
     * bytes; 0: BUDGET_MEMORY, and what a context for each thread takes beyond its part of that
     */
    uint64_t memory;
    size_t context; /* bytes of a thread's context, for a level that the user chose; 0: auto */
};

/*
 * Choose the limits of a pull from its options and the limits of the process.
 *
 * returns  -1: ERR_LIMIT, or ERR_USAGE if a context has no room in the memory
 */
int budget_choose(struct budget *budget, const struct budget_limits *limits,
                  struct err *err) MUST_CHECK;

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
