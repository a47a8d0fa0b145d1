/* SPDX-License-Identifier: MIT */
/*
 * inert: escapes text so that neither the HTML parser nor the JavaScript parser finds anything
 * but text in it.
 *
 * Pure.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Threads  any
 * Source   the HTML standard's rules for script data; ECMA-262, template literals
 */
#ifndef VIEW_INERT_H
#define VIEW_INERT_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/*
 * Append JSON in which no '<', '`', '$', control character (except line ends and tabs), U+2028
 * or U+2029 is left: each is written as \uXXXX, which means the same, since JSON has them in
 * strings only. The result can be put into a script element as data, and, if it does not end in
 * a backslash, between the backquotes of String.raw`...`: this holds for any input, also if it
 * is not JSON. '>' and '&' stay as they are: in script data, '>' has a meaning only after a
 * '<', and '&' has none; escaping them would add about a third to the length of a page's tags.
 */
int inert_json(struct buf *out, const char *json, size_t len, struct err *err) MUST_CHECK;

/* Append a value for a double-quoted attribute, or for the content of an element. */
int inert_attribute(struct buf *out, const char *text, struct err *err) MUST_CHECK;

#endif
