/* SPDX-License-Identifier: MIT */
#include "viewer/byte_range.h"

#include <stdbool.h>
#include <string.h>

#define UNIT "bytes="

/* Parse a number that begins at *at, and go past it. Too large numbers become UINT64_MAX;
 * false: there is no digit. */
static bool take_number(const char **at, uint64_t *out)
{
    const char *from = *at;

    *out = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');

        *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
    }
    return *at > from;
}

enum byte_range_verdict byte_range_parse(struct byte_range *out, const char *header,
                                         uint64_t size)
{
    const char *at = header ? header + strlen(UNIT) : NULL;
    uint64_t first;
    uint64_t last;
    bool has_first;
    bool has_last;

    *out = (struct byte_range){ 0, size };
    if (!header || strncmp(header, UNIT, strlen(UNIT)) != 0)
        return BYTE_RANGE_WHOLE;
    has_first = take_number(&at, &first);
    if (*at++ != '-')
        return BYTE_RANGE_WHOLE;
    has_last = take_number(&at, &last);
    if (*at || (!has_first && !has_last) || (has_first && has_last && last < first))
        return BYTE_RANGE_WHOLE;
    if (!has_first) { /* the last bytes of the file */
        first = last < size ? size - last : 0;
        if (!last)
            first = size;
        last = UINT64_MAX;
    } else if (!has_last) {
        last = UINT64_MAX;
    }
    if (first >= size) {
        *out = (struct byte_range){ 0, 0 };
        return BYTE_RANGE_BEYOND;
    }
    out->from = first;
    out->len = (last < size ? last + 1 : size) - first;
    return BYTE_RANGE_PART;
}
