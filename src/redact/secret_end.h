/* SPDX-License-Identifier: MIT */
/*
 * secret_end: where a secret ends that begins here.
 *
 * Errors   none: the text's end is the last end that there is
 * Threads  any
 */
#ifndef REDACT_SECRET_END_H
#define REDACT_SECRET_END_H

#include "redact/symbol.h"

#include <stdbool.h>
#include <stddef.h>

/* The few blanks that may stand around '=' and ':'. */
size_t end_of_blanks(const struct symbols *in, size_t at);

/* A URL or another word ends at a blank, a quote or a bracket of HTML. */
size_t end_of_word(const struct symbols *in, size_t at, unsigned level);

/*
 * A value without quotes.
 *
 * level    how often its '=' is percent-encoded: what is encoded more often is part of it
 * before   what stands before its name in a URL: '?', '&', '#' or ';'; 0: it is in no URL
 */
size_t end_of_value(const struct symbols *in, size_t at, unsigned level, char before);

/* A value that began with this quote: it ends at its like, or with the line. */
size_t end_of_quoted(const struct symbols *in, size_t at, struct symbol open);

/* What is behind a bracket: it ends before the one that closes it. */
size_t end_of_brackets(const struct symbols *in, size_t at);

/* A header's value: it ends with the line, also where that is written \n. */
size_t end_of_line(const struct symbols *in, size_t at);

/* A number, word or the like, as JSON and its relatives have them. */
size_t end_of_scalar(const struct symbols *in, size_t at);

/* Whether a scalar tells nothing: true, false, null, None; a count, unless numbers is set. */
bool end_is_harmless(const struct symbols *in, size_t from, size_t to, bool numbers);

/*
 * Whether a mask in place of a value cannot change what is seen around it: behind a '=',
 * nothing but letters, digits and what is percent-encoded, up to the next parameter or the end.
 */
bool end_is_settled(const struct symbols *in, size_t from, size_t to);

/* Whether "name=" begins here, as a cookie does. */
bool end_is_pair(const struct symbols *in, size_t at);

#endif
