/* SPDX-License-Identifier: MIT */
/*
 * jsonw: writing JSON, piece by piece, to wherever the caller wants it.
 *
 * Commas and line breaks are the writer's business. An array or object opened
 * with JSONW_LINES puts each member on a line of its own; others stay on one.
 * The first failure is kept and everything after it is ignored, so that callers
 * check once, at the end.
 *
 * Errors   what the sink says; asked for by jsonw_end
 * Owns     nothing
 * Threads  one at a time
 * Source   RFC 8259; invalid UTF-8 becomes U+FFFD, and what text_invisible names \uXXXX, so
 * that a terminal may have the result
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
    char piece[4096]; /* waits for the sink */
};

/*
 * Begin a document whose bytes go to sink. An error of the sink is kept and given by
 * jsonw_end.
 */
void jsonw_init(struct jsonw *w, put_fn *sink, void *ctx);

/* Append len bytes of text as a JSON string, quotes and all. */
int jsonw_quote(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/* Put out a JSON text that json_check accepts, with what text_invisible names as \uXXXX. */
int jsonw_copy(put_fn *sink, void *ctx, const char *json, size_t len,
               struct err *err) MUST_CHECK;

/* Hand all that was written to the sink now. */
void jsonw_flush(struct jsonw *w);

/*
 * Put out len bytes of what another document had between the opening and the closing of an
 * array or object at the same depth: first its beginning, then what follows.
 */
void jsonw_members(struct jsonw *w, const char *bytes, size_t len);

/* Finish with a line end; gives the first failure. */
int jsonw_end(struct jsonw *w, struct err *err) MUST_CHECK;

/* Open an object or array; key is NULL inside arrays and at the top. */
void jsonw_object(struct jsonw *w, const char *key, enum jsonw_style style);

/* Open an array; close it with jsonw_close. */
void jsonw_array(struct jsonw *w, const char *key, enum jsonw_style style);

/* Close what was opened last. */
void jsonw_close(struct jsonw *w);

/* Values; text NULL writes null. */
void jsonw_text(struct jsonw *w, const char *key, const char *text);

/* Write a number. */
void jsonw_u64(struct jsonw *w, const char *key, uint64_t value);

/* Write true or false. */
void jsonw_bool(struct jsonw *w, const char *key, bool value);

/* Write null. */
void jsonw_null(struct jsonw *w, const char *key);

#endif
