/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

#include "base/mem.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void jsonw_init(struct jsonw *w, put_fn *sink, void *ctx)
{
    w->sink = sink;
    w->ctx = ctx;
    w->depth = 0;
    w->style[0] = JSONW_INLINE;
    w->filled[0] = false;
    w->failed = false;
    w->len = 0;
    err_clear(&w->err);
}

struct jsonw *jsonw_new(put_fn *sink, void *ctx, struct err *err)
{
    struct jsonw *w = mem_new(sizeof(*w), err);

    if (w)
        jsonw_init(w, sink, ctx);
    return w;
}

void jsonw_flush(struct jsonw *w)
{
    if (!w->failed && w->len && w->sink(w->ctx, w->piece, w->len, &w->err) < 0)
        w->failed = true;
    w->len = 0;
}

static void put(struct jsonw *w, const char *bytes, size_t len)
{
    if (len == 1 && w->len + 1 < sizeof(w->piece)) { /* half of the calls */
        w->piece[w->len++] = *bytes;
        return;
    }
    while (len) {
        size_t room = sizeof(w->piece) - w->len;
        size_t n = len < room ? len : room;

        memcpy(w->piece + w->len, bytes, n);
        w->len += n;
        bytes += n;
        len -= n;
        if (w->len == sizeof(w->piece))
            jsonw_flush(w);
    }
}

void jsonw_members(struct jsonw *w, const char *bytes, size_t len)
{
    w->filled[w->depth] = w->filled[w->depth] || len;
    put(w, bytes, len);
}

static void put_text(struct jsonw *w, const char *s)
{
    put(w, s, strlen(s));
}

/* Write a character as \uXXXX, or as a surrogate pair. */
static void put_code(struct jsonw *w, uint32_t code)
{
    char text[16];

    if (code > 0xffff)
        (void)snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                       0xdc00 + (code & 0x3ff));
    else
        (void)snprintf(text, sizeof(text), "\\u%04x", code);
    put_text(w, text);
}

static void quote(struct jsonw *w, const char *s, size_t left)
{
    put(w, "\"", 1);
    while (left) {
        size_t span = text_plain(s, left);
        size_t len = span ? span : text_utf8_next(s, left);
        char c = *s;
        char code[2] = { '\\', c };

        if (span) {
            put(w, s, span);
        } else if (!len) {
            put_text(w, "\xef\xbf\xbd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            put(w, code, 2);
        } else if (c == '\n') {
            put_text(w, "\\n");
        } else if (text_invisible(s, len)) {
            put_code(w, text_utf8_code(s, len));
        } else {
            put(w, s, len);
        }
        s += len;
        left -= len;
    }
    put(w, "\"", 1);
}

int jsonw_copy(put_fn *sink, void *ctx, const char *json, size_t left, struct err *err)
{
    struct jsonw w;

    jsonw_init(&w, sink, ctx);
    while (left) {
        size_t len = text_utf8_next(json, left);

        /* controls below 0x20 occur only between values, as whitespace */
        if (len && (unsigned char)*json >= 0x20 && text_invisible(json, len))
            put_code(&w, text_utf8_code(json, len));
        else
            put(&w, json, len ? len : 1);
        json += len ? len : 1;
        left -= len ? len : 1;
    }
    jsonw_flush(&w);
    if (w.failed && err)
        *err = w.err;
    return w.failed ? -1 : 0;
}

static void indent(struct jsonw *w)
{
    unsigned i;

    put(w, "\n", 1);
    for (i = 0; i < w->depth; i++)
        put_text(w, "  ");
}

/* Write what precedes a member: comma, line break and key. */
static void member(struct jsonw *w, const char *key)
{
    if (w->filled[w->depth])
        put_text(w, w->style[w->depth] == JSONW_LINES ? "," : ", ");
    if (w->depth && w->style[w->depth] == JSONW_LINES)
        indent(w);
    w->filled[w->depth] = true;
    if (key) {
        quote(w, key, strlen(key));
        put_text(w, ": ");
    }
}

static void open_(struct jsonw *w, const char *key, char bracket, enum jsonw_style style)
{
    member(w, key);
    put(w, &bracket, 1);
    assert(w->depth + 1 < JSONW_DEPTH);
    w->depth++;
    w->style[w->depth] = style;
    w->closer[w->depth] = bracket == '{' ? '}' : ']';
    w->filled[w->depth] = false;
}

void jsonw_object(struct jsonw *w, const char *key, enum jsonw_style style)
{
    open_(w, key, '{', style);
}

void jsonw_array(struct jsonw *w, const char *key, enum jsonw_style style)
{
    open_(w, key, '[', style);
}

void jsonw_close(struct jsonw *w)
{
    unsigned depth = w->depth;

    assert(depth > 0);
    w->depth--;
    if (w->style[depth] == JSONW_LINES && w->filled[depth])
        indent(w);
    put(w, &w->closer[depth], 1);
}

int jsonw_quote(struct buf *out, const char *text, size_t len, struct err *err)
{
    struct jsonw w;

    jsonw_init(&w, buf_put, out);
    quote(&w, text, len);
    jsonw_flush(&w);
    if (!w.failed)
        return 0;
    if (err)
        *err = w.err;
    return -1;
}

int jsonw_end(struct jsonw *w, struct err *err)
{
    assert(w->depth == 0);
    put(w, "\n", 1);
    jsonw_flush(w);
    if (!w->failed)
        return 0;
    if (err)
        *err = w->err;
    return -1;
}

int jsonw_finish(struct jsonw *w, struct err *err)
{
    int rc = jsonw_end(w, err);

    mem_free(w);
    return rc;
}

void jsonw_text(struct jsonw *w, const char *key, const char *text)
{
    member(w, key);
    if (text)
        quote(w, text, strlen(text));
    else
        put_text(w, "null");
}

void jsonw_u64(struct jsonw *w, const char *key, uint64_t value)
{
    char digits[24];
    size_t from = sizeof(digits);

    do
        digits[--from] = (char)('0' + value % 10);
    while (value /= 10);
    member(w, key);
    put(w, digits + from, sizeof(digits) - from);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
    member(w, key);
    put_text(w, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
    member(w, key);
    put_text(w, "null");
}
