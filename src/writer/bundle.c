/* SPDX-License-Identifier: MIT */
#include "writer/bundle.h"

/*
 * The cost is the bytes plus BUNDLE_REQUEST per request. A member without a size counts as its
 * share of the ZIP; if nothing has a size, only requests count, and a ZIP of which less than
 * half is wanted counts as too large.
 */
bool bundle_pays(const struct bundle *b, uint64_t zip_size)
{
    size_t unsized = b->wanted - b->sized;
    uint64_t singles = b->bytes + b->wanted * BUNDLE_REQUEST;

    if (b->wanted < 2)
        return false;
    if (!zip_size)
        return b->sized ? b->bytes < b->wanted * BUNDLE_REQUEST || b->wanted == b->rows
                        : b->wanted * 2 >= b->rows;
    if (b->rows)
        singles += zip_size / b->rows * unsized;
    return zip_size + BUNDLE_REQUEST < singles;
}
