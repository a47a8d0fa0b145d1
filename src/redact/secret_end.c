/* SPDX-License-Identifier: MIT */
#include "redact/secret_end.h"

#include "redact/secret_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BLANKS   3   /* maximum number skipped around '=' and ':' */
#define PAIR_MAX 128 /* maximum length of a cookie's name */

#define TOKEN_LEAST 8 /* minimum length of a token after the name of its scheme */

size_t end_of_blanks(const struct symbols *in, size_t at)
{
    int i;

    for (i = 0; i < BLANKS && at < in->len; i++) {
        struct symbol y = symbol_at(in, at);

        if (y.c != ' ' && y.c != '\t')
            break;
        at += y.len;
    }
    return at;
}

/* Whether "name=" starts here, so that the '&' before it separates two parameters. */
static bool parameter_at(const struct symbols *in, size_t at)
{
    size_t n;

    for (n = 0; n <= NAME_MAX_KEPT && at < in->len; n++) {
        struct symbol y = symbol_at(in, at);

        if (n && y.c == '=')
            return true;
        if (!symbol_in_name(y))
            return false;
        at += y.len;
    }
    return false;
}

size_t end_of_word(const struct symbols *in, size_t at, unsigned level)
{
    while (at < in->len) {
        struct symbol y = symbol_at(in, at);

        if (y.level <= level &&
            (symbol_blank(y) || symbol_quote(y) || y.c == '<' || y.c == '>'))
            break;
        at += y.len;
    }
    return at;
}

/* Whether a value is the name of an authentication scheme, as in "authorization=Bearer TOKEN";
 * it may end in a backslash, which escapes the blank for a shell. */
static bool is_scheme(const struct symbols *in, size_t from, size_t to)
{
    static const char *const schemes[] = { "apikey",    "basic", "bearer", "digest",
                                           "negotiate", "oauth", "token" };
    size_t len = to - from;
    size_t i;

    if (len && in->text[to - 1] == '\\')
        len--;
    for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (strlen(schemes[i]) == len && strncasecmp(in->text + from, schemes[i], len) == 0)
            return true;
    }
    return false;
}

/* The end of a token that starts here: long enough for a secret, and no "name=value". */
static size_t end_of_token(const struct symbols *in, size_t at)
{
    size_t end = at;

    while (end < in->len) {
        unsigned char c = (unsigned char)in->text[end];

        if (!isalnum(c) && !strchr("-._~+/=", c))
            break;
        if (c != '=' && end > at && in->text[end - 1] == '=')
            return at;
        end++;
    }
    return end - at < TOKEN_LEAST ? at : end;
}

size_t end_of_value(const struct symbols *in, size_t at, unsigned level, char before)
{
    size_t from = at;

    while (at < in->len) {
        struct symbol y = symbol_at(in, at);
        bool ends = symbol_blank(y) || symbol_quote(y) || y.c == '<' || y.c == '>';

        if (y.c == '&')
            ends = before || parameter_at(in, at + y.len);
        else if (y.c == '#')
            ends = before;
        else if (y.c == ';')
            ends = before == ';';
        else if (y.c == '\'' && !before) /* not an apostrophe as in "it's" */
            ends = !isalnum(symbol_at(in, at + y.len).c);
        if (ends && y.level <= level)
            break;
        at += y.len;
    }
    if (at < in->len && symbol_blank(symbol_at(in, at)) && is_scheme(in, from, at)) {
        size_t token = end_of_blanks(in, at);
        size_t end = end_of_token(in, token);

        return end > token ? end : at;
    }
    return at;
}

bool end_is_settled(const struct symbols *in, size_t from, size_t to)
{
    size_t i;

    for (i = from; i < to; i++) {
        unsigned char c = (unsigned char)in->text[i];

        if (!isalnum(c) && c != '%' && c != '-' && c != '_' && c != '.' && c != '~')
            return false;
    }
    return from && in->text[from - 1] == '=' && (to == in->len || in->text[to] == '&');
}

size_t end_of_quoted(const struct symbols *in, size_t at, struct symbol open)
{
    while (at < in->len) {
        struct symbol y = symbol_at(in, at);

        if (y.c == open.c && y.level <= open.level && y.escapes <= open.escapes)
            break;
        if ((y.c == '\n' || y.c == '\r') && !y.escapes && !y.level)
            break;
        at += y.len;
    }
    return at;
}

size_t end_of_brackets(const struct symbols *in, size_t at)
{
    size_t depth = 1;

    while (at < in->len) {
        struct symbol y = symbol_at(in, at);

        if (y.c == '{' || y.c == '[')
            depth++;
        else if ((y.c == '}' || y.c == ']') && --depth == 0)
            break;
        at += y.len;
    }
    return at;
}

static bool is_line_letter(unsigned char c)
{
    return c == 'n' || c == 'r';
}

size_t end_of_line(const struct symbols *in, size_t at)
{
    while (at < in->len) {
        struct symbol y = symbol_at(in, at);

        if (y.c == '\n' || y.c == '\r' || symbol_quote(y) ||
            (y.c == '\\' && is_line_letter(symbol_at(in, at + y.len).c)))
            break;
        at += y.len;
    }
    return at;
}

bool end_is_pair(const struct symbols *in, size_t at)
{
    size_t n;

    for (n = 0; n < PAIR_MAX && at < in->len; n++) {
        struct symbol y = symbol_at(in, at);

        if (symbol_blank(y) || symbol_quote(y))
            return false;
        if (y.c == '=')
            return true;
        at += y.len;
    }
    return false;
}

size_t end_of_scalar(const struct symbols *in, size_t at)
{
    while (at < in->len) {
        struct symbol y = symbol_at(in, at);

        if (symbol_blank(y) || symbol_quote(y) || (y.c && strchr(",}]{[<>&", y.c)))
            break;
        at += y.len;
    }
    return at;
}

bool end_is_harmless(const struct symbols *in, size_t from, size_t to, bool numbers)
{
    static const char *const words[] = { "true", "false", "null", "none", "undefined" };
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strlen(words[i]) == to - from &&
            strncasecmp(words[i], in->text + from, to - from) == 0)
            return true;
    }
    return !numbers && from < to && isdigit((unsigned char)in->text[from]);
}

bool end_is_file_error(const struct symbols *in, size_t name_end, size_t value)
{
    static const char suffix[] = ".sig";
    const size_t len = sizeof(suffix) - 1;
    size_t at = value;

    if (name_end < len || memcmp(in->text + name_end - len, suffix, len) != 0)
        return false;
    while (at < in->len && (at == value ? isupper((unsigned char)in->text[at])
                                        : islower((unsigned char)in->text[at])))
        at++;
    return at > value + 1 && at < in->len && in->text[at] == ' ';
}
