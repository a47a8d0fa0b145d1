/* SPDX-License-Identifier: MIT */
/*
 * Redaction: JSON stays JSON, a second pass changes nothing, and a secret inserted in any of
 * its forms is not in the output.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "fuzz.h"
#include "redact/redact.h"

#include <stdbool.h>
#include <string.h>

#define KEY    "sk-Fuzz/Key+12=x"
#define SECRET "S3CR3Tx"
#define ROOM   ((size_t)1 << 20)

static const struct redact all = { KEY, false, NULL };
static const struct redact key_alone = { KEY, true, NULL };

/* %s is the secret: the text before and after it. */
static const char *const texts[][2] = {
    { "https://h/p?a=1&sig=", "" },
    { "https://user:", "@h/p" },
    { "wss%3A%2F%2Fu%3A", "%40h" },
    { "/p?X-Amz-Signature=", "" },
    { "//h/p;sig=", "" },
    { "https://h/#access_token=", "" },
    { "https%3A%2F%2Fh%3Fsig%3D", "" },
    { "https%253A%252F%252Fh%253Fcode%253D", "" },
    { "http:\\/\\/h\\/p?key=", "" },
    { "http:\\\\/\\\\/u:", "@h" },
    { "?a=1\\u0026hmac=", "" },
    { "?a=1&amp;Policy=", "" },
    { "q.token=", "" },
    { "otpauth://totp/x?secret=", "" },
    { "password: ", "" },
    { "Authorization: Bearer ", "" },
    { "{\"password\": \"", "\"}" },
    { "bob:", "@h.example:3128 " },
    { "https://hooks.slack.com/services/T/", "" },
    { KEY, "" },
    { "sk-Fuzz%2FKey%2B12%3Dx", "" },
    { "sk\\u002dFuzz\\/Key+12=x", "" },
};

static const char *const members[] = {
    "password",        "apiKey", "Authorization", "extra_http_headers",
    "totp_identifier", "cookie", "secret",        "jwt",
};

static bool has(const struct buf *buf, const char *what)
{
    return memmem(buf_text(buf), buf->len, what, strlen(what)) != NULL;
}

/* Redact twice. */
static void twice(struct buf *out, const char *text, size_t len, const struct redact *what)
{
    struct buf again;

    buf_init(out, redact_room(len));
    FUZZ_CHECK(redact_text(out, text, len, what, NULL) == 0);
    buf_init(&again, redact_room(out->len));
    FUZZ_CHECK(redact_text(&again, buf_text(out), out->len, what, NULL) == 0);
    FUZZ_CHECK(again.len == out->len && memcmp(buf_text(&again), buf_text(out), out->len) == 0);
    buf_clear(&again);
    if (json_check(text, len, NULL, NULL) == 0)
        FUZZ_CHECK(json_check(buf_text(out), out->len, NULL, NULL) == 0);
}

static void add(struct buf *buf, const void *bytes, size_t len)
{
    FUZZ_CHECK(buf_add(buf, bytes, len, NULL) == 0);
}

static void adds(struct buf *buf, const char *s)
{
    add(buf, s, strlen(s));
}

static void quote(struct buf *buf, const void *bytes, size_t len)
{
    FUZZ_CHECK(jsonw_quote(buf, bytes, len, NULL) == 0);
}

/* A document with the text, and a secret's member, in a string of another if nested. */
static void document(struct buf *out, const struct buf *text, const char *member, bool nested)
{
    struct buf inner;

    buf_init(&inner, ROOM);
    adds(&inner, "{\"text\": ");
    quote(&inner, buf_text(text), text->len);
    adds(&inner, ", \"list\": [1, {\"");
    adds(&inner, member);
    adds(&inner, "\": \"" SECRET "\"}], \"");
    adds(&inner, member);
    adds(&inner, "\": {\"X-A\": [\"" SECRET "\"]}}");
    if (nested)
        quote(out, buf_text(&inner), inner.len);
    else
        add(out, buf_text(&inner), inner.len);
    buf_clear(&inner);
}

static void planted(const uint8_t *data, size_t size, unsigned form)
{
    const size_t count = sizeof(texts) / sizeof(*texts);
    const char *const *how = texts[form % count];
    const char *member = members[form / 2 % (sizeof(members) / sizeof(*members))];
    size_t half = size / 2;
    struct buf text;
    struct buf doc;
    struct buf out;

    buf_init(&text, ROOM);
    buf_init(&doc, ROOM);
    add(&text, data, half);
    adds(&text, "\n ");
    adds(&text, how[0]);
    adds(&text, SECRET);
    adds(&text, how[1]);
    add(&text, data + half, size - half);
    document(&doc, &text, member, form >= 128);
    twice(&out, buf_text(&doc), doc.len, &key_alone);
    FUZZ_CHECK(!has(&out, KEY));
    buf_clear(&out);
    if (form % count < count - 3) {
        twice(&out, buf_text(&text), text.len, &all);
        FUZZ_CHECK(!has(&out, SECRET));
        buf_clear(&out);
        twice(&out, buf_text(&doc), doc.len, &all);
        FUZZ_CHECK(!has(&out, SECRET));
        buf_clear(&out);
    } else {
        twice(&out, buf_text(&text), text.len, &all);
        FUZZ_CHECK(!has(&out, how[0]));
        buf_clear(&out);
    }
    buf_clear(&doc);
    buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;

    twice(&out, (const char *)data, size, &all);
    FUZZ_CHECK(!has(&out, KEY));
    buf_clear(&out);
    if (size && size < 60000 && !memmem(data, size, SECRET, strlen(SECRET)))
        planted(data + 1, size - 1, data[0]);
    return 0;
}
