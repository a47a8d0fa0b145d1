/* SPDX-License-Identifier: MIT */
/*
 * secret_end: finds the end of a secret that starts at a position.
 *
 * Errors   none: the end of the text ends every secret
 * Threads  any
 */
#ifndef REDACT_SECRET_END_H
#define REDACT_SECRET_END_H

#include "redact/symbol.h"

#include <stdbool.h>
#include <stddef.h>

/* Skip the few blanks that may surround '=' and ':'. */
size_t end_of_blanks(const struct symbols *in, size_t at);

/* The end of a URL or another word: a blank, a quote, '<' or '>'. */
size_t end_of_word(const struct symbols *in, size_t at, unsigned level);

/*
 * The end of a value without quotes; of "Bearer TOKEN" and the like, that of the token.
 *
 * level    how often its '=' is percent-encoded; characters encoded more often belong to the
 *          value
 * before   the character before its name in a URL: '?', '&', '#' or ';'; 0: not in a URL
 */
size_t end_of_value(const struct symbols *in, size_t at, unsigned level, char before);

/* The end of a quoted value: the matching quote, or the end of the line. */
size_t end_of_quoted(const struct symbols *in, size_t at, struct symbol open);

/* The end of a bracketed value, whose opening bracket is before at: the closing bracket. */
size_t end_of_brackets(const struct symbols *in, size_t at);

/* The end of a header's value: the end of the line, also if written as \n. */
size_t end_of_line(const struct symbols *in, size_t at);

/* The end of a number or word in JSON and similar notations. */
size_t end_of_scalar(const struct symbols *in, size_t at);

/*
 * Whether a scalar is no secret: true, false, null, none, undefined (in any case) or, unless
 * numbers is set, a number.
 */
bool end_is_harmless(const struct symbols *in, size_t from, size_t to, bool numbers);

/*
 * Whether masking a value cannot affect the scan of its neighbours: the value follows '=',
 * consists of letters, digits and percent-encoded bytes, and ends at the next parameter or the
 * end of the text.
 */
bool end_is_settled(const struct symbols *in, size_t from, size_t to);

/* Whether "name=" starts at this position, as in a cookie. */
bool end_is_pair(const struct symbols *in, size_t at);

/*
 * Whether a quoted name is that of a signature file, and the text after it is not its value but
 * begins like an error message: 'a.sig': No such file or directory
 */
bool end_is_file_error(const struct symbols *in, size_t name_end, size_t value);

#endif
