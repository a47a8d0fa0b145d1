/* SPDX-License-Identifier: MIT */
/*
 * request_filter: a copy of requests.jsonl without the lines of some runs.
 *
 * The other lines are copied byte for byte, except for the first one, which counts the lines
 * that were removed. Numbers stay as they were, so that records still name their requests.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a malformed file; those of the sink
 * Owns     nothing
 * Threads  one
 * Source   docs/archive-format.md, "The request log"
 */
#ifndef PROVENANCE_REQUEST_FILTER_H
#define PROVENANCE_REQUEST_FILTER_H

#include "base/buf.h"
#include "base/err.h"
#include "provenance/request_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request_filter {
    /* set by the caller */
    bool (*keep)(void *ctx, const char *run); /* whether the copy has a run's lines */
    void *ctx;
    put_fn *put; /* gets the copy */
    void *to;
    uint64_t remove; /* number of lines that are removed: `removed` of an earlier pass */

    uint64_t removed; /* the lines removed by this pass */

    struct request_lines lines; /* private */
    uint64_t line;
};

/* Begin a copy. The first pass over a file finds out how many lines are removed. */
void request_filter_begin(struct request_filter *filter);

/* Take the next bytes of the file; a put_fn, ctx is the filter. */
int request_filter_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/*
 * End a copy, and free what it needed, also after an error of request_filter_put.
 *
 * returns  -1 with ERR_FORMAT if the file is incomplete
 */
int request_filter_end(struct request_filter *filter, struct err *err) MUST_CHECK;

#endif
