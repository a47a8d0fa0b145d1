/* SPDX-License-Identifier: MIT */
/*
 * pattern: finds e-mail addresses, card numbers and tokens in a plain text.
 *
 * An e-mail address has a local part of up to 64 bytes and a domain of at least two labels, of
 * which the last has only letters; names such as "logo@2x.png" are none. A card number has 13
 * to 19 digits, single blanks or hyphens between them allowed, begins with 2 to 6, and has a
 * correct check digit. A token begins with the prefix of its service's tokens.
 *
 * Units    bytes
 * Errors   those of the callback
 * Threads  any
 * Source   RFC 5321, 4.5.3; ISO/IEC 7812-1 (Luhn); the services' documentation of their tokens
 */
#ifndef MASK_PATTERN_H
#define MASK_PATTERN_H

#include "base/err.h"

#include <stddef.h>

enum pattern_kind { PATTERN_EMAIL, PATTERN_CARD, PATTERN_TOKEN };

/* Called with each match, from left to right. */
typedef int pattern_fn(void *ctx, size_t from, size_t to, struct err *err);

/* Find all matches of a kind. */
int pattern_find(enum pattern_kind kind, const char *text, size_t len, pattern_fn *fn,
                 void *ctx, struct err *err) MUST_CHECK;

#endif
