/* SPDX-License-Identifier: MIT */
/*
 * paging: merges a paginated record into one document.
 *
 * The action log of a browser session has cursors, and ends with a page without events (the
 * page with the last event still has a cursor). Fallback episodes have page numbers, and end
 * with a page that is not full. At most PAGING_MAX pages are requested.
 *
 * Pure.
 *
 * Errors   ERR_FORMAT for a malformed page; ERR_LIMIT beyond RECORD_MAX; ERR_MEMORY
 * Owns     the buffers, until paging_clear
 * Threads  one
 * Source   docs/api.md, "Records"
 */
#ifndef CLIENT_PAGING_H
#define CLIENT_PAGING_H

#include "api/endpoint.h"
#include "base/buf.h"
#include "base/err.h"
#include "provenance/request_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGING_MAX  100
#define PAGING_SIZE 100 /* number of rows in a full page */

struct paging {
    enum endpoint endpoint;
    const char *run;          /* the run of the episodes; borrowed */
    unsigned pages;           /* number of pages received */
    bool any;                 /* all has a row */
    size_t rows;              /* number of rows of the last page */
    uint64_t total;           /* of all pages, as it said; UINT64_MAX: it did not */
    struct request_refs from; /* the requests of the pages, which the caller adds */
    bool cut;                 /* PAGING_MAX was reached */
    struct buf more;          /* query of the next page, for endpoint_url */
    struct buf all;           /* the merged record; complete after paging_end */
};

/* Whether a record is paginated. */
bool paging_is(enum endpoint endpoint);

/* Begin a record; may also be called for one that is not paginated. */
void paging_begin(struct paging *paging, enum endpoint endpoint, const char *run);

/* Add a page; returns 1 if the next page must be requested. */
int paging_take(struct paging *paging, const char *json, size_t len,
                struct err *err) MUST_CHECK;

/* Complete the merged record. */
int paging_end(struct paging *paging, struct err *err) MUST_CHECK;

/* Free the buffers; may be called twice, and on {0}. */
void paging_clear(struct paging *paging);

#endif
