/* SPDX-License-Identifier: MIT */
/*
 * text: UTF-8, and making foreign text and numbers fit for people.
 *
 * Units    sizes in bytes; shown with binary prefixes (KiB, MiB)
 * Errors   none but where said
 * Threads  any
 * Source   RFC 3629 (UTF-8)
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE_MAX 32 /* room for what text_size and text_duration write */

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0: none starts here. NUL is valid. */
size_t text_utf8_next(const char *s, size_t len);

/* Write a code point as UTF-8 (surrogates and what lies beyond become U+FFFD); returns 1 to 4.
 */
size_t text_utf8_put(char out[4], uint32_t code);

/* The code point of a valid UTF-8 sequence of len bytes. */
uint32_t text_utf8_code(const char *s, size_t len);

/*
 * Whether a valid UTF-8 sequence of len bytes is a character that nobody sees, or that changes
 * how others are shown: C0 and C1 controls, bidirectional and other formatting characters,
 * noncharacters. The one list for names, terminals, logs and JSON.
 */
bool text_invisible(const char *s, size_t len);

/*
 * How many bytes from the beginning are printable ASCII other than '"' and '\\': in a JSON
 * string they stand for themselves.
 */
size_t text_plain(const char *s, size_t len);

/*
 * Copy foreign text so that a terminal or log may have it: control characters,
 * invalid UTF-8 and what text_invisible names become \xNN; cut with "..." where
 * it does not fit.
 *
 * size     room at out, at least 8
 * returns  out
 */
const char *text_shown(char *out, size_t size, const char *s);

/* "1.4 MiB"; returns out. */
const char *text_size(char out[TEXT_SIZE_MAX], uint64_t bytes);

/* "1h02m", "3m07s", "12.3s"; returns out. */
const char *text_duration(char out[TEXT_SIZE_MAX], uint64_t ms);

/* Lower-case hex of len bytes and a NUL: 2 * len + 1 bytes at out. */
void text_hex(char *out, const uint8_t *bytes, size_t len);

/* Read exactly len bytes of hex; -1 for anything else. */
int text_unhex(uint8_t *out, size_t len, const char *s);

/* Decimal number of at most max; ERR_FORMAT otherwise. */
int text_u64(const char *s, uint64_t max, uint64_t *out, struct err *err) MUST_CHECK;

/* Size with an optional suffix k, m, g, t (powers of 1024; "16GiB", "16g"). */
int text_parse_size(const char *s, uint64_t *out, struct err *err) MUST_CHECK;

/* Duration in ms with a suffix ms, s, m, h, d; a bare number is seconds. */
int text_parse_duration(const char *s, uint64_t *out, struct err *err) MUST_CHECK;

/* How many single-letter edits make b out of a, counted up to 64-byte words. */
unsigned text_distance(const char *a, const char *b);

#endif
