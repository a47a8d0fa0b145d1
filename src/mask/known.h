/* SPDX-License-Identifier: MIT */
/*
 * known: values that are secret, wherever they occur: the value of a cookie that a HAR shows is
 * also masked in a prompt.
 *
 * A value is found as it is, with its escapes decoded, with '+' for blanks, and in base64 at
 * each of the three alignments, in both alphabets. Values of less than KNOWN_MIN bytes are not
 * kept: they would occur everywhere by chance.
 *
 * Searching tests eight bytes at a time against a bit set, and only where they may begin a
 * value looks them up in a sorted list: the time is linear in the text, whatever the values.
 *
 * Units    bytes
 * Errors   ERR_LIMIT for too many values, ERR_MEMORY
 * Owns     copies of the values
 * Threads  one until known_settle; then several may search
 */
#ifndef MASK_KNOWN_H
#define MASK_KNOWN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOWN_MIN       8
#define KNOWN_MAX       ((size_t)64 << 10) /* longer values are not kept */
#define KNOWN_COUNT_MAX ((size_t)200000)
#define KNOWN_BYTES_MAX ((size_t)64 << 20) /* of all values */

struct known;

/* Create an empty set; NULL with ERR_MEMORY. */
struct known *known_new(struct err *err) MUST_CHECK;

/* Free a set; NULL is fine. */
void known_free(struct known *known);

/* Never keep this value: an ID without which the archive cannot be read. */
int known_spare(struct known *known, const char *text, struct err *err) MUST_CHECK;

/* Add a value that a rule took out; of a value that is known already the first rule stays. */
int known_add(struct known *known, const char *text, size_t len, unsigned rule,
              struct err *err) MUST_CHECK;

/* End adding; only then can values be found. */
void known_settle(struct known *known);

/* The number of values added. */
size_t known_count(const struct known *known);

/* Called with each value found, and the rule that took it out. */
typedef int known_fn(void *ctx, size_t from, size_t to, unsigned rule, struct err *err);

/* Find all values in a text; before known_settle: none. */
int known_find(const struct known *known, const char *text, size_t len, known_fn *fn, void *ctx,
               struct err *err) MUST_CHECK;

#endif
