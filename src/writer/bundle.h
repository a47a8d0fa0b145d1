/* SPDX-License-Identifier: MIT */
/*
 * bundle: decides whether to fetch a ZIP of the service or the artifacts that are its members.
 *
 * The service reads the whole ZIP for each requested member, so N members cost N reads of the
 * ZIP instead of one. The decision depends on bytes and requests: see bundle_pays.
 *
 * Pure.
 *
 * Units    bytes
 * Threads  a struct bundle is part of the plan: made by one thread, then read by any
 * Source   docs/api.md, "Bundles"
 */
#ifndef WRITER_BUNDLE_H
#define WRITER_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUNDLE_REQUEST ((uint64_t)256 << 10) /* cost of a request, in bytes of transfer */

struct item;

struct bundle {
    struct bundle *next; /* the next bundle of the plan */
    const struct item
        *parent; /* the ZIP's own row; NULL: not listed, or fetched under another run */
    const struct item *members; /* wanted members that are leaders, by item->sibling */
    size_t wanted;              /* number of these members */
    size_t sized;               /* of these, members with a size */
    size_t rows;                /* members listed, wanted or not */
    bool named;                 /* the rows name all entries that the ZIP should have */
    uint64_t bytes;             /* bytes of the sized members */
    bool whole;                 /* planned: fetch the parent and unpack it here */
    size_t index;               /* index from 0, in no order */
};

enum bundle_mode {
    BUNDLE_AUTO,    /* the cheaper one */
    BUNDLE_ZIP,     /* the ZIP, wherever it is listed */
    BUNDLE_MEMBERS, /* each member by its own request */
};

/*
 * Whether the ZIP is cheaper than its wanted members.
 *
 * zip_size  of the parent; 0: unknown
 */
bool bundle_pays(const struct bundle *bundle, uint64_t zip_size);

#endif
