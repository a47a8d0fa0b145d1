/* SPDX-License-Identifier: MIT */
/*
 * json: reading JSON from somebody we do not trust.
 *
 * The text is checked whole (grammar, numbers, UTF-8, depth, count) before
 * jsmn, which validates little, cuts it into tokens. A value is a small handle
 * that is passed by copy; asking a value for what it is not gives "absent".
 *
 * Units    sizes in bytes
 * Errors   ERR_FORMAT with the byte's offset, ERR_LIMIT, ERR_MEMORY
 * Owns     a struct json lends values; the text is borrowed as long as it lives
 * Threads  read by many once parsed
 * Source   RFC 8259; of a key that stands twice the last one counts
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX  128               /* brackets within brackets */
#define JSON_TEXT_MAX   ((size_t)1 << 30) /* jsmn's offsets are int */
#define JSON_TOKENS_MAX ((size_t)1 << 25) /* values and keys in one document */

struct json;

struct json_value {
    const struct json *doc; /* NULL: absent */
    size_t at;
};

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* Check the whole text; see the errors above. Pure. tokens (may be NULL) gets the count. */
int json_check(const char *text, size_t len, size_t *tokens, struct err *err) MUST_CHECK;

/* Check and cut the text; NULL on error. */
struct json *json_parse(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Release; NULL is fine. */
void json_free(struct json *doc);

/* The document's one value. */
struct json_value json_root(const struct json *doc);

/* All values and keys of a document, in the order in which they begin: how many, and the nth.
 */
size_t json_size(const struct json *doc);

/* The nth value or key of a document, n counting from 0 and below json_size. */
struct json_value json_at(const struct json *doc, size_t n);

/* The type of a value; JSON_ABSENT for one that was not found. */
enum json_type json_type(struct json_value v);

/* Entries of an array or object, else 0. */
size_t json_count(struct json_value v);

/* An object's member. */
struct json_value json_get(struct json_value object, const char *key);

/*
 * Step through an array or object.
 *
 * prev     absent for the first, then what was answered last; for objects the
 *          value of a member, whose key json_key gives
 * returns  absent at the end
 */
struct json_value json_next(struct json_value container, struct json_value prev);

/* The key of an object's member, as a (JSON_STRING) value. */
struct json_value json_key(struct json_value member);

/* The value's own bytes in the text (strings without their quotes, still escaped). */
const char *json_raw(struct json_value v, size_t *len);

/*
 * A string's text, unescaped; lone surrogates and NUL become U+FFFD.
 *
 * returns  in *out: NULL for what is not a string; else lives in the region
 */
int json_string(struct json_value v, struct region *region, char **out,
                struct err *err) MUST_CHECK;

/* The same, appended to a buffer; nothing for what is not a string. */
int json_append(struct json_value v, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Decode the first character of the inside of such a string: itself, or an escape.
 *
 * returns  bytes of raw that it takes; *used gets the bytes that it is, at out
 */
size_t json_char(const char *raw, size_t len, char out[4], size_t *used);

/* Unescape the inside of a string that json_check has seen, appending to a buffer. */
int json_unescape(const char *raw, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/* A whole number from 0 to 2^63-1; false when it is not one. */
bool json_u64(struct json_value v, uint64_t *out);

/* true or false; false (with *out untouched) when it is neither. */
bool json_bool(struct json_value v, bool *out);

#endif
