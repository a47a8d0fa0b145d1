/* SPDX-License-Identifier: MIT */
#include "skyvern/scrub.h"

#include "base/json.h"
#include "base/jsonw.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Query parameters that authorise; the names are compared without case. */
static const char *const telling[] = {
    "sig",
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-credential",
    "awsaccesskeyid",
    "x-goog-signature",
    "x-goog-credential",
    "googleaccessid",
    "key-pair-id",
    "token",
    "access_token",
    "x-api-key",
    "api_key",
};

/* A byte that may be part of a URL in running text. */
static bool in_url(char c)
{
    unsigned char u = (unsigned char)c;

    return u > 0x20 && u != 0x7f && !strchr("\"'<>`", c);
}

/* Whether "name=" (or its percent-encoded form) begins at s. */
static bool names_secret(const char *s, size_t left)
{
    size_t i;

    for (i = 0; i < sizeof(telling) / sizeof(*telling); i++) {
        size_t len = strlen(telling[i]);

        if (left > len && strncasecmp(s, telling[i], len) == 0 &&
            (s[len] == '=' || (left > len + 2 && strncasecmp(s + len, "%3d", 3) == 0)))
            return true;
    }
    return false;
}

/* Whether the query at s authorises something. */
static bool authorises(const char *s, size_t len)
{
    size_t i;

    for (i = 1; i < len; i++) {
        bool starts = !isalnum((unsigned char)s[i - 1]) && s[i - 1] != '-' && s[i - 1] != '_';
        bool coded = i >= 3 && s[i - 3] == '%';                       /* %26sig%3D, %3Fsig%3D */
        bool escaped = i >= 6 && s[i - 6] == '\\' && s[i - 5] == 'u'; /* \u0026sig= */

        if ((starts || coded || escaped) && names_secret(s + i, len - i))
            return true;
    }
    return false;
}

/* Append text with the key overwritten. */
static int put(struct buf *out, const char *text, size_t len, const char *key, struct err *err)
{
    size_t key_len = key ? strlen(key) : 0;
    size_t start = out->len;
    char *at;
    char *end;

    if (buf_add(out, text, len, err) < 0)
        return -1;
    if (key_len < 4 || !out->data)
        return 0;
    at = out->data + start;
    end = out->data + out->len;
    while ((at = memmem(at, (size_t)(end - at), key, key_len))) {
        memset(at, '*', key_len);
        at += key_len;
    }
    return 0;
}

/* The first URL in text whose query must go: where the query starts and ends. */
static bool find(const char *text, size_t len, size_t *from, size_t *to)
{
    size_t i = 0;

    while (i < len) {
        const char *mark = memmem(text + i, len - i, "://", 3);
        size_t end;
        const char *query;

        if (!mark)
            break;
        end = (size_t)(mark - text);
        while (end < len && in_url(text[end]))
            end++;
        query = memchr(mark, '?', end - (size_t)(mark - text));
        if (query && authorises(query, end - (size_t)(query - text))) {
            *from = (size_t)(query - text);
            *to = end;
            return true;
        }
        i = end > i ? end : i + 1;
    }
    return false;
}

int scrub_text(struct buf *out, const char *text, size_t len, const char *key, struct err *err)
{
    size_t from;
    size_t to;

    while (find(text, len, &from, &to)) {
        if (put(out, text, from, key, err) < 0)
            return -1;
        text += to;
        len -= to;
    }
    return put(out, text, len, key, err);
}

/* One string's inside, from raw to clean; the scratch buffers are the caller's. */
static int scrub_string(struct buf *out, const char *raw, size_t len, const char *key,
                        struct buf *plain, struct buf *clean, struct err *err)
{
    buf_reset(plain);
    buf_reset(clean);
    if (json_unescape(raw, len, plain, err) < 0 ||
        scrub_text(clean, buf_text(plain), plain->len, key, err) < 0)
        return -1;
    if (clean->len == plain->len && memcmp(buf_text(clean), buf_text(plain), plain->len) == 0) {
        if (buf_add(out, "\"", 1, err) < 0 || buf_add(out, raw, len, err) < 0)
            return -1;
        return buf_add(out, "\"", 1, err);
    }
    return jsonw_quote(out, buf_text(clean), clean->len, err);
}

int scrub_json(struct buf *out, const char *json, size_t len, const char *key, struct err *err)
{
    struct buf plain;
    struct buf clean;
    size_t from = 0;
    size_t i = 0;
    int rc = 0;

    buf_init(&plain, len);
    buf_init(&clean, len);
    while (rc == 0 && i < len) {
        size_t start;

        if (json[i] != '"') {
            i++;
            continue;
        }
        start = ++i;
        while (i < len && json[i] != '"')
            i += json[i] == '\\' ? 2 : 1;
        rc = buf_add(out, json + from, start - 1 - from, err);
        if (rc == 0)
            rc = scrub_string(out, json + start, i - start, key, &plain, &clean, err);
        from = ++i;
    }
    if (rc == 0 && from < len)
        rc = buf_add(out, json + from, len - from, err);
    buf_clear(&plain);
    buf_clear(&clean);
    return rc;
}
