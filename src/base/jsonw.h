/* SPDX-License-Identifier: MIT */
/*
 * jsonw: a streaming JSON writer.
 *
 * The writer inserts commas and line breaks. An array or object opened with JSONW_LINES has one
 * member per line; any other is written on one line. The writer keeps the first error and
 * ignores all later calls, so that callers check once, at the end.
 *
 * Errors   the sink's error, returned by jsonw_end
 * Owns     nothing
 * Threads  one at a time
 * Source   RFC 8259; invalid UTF-8 becomes U+FFFD and text_invisible characters become \uXXXX,
 *          so that the result is safe on a terminal
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONW_DEPTH 16

enum jsonw_style { JSONW_INLINE, JSONW_LINES };

struct jsonw {
    put_fn *sink;
    void *ctx;
    unsigned depth;
    enum jsonw_style style[JSONW_DEPTH];
    bool filled[JSONW_DEPTH];
    char closer[JSONW_DEPTH];
    bool failed;
    struct err err;
    size_t len;
    char piece[4096]; /* buffered for the sink */
};

/* Begin a document whose bytes go to sink. jsonw_end returns the sink's error, if any. */
void jsonw_init(struct jsonw *w, put_fn *sink, void *ctx);

/* The same for a document that is made at once, whose writer is too large for the stack; ended
 * by jsonw_finish, or freed by mem_free. NULL: ERR_MEMORY */
struct jsonw *jsonw_new(put_fn *sink, void *ctx, struct err *err) MUST_CHECK;

/* Append len bytes of text to out as a JSON string, with quotes. */
int jsonw_quote(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/*
 * Copy a JSON text that json_check accepts to sink, with text_invisible characters as \uXXXX.
 */
int jsonw_copy(put_fn *sink, void *ctx, const char *json, size_t len,
               struct err *err) MUST_CHECK;

/* Pass the buffered bytes to the sink. */
void jsonw_flush(struct jsonw *w);

/*
 * Write raw members: len bytes of the inside of an array or object that was written at the same
 * depth. May be called repeatedly for consecutive pieces.
 */
void jsonw_members(struct jsonw *w, const char *bytes, size_t len);

/* Finish the document with a line feed; returns the first error. */
int jsonw_end(struct jsonw *w, struct err *err) MUST_CHECK;

/* The same, and free the writer. */
int jsonw_finish(struct jsonw *w, struct err *err) MUST_CHECK;

/* Open an object; key is NULL inside arrays and at the top level. Close it with jsonw_close. */
void jsonw_object(struct jsonw *w, const char *key, enum jsonw_style style);

/* Open an array; key as for jsonw_object. Close it with jsonw_close. */
void jsonw_array(struct jsonw *w, const char *key, enum jsonw_style style);

/* Close the innermost open array or object. */
void jsonw_close(struct jsonw *w);

/* Write a string; NULL writes null. */
void jsonw_text(struct jsonw *w, const char *key, const char *text);

/* Write a number. */
void jsonw_u64(struct jsonw *w, const char *key, uint64_t value);

/* Write true or false. */
void jsonw_bool(struct jsonw *w, const char *key, bool value);

/* Write null. */
void jsonw_null(struct jsonw *w, const char *key);

#endif
