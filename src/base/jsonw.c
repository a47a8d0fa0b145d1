/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

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

static void flush(struct jsonw *w)
{
    if (!w->failed && w->len && w->sink(w->ctx, w->piece, w->len, &w->err) < 0)
        w->failed = true;
    w->len = 0;
}

static void put(struct jsonw *w, const char *bytes, size_t len)
{
    while (len) {
        size_t room = sizeof(w->piece) - w->len;
        size_t n = len < room ? len : room;

        memcpy(w->piece + w->len, bytes, n);
        w->len += n;
        bytes += n;
        len -= n;
        if (w->len == sizeof(w->piece))
            flush(w);
    }
}

static void words(struct jsonw *w, const char *s)
{
    put(w, s, strlen(s));
}

/* How many bytes stand for themselves. */
static size_t plain_span(const char *s, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            break;
    }
    return i;
}

static void quote(struct jsonw *w, const char *s, size_t left)
{

    put(w, "\"", 1);
    while (left) {
        size_t span = plain_span(s, left);
        size_t len = span ? span : text_utf8_next(s, left);
        unsigned char c = (unsigned char)*s;
        char code[8];

        if (span) {
            put(w, s, span);
        } else if (!len) {
            words(w, "\xef\xbf\xbd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            code[0] = '\\';
            code[1] = (char)c;
            put(w, code, 2);
        } else if (c == '\n') {
            words(w, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            (void)snprintf(code, sizeof(code), "\\u%04x", c);
            words(w, code);
        } else {
            put(w, s, len);
        }
        s += len;
        left -= len;
    }
    put(w, "\"", 1);
}

static void indent(struct jsonw *w)
{
    unsigned i;

    put(w, "\n", 1);
    for (i = 0; i < w->depth; i++)
        words(w, "  ");
}

/* What stands before a member: comma, line break, key. */
static void member(struct jsonw *w, const char *key)
{
    if (w->filled[w->depth])
        words(w, w->style[w->depth] == JSONW_LINES ? "," : ", ");
    if (w->depth && w->style[w->depth] == JSONW_LINES)
        indent(w);
    w->filled[w->depth] = true;
    if (key) {
        quote(w, key, strlen(key));
        words(w, ": ");
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
    flush(&w);
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
    flush(w);
    if (!w->failed)
        return 0;
    if (err)
        *err = w->err;
    return -1;
}

void jsonw_text(struct jsonw *w, const char *key, const char *text)
{
    member(w, key);
    if (text)
        quote(w, text, strlen(text));
    else
        words(w, "null");
}

void jsonw_u64(struct jsonw *w, const char *key, uint64_t value)
{
    char digits[24];

    member(w, key);
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    words(w, digits);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
    member(w, key);
    words(w, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
    member(w, key);
    words(w, "null");
}
