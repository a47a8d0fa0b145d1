/* SPDX-License-Identifier: MIT */
/*
 * paging: a record that comes in pages, put together.
 *
 * The action log of a browser session goes on by a cursor, and ends with a page without events:
 * before that there always is a cursor, also behind the last event. Fallback episodes go on by
 * the page's number, and end with a page that is not full. At most PAGING_MAX pages are asked
 * for.
 *
 * Pure.
 *
 * Errors   ERR_FORMAT for what is no page; ERR_LIMIT beyond RECORD_MAX; ERR_MEMORY
 * Owns     its buffers, until paging_clear
 * Threads  one
 * Source   docs/api.md, "Records"
 */
#ifndef CLIENT_PAGING_H
#define CLIENT_PAGING_H

#include "api/endpoint.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

#define PAGING_MAX  100
#define PAGING_SIZE 100 /* rows of a full page */

struct paging {
    enum endpoint endpoint;
    const char *run; /* whose episodes; lent */
    unsigned pages;  /* that have come */
    bool any;        /* all has a row */
    bool cut;        /* there are more pages than are asked for */
    struct buf more; /* the query of the next page, as endpoint_url takes it */
    struct buf all;  /* the whole record as JSON, after paging_end */
};

/* Whether a record comes in pages. */
bool paging_is(enum endpoint endpoint);

/* Begin a record (any; nothing is to be done for one that has no pages). */
void paging_begin(struct paging *paging, enum endpoint endpoint, const char *run);

/* Take a page; 1: ask for the next one. */
int paging_take(struct paging *paging, const char *json, size_t len,
                struct err *err) MUST_CHECK;

/* The pages are all here. */
int paging_end(struct paging *paging, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void paging_clear(struct paging *paging);

#endif
