/* SPDX-License-Identifier: MIT */
/*
 * regex: regular expressions of a rules file, by PCRE2.
 *
 * Matching has limits for steps, depth and memory at each place of a text, and for the time on
 * the whole text, so that an expression that would take for ever on a text is an error of that
 * text. Texts need not be valid UTF-8: each part that is valid is searched on its own.
 *
 * Units    bytes
 * Errors   ERR_USAGE for an expression that cannot be compiled, ERR_LIMIT if matching exceeds
 *          a limit, ERR_MEMORY
 * Owns     the compiled expression
 * Threads  one at a time
 * Source   pcre2pattern(3), pcre2api(3)
 */
#ifndef MASK_REGEX_H
#define MASK_REGEX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define REGEX_TEXT_MAX ((size_t)4096) /* bytes of an expression */

struct regex;

/* Compile an expression, or (literal) a text that is found as it is. */
struct regex *regex_new(const char *text, bool literal, struct err *err) MUST_CHECK;

/* Free an expression; NULL is fine. */
void regex_free(struct regex *regex);

/*
 * Find the next match from *at on, 0 for another text, and set *at behind it. Empty matches are
 * passed over.
 *
 * from, to  get the first group, if the expression has one that matched, else the match
 * returns   1; 0: no more; -1: error
 */
int regex_next(struct regex *regex, const char *text, size_t len, size_t *at, size_t *from,
               size_t *to, struct err *err) MUST_CHECK;

#endif
