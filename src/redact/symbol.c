/* SPDX-License-Identifier: MIT */
#include "redact/symbol.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LEVEL_MAX     100 /* at more levels, a '%' stands for itself */
#define REFERENCE_MAX 8   /* maximum length of a reference */

/* The value of count hex digits; -1 if there are fewer. */
static int hex_at(const struct symbols *in, size_t at, size_t count)
{
    int value = 0;
    size_t i;

    if (at + count > in->len)
        return -1;
    for (i = 0; i < count; i++) {
        int digit = text_hex_digit(in->text[at + i]);

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static unsigned char ascii(long code)
{
    return code > 0 && code < 0x80 ? (unsigned char)code : SYMBOL_OTHER;
}

/* Decode %3D, %253D and so on; an incomplete encoding is a percent sign. */
static struct symbol percent(const struct symbols *in, size_t at)
{
    struct symbol y = { '%', 0, 0, 1 };
    size_t next = at + 1;
    unsigned level = 1;
    int value = hex_at(in, next, 2);

    while (value == '%' && level < LEVEL_MAX && hex_at(in, next + 2, 2) >= 0) {
        next += 2;
        level++;
        value = hex_at(in, next, 2);
    }
    if (value < 0)
        return y;
    return (struct symbol){ ascii(value), (unsigned char)level, 0, next + 2 - at };
}

/* Decode &#61;, &#x3D; and the named references used for quoting. */
static struct symbol reference(const struct symbols *in, size_t at)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {
        { "amp;", '&' }, { "quot;", '"' }, { "apos;", '\'' }, { "lt;", '<' }, { "gt;", '>' }
    };
    struct symbol y = { '&', 0, 0, 1 };
    size_t left = in->len - at - 1;
    const char *s = in->text + at + 1;
    bool hex = left > 1 && s[0] == '#' && tolower((unsigned char)s[1]) == 'x';
    size_t i;
    long code = 0;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t n = strlen(names[i].name);

        if (left >= n && strncasecmp(s, names[i].name, n) == 0)
            return (struct symbol){ (unsigned char)names[i].c, 0, 0, n + 1 };
    }
    if (!left || s[0] != '#')
        return y;
    for (i = hex ? 2 : 1; i < left && i < REFERENCE_MAX; i++) {
        int digit = text_hex_digit(s[i]);

        if (s[i] == ';' && i > (hex ? 2 : 1))
            return (struct symbol){ ascii(code), 0, 0, i + 2 };
        if (digit < 0 || (!hex && digit > 9))
            break;
        code = code * (hex ? 16 : 10) + digit;
    }
    return y;
}

static struct symbol plain_at(const struct symbols *in, size_t at)
{
    unsigned char c;

    if (at >= in->len)
        return (struct symbol){ 0 };
    c = (unsigned char)in->text[at];
    if (c == '%')
        return percent(in, at);
    if (c == '&')
        return reference(in, at);
    return (struct symbol){ c < 0x80 ? c : SYMBOL_OTHER, 0, 0, 1 };
}

/* Decode the character after backslashes; len is 0 if the backslashes stand for themselves. */
static struct symbol escaped(const struct symbols *in, size_t at)
{
    struct symbol y = plain_at(in, at);
    int code;

    if (y.c == 'u' || y.c == 'x') {
        size_t digits = y.c == 'u' ? 4 : 2;

        code = hex_at(in, at + y.len, digits);
        y.c = ascii(code);
        y.len = code < 0 ? 0 : y.len + digits;
    } else if (!y.c || !strchr("/\"'`", y.c)) {
        y.len = 0;
    }
    return y;
}

/* Decode a sequence of backslashes and the character after it. */
static struct symbol decode_backslashes(const struct symbols *in, size_t at,
                                        struct symbol first)
{
    struct symbol y = first;
    size_t end = at;
    unsigned count = 0;

    while (y.c == '\\') {
        end += y.len;
        count += count < 255;
        y = plain_at(in, end);
    }
    y = escaped(in, end);
    if (!y.len) { /* return the whole sequence, so that the time stays linear */
        first.len = end - at;
        return first;
    }
    y.escapes = (unsigned char)count;
    y.len += end - at;
    return y;
}

struct symbol symbol_encoded(const struct symbols *in, size_t at)
{
    struct symbol first = plain_at(in, at);

    return first.c == '\\' ? decode_backslashes(in, at, first) : first;
}

bool symbol_in_name(struct symbol y)
{
    return isalnum(y.c) || y.c == '_' || y.c == '-' || y.c == '.' || y.c == '[' || y.c == ']' ||
           y.c == '$';
}

bool symbol_in_host(struct symbol y)
{
    return isalnum(y.c) || (y.c && strchr("_-.", y.c));
}

bool symbol_blank(struct symbol y)
{
    return y.len && (y.c <= ' ' || y.c == 0x7f) && !y.escapes;
}

bool symbol_quote(struct symbol y)
{
    return y.c == '"' || y.c == '\'' || y.c == '`';
}

#define WORD 1 /* occurs in names and paths */
#define TIME 2 /* occurs in dates and times */

static unsigned class_of(unsigned char c)
{
    if ((c >= '0' && c <= '9') || c == 'T' || c == 'Z' || c == '-' || c == '.')
        return WORD | TIME;
    if (c == ':' || c == '+')
        return TIME;
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/' ? WORD : 0;
}

bool symbols_inert(const struct symbols *in)
{
    unsigned all = WORD | TIME;
    size_t i;

    for (i = 0; i < in->len && all; i++)
        all &= class_of((unsigned char)in->text[i]);
    if (all & TIME)
        return true;
    return all && !memmem(in->text, in->len, "//", 2) && !memmem(in->text, in->len, "eyJ", 3);
}
