/* SPDX-License-Identifier: MIT */
#include "mask/layer.h"

#include "base/mem.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <string.h>

#define MARKS_MAX  ((size_t)1 << 26)
#define ENTITY_MAX 10 /* characters of a character reference, with & and ; */
#define RUN_MIN    24 /* shorter runs of base64 are words */
#define TEXTY_LOOK 64 /* bytes that tell whether a run is text */

/* What an escape stands for. */
struct symbol_read {
    char bytes[4];
    size_t len;
    size_t raw;
};

static const struct {
    const char *name;
    char c;
} entities[] = {
    { "amp", '&' },    { "lt", '<' },     { "gt", '>' },     { "quot", '"' },
    { "apos", '\'' },  { "commat", '@' }, { "period", '.' }, { "equals", '=' },
    { "num", '#' },    { "colon", ':' },  { "sol", '/' },    { "plus", '+' },
    { "lowbar", '_' }, { "dollar", '$' }, { "excl", '!' },   { "percnt", '%' },
    { "lpar", '(' },   { "rpar", ')' },   { "semi", ';' },   { "comma", ',' },
    { "quest", '?' },  { "ast", '*' },    { "bsol", '\\' },  { "hat", '^' },
    { "grave", '`' },  { "lcub", '{' },   { "rcub", '}' },   { "lsqb", '[' },
    { "rsqb", ']' },   { "verbar", '|' }, { "Tab", '\t' },   { "NewLine", '\n' },
    { "hyphen", '-' }, { "dash", '-' },
};

void layer_clear(struct layer *layer)
{
    buf_clear(&layer->plain);
    mem_free(layer->marks);
    *layer = (struct layer){ 0 };
}

/* Read up to `digits` hex digits; returns their number. */
static size_t read_hex(const char *text, size_t len, size_t digits, uint32_t *value)
{
    size_t i;

    *value = 0;
    for (i = 0; i < len && i < digits && text_hex_digit((unsigned char)text[i]) >= 0; i++)
        *value = *value << 4 | (uint32_t)text_hex_digit((unsigned char)text[i]);
    return i;
}

static bool put_code(struct symbol_read *out, uint32_t code, size_t raw)
{
    out->len = text_utf8_put(out->bytes, code);
    out->raw = raw;
    return true;
}

/* \uXXXX, with the second half of a pair. */
static bool read_unicode(struct symbol_read *out, const char *at, size_t len)
{
    uint32_t code;
    uint32_t low;

    if (read_hex(at + 2, len - 2, 4, &code) < 4)
        return false;
    if (code >= 0xd800 && code < 0xdc00 && len >= 12 && at[6] == '\\' && at[7] == 'u' &&
        read_hex(at + 8, 4, 4, &low) == 4 && low >= 0xdc00 && low < 0xe000)
        return put_code(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), 12);
    return put_code(out, code, 6);
}

static bool read_backslash(struct symbol_read *out, const char *at, size_t len)
{
    static const char names[] = "nrtbf\"\\/'";
    static const char values[] = "\n\r\t\b\f\"\\/'";
    const char *name;
    uint32_t code;

    if (len < 2)
        return false;
    if (at[1] == 'u')
        return read_unicode(out, at, len);
    if (at[1] == 'x')
        return read_hex(at + 2, len - 2, 2, &code) == 2 && put_code(out, code, 4);
    name = at[1] ? strchr(names, at[1]) : NULL;
    return name && put_code(out, (unsigned char)values[name - names], 2);
}

/* &#64; and &#x40;; len ends before the ';'. */
static bool read_number(struct symbol_read *out, const char *at, size_t len)
{
    uint32_t code = 0;
    size_t i;

    if (len > 3 && (at[2] == 'x' || at[2] == 'X'))
        return read_hex(at + 3, len - 3, 6, &code) == len - 3 && put_code(out, code, len + 1);
    for (i = 2; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        code = code * 10 + (uint32_t)(at[i] - '0');
    }
    return len > 2 && put_code(out, code, len + 1);
}

static bool read_entity(struct symbol_read *out, const char *at, size_t len)
{
    const char *end = memchr(at, ';', len < ENTITY_MAX ? len : ENTITY_MAX);
    size_t name;
    size_t i;

    if (!end)
        return false;
    name = (size_t)(end - at);
    if (name > 1 && at[1] == '#')
        return read_number(out, at, name);
    for (i = 0; i < sizeof(entities) / sizeof(*entities); i++) {
        if (strlen(entities[i].name) == name - 1 &&
            memcmp(entities[i].name, at + 1, name - 1) == 0)
            return put_code(out, (unsigned char)entities[i].c, name + 1);
    }
    return false;
}

static bool read_percent(struct symbol_read *out, const char *at, size_t len)
{
    uint32_t byte;

    if (len < 3 || read_hex(at + 1, 2, 2, &byte) < 2)
        return false;
    out->bytes[0] = (char)byte;
    out->len = 1;
    out->raw = 3;
    return true;
}

static bool read_escape(struct symbol_read *out, const char *at, size_t len, unsigned escapes)
{
    switch (*at) {
    case '\\':
        return (escapes & LAYER_JSON) && read_backslash(out, at, len);
    case '&':
        return (escapes & LAYER_HTML) && read_entity(out, at, len);
    case '%':
        return (escapes & LAYER_PERCENT) && read_percent(out, at, len);
    default:
        return false;
    }
}

