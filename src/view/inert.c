/* SPDX-License-Identifier: MIT */
#include "view/inert.h"

#include <stdbool.h>
#include <stdint.h>

/* Bit c % 32 of the word c / 32: byte c is not plain, or begins a character that may not be:
 * 0xc2 U+0080..U+009F, 0xe2 U+2028 and U+2029. */
static const uint32_t odd[8] = { ~(1u << '\t' | 1u << '\n' | 1u << '\r'),
                                 1u << ('$' - 32) | 1u << ('<' - 32),
                                 0,
                                 1u << ('`' - 96) | 1u << (0x7f - 96),
                                 0,
                                 0,
                                 1u << (0xc2 - 192),
                                 1u << (0xe2 - 224) };

static bool is_odd(unsigned char c)
{
    return odd[c >> 5] >> (c & 31) & 1;
}

/* The character at a byte >= 0x80 that must be escaped, with its length; 0: none. */
static unsigned long lead_char(const unsigned char *at, size_t left, size_t *len)
{
    if (at[0] == 0xc2 && left > 1 && at[1] >= 0x80 && at[1] < 0xa0) {
        *len = 2;
        return at[1];
    }
    if (at[0] == 0xe2 && left > 2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *len = 3;
        return 0x2028 + (unsigned long)(at[2] == 0xa9);
    }
    return 0;
}

static int add_code(struct buf *out, unsigned long c, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    const char code[] = {
        '\\',          'u', digits[c >> 12 & 15], digits[c >> 8 & 15], digits[c >> 4 & 15],
        digits[c & 15]
    };

    return buf_add(out, code, sizeof(code), err);
}

int inert_json(struct buf *out, const char *json, size_t len, struct err *err)
{
    const unsigned char *text = (const unsigned char *)json;
    size_t from = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        size_t used = 1;
        unsigned long c;

        if (!is_odd(text[i]))
            continue;
        c = text[i] < 0x80 ? text[i] : lead_char(text + i, len - i, &used);
        if (!c && text[i])
            continue;
        if (buf_add(out, json + from, i - from, err) < 0 || add_code(out, c, err) < 0)
            return -1;
        i += used - 1;
        from = i + 1;
    }
    return buf_add(out, json + from, len - from, err);
}

int inert_attribute(struct buf *out, const char *text, struct err *err)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x80 || (c > 0x1f && c != '"' && c != '&' && c != '<' && c != '>');
        int rc = plain ? buf_add(out, text, 1, err) : buf_addf(out, err, "&#%u;", (unsigned)c);

        if (rc < 0)
            return -1;
    }
    return 0;
}
