/* SPDX-License-Identifier: MIT */
/*
 * json_path: paths of values in a JSON document, as in a rules file: $.payload.customer.*,
 * $..phone, $.messages[0].content, $['a key'][*].
 *
 * Of RFC 9535 it knows names, indices from 0 on, wildcards and descendants; no filters, slices
 * or unions.
 *
 * Errors   ERR_USAGE for a malformed path, ERR_MEMORY
 * Owns     nothing: a path lies in a region
 * Threads  any
 * Source   RFC 9535
 */
#ifndef MASK_JSON_PATH_H
#define MASK_JSON_PATH_H

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_PATH_MAX 32 /* segments of a path */

enum json_segment_kind { JSON_SEGMENT_NAME, JSON_SEGMENT_INDEX, JSON_SEGMENT_ANY };

struct json_segment {
    enum json_segment_kind kind;
    bool deep; /* any number of levels may lie before it */
    const char *name;
    size_t index;
};

struct json_path {
    struct json_segment segments[JSON_PATH_MAX];
    size_t count;
};

/* Where a value is in its container. */
struct json_step {
    struct json_value key; /* absent in an array */
    size_t index;
};

/* Parse a path; its names are copied to the region. */
int json_path_parse(struct json_path *path, const char *text, struct region *region,
                    struct err *err) MUST_CHECK;

/* Whether a path is that of the value to which these steps lead from the root. */
bool json_path_match(const struct json_path *path, const struct json_step *steps, size_t count);

#endif