static int add_mark(struct layer *layer, size_t raw, const struct symbol_read *is,
                    struct err *err)
{
    if (mem_room(&layer->marks, &layer->cap, layer->count, sizeof(*layer->marks), MARKS_MAX,
                 err) < 0)
        return -1;
    layer->marks[layer->count++] =
        (struct layer_mark){ (uint32_t)layer->plain.len, (uint32_t)raw, (uint8_t)is->len,
                             (uint8_t)is->raw };
    return buf_add(&layer->plain, is->bytes, is->len, err);
}

static int begin(struct layer *layer, size_t len, struct err *err)
{
    if (len > LAYER_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "a text of more than %zu bytes", LAYER_TEXT_MAX);
    if (!layer->plain.max)
        buf_init(&layer->plain, LAYER_TEXT_MAX);
    buf_reset(&layer->plain);
    layer->count = 0;
    layer->base64 = false;
    return 0;
}

int layer_decode(struct layer *layer, const char *text, size_t len, unsigned escapes,
                 struct err *err)
{
    size_t copied = 0;
    size_t i = 0;

    if (begin(layer, len, err) < 0)
        return -1;
    while (i < len) {
        struct symbol_read is;

        if (!read_escape(&is, text + i, len - i, escapes)) {
            i++;
            continue;
        }
        if (buf_add(&layer->plain, text + copied, i - copied, err) < 0 ||
            add_mark(layer, i, &is, err) < 0)
            return -1;
        i += is.raw;
        copied = i;
    }
    if (!layer->count)
        return 0;
    return buf_add(&layer->plain, text + copied, len - copied, err) < 0 ? -1 : 1;
}

/* The last mark at or before an offset of the decoded text; NULL: there is none. */
static const struct layer_mark *mark_before(const struct layer *layer, size_t plain)
{
    size_t low = 0;
    size_t high = layer->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (layer->marks[middle].plain <= plain)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &layer->marks[low - 1] : NULL;
}

size_t layer_from(const struct layer *layer, size_t plain)
{
    const struct layer_mark *mark;

    if (layer->base64)
        return layer->base64_at + plain * 4 / 3;
    mark = mark_before(layer, plain);
    if (!mark)
        return plain;
    if (plain < (size_t)mark->plain + mark->plain_len)
        return mark->raw;
    return (size_t)mark->raw + mark->raw_len + (plain - mark->plain - mark->plain_len);
}

size_t layer_to(const struct layer *layer, size_t plain)
{
    const struct layer_mark *mark;

    if (layer->base64)
        return layer->base64_at + (plain * 4 + 2) / 3;
    mark = mark_before(layer, plain - 1);
    if (mark && plain - 1 < (size_t)mark->plain + mark->plain_len)
        return (size_t)mark->raw + mark->raw_len;
    return layer_from(layer, plain - 1) + 1;
}

/* The value of a base64 character, or -1. */
static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool layer_is_base64(char c)
{
    return sextet(c) >= 0;
}

long layer_unbase64(struct buf *out, const char *text, size_t len, struct err *err)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t i;

    for (i = 0; i < len && sextet(text[i]) >= 0; i++) {
        bits = bits << 6 | (uint32_t)sextet(text[i]);
        have += 6;
        if (have >= 8) {
            char c = (char)(bits >> (have - 8) & 0xff);

            have -= 8;
            if (buf_add(out, &c, 1, err) < 0)
                return -1;
        }
    }
    return (long)i;
}

int layer_put_base64(struct buf *out, const void *bytes, size_t len, struct err *err)
{
    size_t size = (len + 2) / 3 * 4;
    char *room;

    if (len > LAYER_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "a text of more than %zu bytes", LAYER_TEXT_MAX);
    room = buf_room(out, size, err); /* which includes room for a NUL */
    if (!room)
        return -1;
    (void)EVP_EncodeBlock((unsigned char *)room, bytes, (int)len);
    out->len += size;
    return 0;
}

bool layer_is_text(const char *bytes, size_t len)
{
    size_t i = 0;

    while (i < len) {
        unsigned char c = (unsigned char)bytes[i];
        size_t n = text_utf8_next(bytes + i, len - i);

        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return false;
        if (!n && len - i >= 4) /* not only a sequence that is cut at the end */
            return false;
        i += n ? n : 1;
    }
    return true;
}

int layer_base64(struct layer *layer, const char *text, size_t len, size_t *at, struct err *err)
{
    size_t i = *at;

    while (i < len) {
        size_t from = i;

        while (i < len && sextet(text[i]) >= 0)
            i++;
        if (i - from >= RUN_MIN) {
            size_t look = i - from < TEXTY_LOOK * 4 / 3 ? i - from : TEXTY_LOOK * 4 / 3;

            if (begin(layer, len, err) < 0 ||
                layer_unbase64(&layer->plain, text + from, look, err) < 0)
                return -1;
            if (layer_is_text(buf_text(&layer->plain), layer->plain.len)) {
                buf_reset(&layer->plain);
                layer->base64 = true;
                layer->base64_at = from;
                *at = i;
                return layer_unbase64(&layer->plain, text + from, i - from, err) < 0 ? -1 : 1;
            }
        }
        i++;
    }
    *at = len;
    return 0;
}
