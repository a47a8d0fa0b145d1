/* SPDX-License-Identifier: MIT */
/*
 * har_mask: which values of a HAR's objects are secret: cookies, headers, parameters of URLs
 * and of forms, each of which is an object with "name" and "value".
 *
 * The same objects occur outside of HARs, as in traces and storage states, and are treated
 * alike.
 *
 * Errors   none
 * Threads  any
 * Source   HAR 1.2; RFC 6265; RFC 9110, 11
 */
#ifndef MASK_HAR_MASK_H
#define MASK_HAR_MASK_H

#include "base/json.h"
#include "mask/rules.h"

#include <stdbool.h>

/* The rule for the value of a header; RULES_MAX: the header is no secret. */
unsigned har_mask_header(const char *name, size_t len);

/*
 * The rule for the member "value" of an object.
 *
 * list     the key of the array or object that holds it; absent: none
 * returns  RULES_MAX: it is no secret
 */
unsigned har_mask_value(struct json_value list, struct json_value object);

/* Whether an object is a body in base64: {"text": ..., "encoding": "base64"}. */
bool har_mask_is_base64(struct json_value object);

#endif
