/* SPDX-License-Identifier: MIT */
/*
 * bundle: artifacts that are members of one ZIP at the service, and whether to
 * fetch the ZIP or the members.
 *
 * The service opens the whole ZIP for each member that is asked for, so N
 * members cost N readings of it, or one. Which is cheaper is decided by bytes
 * and requests together: see bundle_pays.
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

#define BUNDLE_REQUEST ((uint64_t)256 << 10) /* what a request costs, in bytes of transfer */

struct item;

struct bundle {
    struct bundle *next; /* the plan's next one */
    const struct item
        *parent; /* the ZIP's own row; NULL: not listed, or fetched under another run */
    const struct item *members; /* that are wanted and lead, by item->sibling */
    size_t wanted;              /* how many those are */
    size_t sized;               /* of them, with a size */
    size_t rows;                /* members listed, wanted or not */
    bool named;                 /* the rows name all entries that the ZIP should have */
    uint64_t bytes;             /* of the sized ones together */
    bool whole;                 /* planned: fetch the parent and take it apart here */
    size_t index;               /* counting from 0, in no order */
};

enum bundle_mode {
    BUNDLE_AUTO,    /* what is cheaper */
    BUNDLE_ZIP,     /* the ZIP, wherever it is listed */
    BUNDLE_MEMBERS, /* each member by itself */
};

/*
 * Whether the ZIP is cheaper than its wanted members.
 *
 * zip_size  of the parent; 0: not known
 */
bool bundle_pays(const struct bundle *bundle, uint64_t zip_size);

#endif
