/* SPDX-License-Identifier: MIT */
/*
 * json: parsing JSON from untrusted sources.
 *
 * The whole text is validated (grammar, numbers, UTF-8, depth, count) before jsmn, which
 * validates little, splits it into tokens. A value is a small handle that is passed by copy.
 * Reading a value as another type than it has gives "absent".
 *
 * Units    sizes in bytes
 * Errors   ERR_FORMAT with the byte's offset, ERR_LIMIT, ERR_MEMORY
 * Owns     struct json owns its tokens, which values point into; the text is borrowed until
 *          json_free
 * Threads  a parsed document may be read by several threads
 * Source   RFC 8259; of duplicate keys, the last one is used
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX  128               /* nested arrays and objects */
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

/* Validate the whole text. tokens (may be NULL) gets the number of values and keys. */
int json_check(const char *text, size_t len, size_t *tokens, struct err *err) MUST_CHECK;

/* Validate and tokenise the text, which is not copied: it has to stay until json_free. NULL on
 * error. */
struct json *json_parse(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Free a document; NULL is fine. */
void json_free(struct json *doc);

/* The document's top-level value. */
struct json_value json_root(const struct json *doc);

/* The number of values and keys in a document. */
size_t json_size(const struct json *doc);

/*
 * The nth value or key of a document, in the order of their first bytes; n is below json_size.
 */
struct json_value json_at(const struct json *doc, size_t n);

/* The type of a value; JSON_ABSENT for a value that was not found. */
enum json_type json_type(struct json_value v);

/* The number of entries of an array or object; 0 for other values. */
size_t json_count(struct json_value v);

/* The member of an object with this key, or absent. */
struct json_value json_get(struct json_value object, const char *key);

/*
 * Iterate over an array or object.
 *
 * prev     absent to start, then the previous return value
 * returns  the next entry, or absent at the end; of an object, the member's value (json_key
 *          gives its key)
 */
struct json_value json_next(struct json_value container, struct json_value prev);

/* The key of an object's member, as a value of type JSON_STRING. */
struct json_value json_key(struct json_value member);

/* Whether a value is a string with this text. */
bool json_is(struct json_value v, const char *text);

/* Whether an array has a string with this text. */
bool json_has(struct json_value array, const char *text);

/* The value's bytes in the text; a string's without quotes, with escapes. */
const char *json_raw(struct json_value v, size_t *len);

/*
 * Copy a string's text, unescaped, into a region; lone surrogates and NUL become U+FFFD.
 *
 * returns  in *out: the copy, or NULL if the value is not a string
 */
int json_string(struct json_value v, struct region *region, char **out,
                struct err *err) MUST_CHECK;

/* Copy the text of a string member; NULL if there is none, or no memory for it. */
const char *json_text(struct json_value object, const char *key, struct region *region);

/* Append a string's unescaped text to a buffer; does nothing if the value is not a string. */
int json_append(struct json_value v, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Decode the first byte or escape sequence of a string's raw text.
 *
 * returns  the bytes of raw consumed; *used gets the number of bytes written to out
 */
size_t json_char(const char *raw, size_t len, char out[4], size_t *used);

/* Unescape a string's raw text, which json_check has validated, and append it to a buffer. */
int json_unescape(const char *raw, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/* Whether a value is neither absent nor null. */
bool json_stated(struct json_value v);

/* Whether a value that should be a text is none: not absent, null or a non-empty string. */
bool json_wrong_text(struct json_value v);

/* Read an integer from 0 to 2^63-1; false if the value is anything else. */
bool json_u64(struct json_value v, uint64_t *out);

/* Read a boolean; returns false, with *out untouched, if the value is anything else. */
bool json_bool(struct json_value v, bool *out);

#endif
