/* SPDX-License-Identifier: MIT */
/*
 * text: UTF-8, safe display of foreign text, and numbers with units.
 *
 * Units    bytes; displayed with binary prefixes (KiB, MiB)
 * Errors   only from functions that take a struct err
 * Threads  any
 * Source   RFC 3629 (UTF-8)
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE_MAX 32 /* size of the buffer for text_size and text_duration */

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0 if there is none. NUL is valid. */
size_t text_utf8_next(const char *s, size_t len);

/*
 * The length of a text of len bytes that is cut to `max` bytes: shorter if a UTF-8 character
 * would be divided. What is no UTF-8 is cut anywhere.
 */
size_t text_cut(const char *s, size_t len, size_t max);

/* Encode a code point as UTF-8 (an invalid one as U+FFFD); returns the length, 1 to 4. */
size_t text_utf8_put(char out[4], uint32_t code);

/* Decode a valid UTF-8 sequence of len bytes. */
uint32_t text_utf8_code(const char *s, size_t len);

/*
 * Whether a valid UTF-8 sequence of len bytes is an invisible character, or one that changes
 * how others are displayed: C0 and C1 controls, bidirectional and other formatting characters,
 * noncharacters. Names, terminals, logs and JSON all use this list.
 */
bool text_invisible(const char *s, size_t len);

/*
 * The number of leading bytes that are printable ASCII other than '"' and '\\'; a JSON string
 * needs no escapes for them.
 */
size_t text_plain(const char *s, size_t len);

/*
 * Copy foreign text in a form that is safe for terminals and logs: invalid UTF-8 and
 * text_invisible characters become \xNN. A text that does not fit is truncated and ends in
 * "...".
 *
 * size     room at out, at least 8
 * returns  out
 */
const char *text_shown(char *out, size_t size, const char *s);

/*
 * The number of columns that a valid UTF-8 text takes on a terminal: wide characters take two,
 * combining ones none (wcwidth of the locale). A character unknown to the locale counts as one.
 */
size_t text_width(const char *text);

/*
 * Copy a text, shortened to a number of columns: what is left out in the middle becomes an
 * ellipsis. The text must be safe for terminals already (text_shown).
 *
 * out      has room for the whole text and 4 bytes more
 * columns  at least 1
 * returns  out
 */
const char *text_shorten(char *out, const char *text, size_t columns);

/* Format an age in seconds: "12s ago", "5h ago", "10mo ago"; returns out. */
const char *text_ago(char out[TEXT_SIZE_MAX], uint64_t seconds);

/* What follows a noun after a number: "" for 1, otherwise "s". */
const char *text_plural(uint64_t count);

/* Format a size: "1.4 MiB"; returns out. */
const char *text_size(char out[TEXT_SIZE_MAX], uint64_t bytes);

/* Format a duration: "1h02m", "3m07s", "12.3s", "45ms"; returns out. */
const char *text_duration(char out[TEXT_SIZE_MAX], uint64_t ms);

/* Write len bytes as lower-case hex and a NUL: 2 * len + 1 bytes at out. */
void text_hex(char *out, const uint8_t *bytes, size_t len);

#define TEXT_ID_MAX 128

/* Whether a text can be an ID: 1 to TEXT_ID_MAX ASCII letters, digits, '_' and '-'. */
bool text_is_id(const char *s);

/* The value of a hex digit, 0 to 15; -1 for any other character. */
int text_hex_digit(int c);

/* Parse exactly len bytes of hex; -1 for anything else. */
int text_unhex(uint8_t *out, size_t len, const char *s);

#define TEXT_NONCE 17 /* buffer size for text_nonce */

/* Write a number that nobody else is likely to have, as 16 hexadecimal digits: a random one, or
 * one of the clocks while the system has no randomness yet. Returns out. */
const char *text_nonce(char out[TEXT_NONCE]);

/* Parse a decimal number up to max; ERR_FORMAT otherwise. */
int text_u64(const char *s, uint64_t max, uint64_t *out, struct err *err) MUST_CHECK;

/*
 * Parse "K/N", part K of N parts: decimal numbers, K from 1 to N, N at most `most`. ERR_USAGE
 * otherwise; *part and *parts are written on success only.
 */
int text_part(const char *s, uint64_t most, uint64_t *part, uint64_t *parts,
              struct err *err) MUST_CHECK;

/* Parse a size with an optional suffix k, m, g, t (powers of 1024): "16GiB", "16g". */
int text_parse_size(const char *s, uint64_t *out, struct err *err) MUST_CHECK;

/* Parse a duration with a suffix ms, s, m, h, d; a bare number is seconds. Result in ms. */
int text_parse_duration(const char *s, uint64_t *out, struct err *err) MUST_CHECK;

/* The most similar of several words, for "did you mean": text_nearest, then offer each. */
struct text_nearest {
    const char *word;
    unsigned limit; /* only a word at a smaller text_distance is similar */
    /* NULL: none is similar; of equally near words the first. limit is its distance */
    const char *best;
};

/* Begin the search for the word most similar to this one, which is borrowed: a similar word
 * differs from it by at most a third of its length. */
struct text_nearest text_nearest(const char *word);

/* Take name as the best if it is nearer than all that were offered before. */
void text_nearer(struct text_nearest *nearest, const char *name);

/* Edit distance of two words in bytes, where two neighbours that changed places are one edit;
 * 64 if one word is longer than 64 bytes. */
unsigned text_distance(const char *a, const char *b);

#endif
