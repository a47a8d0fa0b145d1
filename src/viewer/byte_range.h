/* SPDX-License-Identifier: MIT */
/*
 * byte_range: the part of a file that a request asks for.
 *
 * Pure.
 *
 * Units    bytes
 * Source   RFC 9110, 14.1.2 and 14.2
 */
#ifndef VIEWER_BYTE_RANGE_H
#define VIEWER_BYTE_RANGE_H

#include <stdint.h>

enum byte_range_verdict {
    BYTE_RANGE_WHOLE, /* the whole file: no range, several, or one that cannot be parsed */
    BYTE_RANGE_PART,
    BYTE_RANGE_BEYOND, /* nothing of the file is in the range: status 416 */
};

struct byte_range {
    uint64_t from;
    uint64_t len;
};

/*
 * Evaluate a Range header for a file of size bytes.
 *
 * header  the header's value; NULL: none
 * out     the part to send, also if that is the whole file; of BYTE_RANGE_BEYOND: empty
 */
enum byte_range_verdict byte_range_parse(struct byte_range *out, const char *header,
                                         uint64_t size);

#endif
