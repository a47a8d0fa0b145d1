/* SPDX-License-Identifier: MIT */
#include "sync/plain_text.h"

#include "base/json.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define BASE64_LEAST 1024 /* bytes of a string that is taken for base64 */

/* A text being read. */
struct reading {
    struct buf *out;
    const char *at;
    const char *end;
    bool full; /* out has no room for a further character */
};

/* Append one character, of n bytes. */
static int put(struct reading *r, const char *bytes, size_t n, struct err *err)
{
    if (n > r->out->max - r->out->len)
        r->full = true;
    return r->full ? 0 : buf_add(r->out, bytes, n, err);
}

/* Append the character at `at`, of which at most len bytes are there; *used: its bytes. */
static int put_next(struct reading *r, const char *at, size_t len, size_t *used,
                    struct err *err)
{
    static const char unreadable[] = "\xEF\xBF\xBD"; /* U+FFFD */
    size_t n = text_utf8_next(at, len);

    *used = n ? n : 1;
    if (!n)
        return put(r, unreadable, 3, err);
    return *at ? put(r, at, n, err) : put(r, " ", 1, err);
}

static int copy(struct reading *r, struct err *err)
{
    size_t n;

    for (; r->at < r->end && !r->full; r->at += n) {
        if (put_next(r, r->at, (size_t)(r->end - r->at), &n, err) < 0)
            return -1;
    }
    return 0;
}

/* The end of the string whose first character is at `at`: its quote, or the end of the text. */
static const char *string_end(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

/* Whether a string is data for programs: a data URL, or much base64. */
static bool is_data(const char *at, const char *end)
{
    size_t len = (size_t)(end - at);
    size_t i;

    if (len > 5 && memcmp(at, "data:", 5) == 0 &&
        memmem(at, len < 256 ? len : 256, ";base64,", 8))
        return true;
    if (len < BASE64_LEAST)
        return false;
    for (i = 0; i < BASE64_LEAST; i++) {
        if (!isalnum((unsigned char)at[i]) && !strchr("+/=_-\\", at[i]))
            return false;
    }
    return true;
}

/* Append a string without its escapes. */
static int put_string(struct reading *r, const char *at, const char *end, struct err *err)
{
    while (at < end && !r->full) {
        size_t left = (size_t)(end - at);
        char code[4];
        size_t used;
        size_t n;

        if (*at != '\\') {
            if (put_next(r, at, left, &n, err) < 0)
                return -1;
            at += n;
            continue;
        }
        if (left < 2 || (at[1] == 'u' && left < 6))
            return 0; /* cut */
        at += json_char(at, left, code, &used);
        if (put_next(r, code, used, &n, err) < 0)
            return -1;
    }
    return 0;
}

/* Append a string, as a key or as a value. */
static int take_string(struct reading *r, struct err *err)
{
    const char *end = string_end(r->at, r->end);
    const char *next = end < r->end ? end + 1 : end;
    bool data = is_data(r->at, end);

    if (!data && put_string(r, r->at, end, err) < 0)
        return -1;
    while (next < r->end && isspace((unsigned char)*next))
        next++;
    r->at = next;
    if (next == r->end || *next != ':')
        return put(r, "\n", 1, err);
    r->at++;
    return put(r, ": ", 2, err);
}

/* Append a number, or whatever else is no string. */
static int take_word(struct reading *r, struct err *err)
{
    size_t n;

    while (r->at < r->end && !r->full && !isspace((unsigned char)*r->at) &&
           !strchr("{}[],:\"", *r->at)) {
        if (put_next(r, r->at, (size_t)(r->end - r->at), &n, err) < 0)
            return -1;
        r->at += n;
    }
    return put(r, "\n", 1, err);
}

static int take_json(struct reading *r, struct err *err)
{
    int rc = 0;

    while (rc == 0 && r->at < r->end && !r->full) {
        if (*r->at == '"') {
            r->at++;
            rc = take_string(r, err);
        } else if (isspace((unsigned char)*r->at) || strchr("{}[],:", *r->at)) {
            r->at++; /* also NUL */
        } else {
            rc = take_word(r, err);
        }
    }
    return rc;
}

int plain_text(struct buf *out, const char *bytes, size_t len, bool json, struct err *err)
{
    struct reading r = { .out = out, .at = bytes, .end = bytes + len };

    while (json && r.at < r.end && isspace((unsigned char)*r.at))
        r.at++;
    if (json && r.at < r.end && strchr("{[\"", *r.at) && *r.at)
        return take_json(&r, err);
    r.at = bytes;
    return copy(&r, err);
}
