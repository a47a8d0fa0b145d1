/* SPDX-License-Identifier: MIT */
#include "mask/pattern.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define LOCAL_MAX  64
#define DOMAIN_MAX 255
#define LAST_MAX   24 /* letters of a top-level domain */
#define CARD_MIN   13
#define CARD_MAX   19
#define KEY_TAIL   "-----END "
#define KEY_MAX    ((size_t)16 << 10) /* bytes of a private key */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_digit(c) || is_letter(c) || c == '_' || c == '-';
}

static bool is_local(char c)
{
    return is_word(c) || (c && strchr(".+'~", c)) || (unsigned char)c >= 0x80;
}

static bool is_label(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || (unsigned char)c >= 0x80;
}

/* Whether the last label of a domain is the extension of a file. */
static bool is_extension(const char *label, size_t len)
{
    static const char *const names[] = { "png", "jpg", "jpeg", "gif",  "webp",
                                         "svg", "js",  "css",  "avif", "ico" };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], label, len) == 0)
            return true;
    }
    return false;
}

/* The end of a domain that begins here; 0: there is none. */
static size_t domain_end(const char *text, size_t len, size_t at)
{
    size_t end = 0;
    size_t most = len - at < DOMAIN_MAX ? len : at + DOMAIN_MAX;
    size_t label = at;
    size_t i;
    size_t labels = 0;

    for (i = at; i <= most; i++) {
        bool letters = true;
        size_t j;

        if (i < most && is_label(text[i]))
            continue;
        if (i == label || text[label] == '-')
            break;
        for (j = label; j < i; j++)
            letters = letters && (is_letter(text[j]) || (unsigned char)text[j] >= 0x80);
        if (++labels > 1 && letters && i - label >= 2 && i - label <= LAST_MAX &&
            !is_extension(text + label, i - label))
            end = i;
        if (i == most || text[i] != '.')
            break;
        label = i + 1;
    }
    return end;
}

static int find_emails(const char *text, size_t len, pattern_fn *fn, void *ctx, struct err *err)
{
    const char *at = memchr(text, '@', len);
    size_t done = 0;

    for (; at; at = memchr(at + 1, '@', len - (size_t)(at + 1 - text))) {
        size_t sign = (size_t)(at - text);
        size_t from = sign;
        size_t to = domain_end(text, len, sign + 1);

        while (to && from > done && sign - from < LOCAL_MAX && is_local(text[from - 1]))
            from--;
        while (from < sign && (text[from] == '.' || text[from] == '\''))
            from++;
        if (!to || from == sign)
            continue;
        if (fn(ctx, from, to, err) < 0)
            return -1;
        done = to;
    }
    return 0;
}

/* Whether the check digit of a number is correct. */
static bool luhn(const char *digits, size_t count)
{
    unsigned sum = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        unsigned d = (unsigned)(digits[count - 1 - i] - '0');

        d = i % 2 ? d * 2 : d;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

static size_t run_end(const char *text, size_t len, size_t at)
{
    while (at < len && is_digit(text[at]))
        at++;
    return at;
}

/* The groups in which card numbers are printed. */
static const size_t groups[][6] = {
    { 4, 4, 4, 4, 0 }, { 4, 4, 4, 4, 3, 0 }, { 4, 6, 5, 0 }, { 4, 6, 4, 0 }
};

/* Read a number in these groups, separated by one kind of character; 0: there is none. */
static size_t read_groups(const char *text, size_t len, size_t at, const size_t *sizes,
                          char *digits, size_t *count)
{
    char between = 0;

    *count = 0;
    for (; *sizes; sizes++) {
        size_t end = run_end(text, len, at);

        if (end - at != *sizes)
            return 0;
        memcpy(digits + *count, text + at, *sizes);
        *count += *sizes;
        at = end;
        if (!sizes[1])
            break;
        if (at == len || (text[at] != ' ' && text[at] != '-') ||
            (between && text[at] != between))
            return 0;
        between = text[at++];
    }
    return at;
}

/* Whether the digits before or behind belong to a decimal number or to a word. */
static bool is_part(const char *text, size_t len, size_t from, size_t to)
{
    if (from && (is_letter(text[from - 1]) || text[from - 1] == '_'))
        return true;
    if (from > 1 && (text[from - 1] == '.' || text[from - 1] == ',') &&
        is_digit(text[from - 2]))
        return true;
    if (to < len && (is_letter(text[to]) || text[to] == '_'))
        return true;
    return to + 1 < len && text[to] == '.' && is_digit(text[to + 1]);
}

static bool is_card(const char *digits, size_t count)
{
    return count >= CARD_MIN && count <= CARD_MAX && digits[0] >= '2' && digits[0] <= '6' &&
           luhn(digits, count);
}

/* The end of a card number that begins here; 0: there is none. */
static size_t card_end(const char *text, size_t len, size_t at)
{
    char digits[CARD_MAX + 1];
    size_t end = run_end(text, len, at);
    size_t count = end - at;
    size_t i;

    if (count >= CARD_MIN)
        return is_card(text + at, count) && !is_part(text, len, at, end) ? end : 0;
    for (i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        end = read_groups(text, len, at, groups[i], digits, &count);
        if (end && is_card(digits, count) && !is_part(text, len, at, end))
            return end;
    }
    return 0;
}

static int find_cards(const char *text, size_t len, pattern_fn *fn, void *ctx, struct err *err)
{
    size_t i = 0;

    while (i < len) {
        size_t end;

        if (!is_digit(text[i])) {
            i++;
            continue;
        }
        end = card_end(text, len, i);
        if (end && fn(ctx, i, end, err) < 0)
            return -1;
        i = end ? end : run_end(text, len, i);
    }
    return 0;
}

static const struct {
    const char *head;
    size_t least; /* characters that follow */
} tokens[] = {
    { "ghp_", 30 },     { "gho_", 30 },        { "ghu_", 30 },     { "ghs_", 30 },
    { "ghr_", 30 },     { "glpat-", 16 },      { "xoxb-", 16 },    { "xoxp-", 16 },
    { "xoxa-", 16 },    { "xoxr-", 16 },       { "xoxs-", 16 },    { "AKIA", 16 },
    { "ASIA", 16 },     { "AIza", 30 },        { "ya29.", 16 },    { "sk-", 20 },
    { "sk_live_", 16 }, { "sk_test_", 16 },    { "rk_live_", 16 }, { "rk_test_", 16 },
    { "whsec_", 16 },   { "hf_", 30 },         { "npm_", 30 },     { "pypi-", 30 },
    { "SG.", 30 },      { "github_pat_", 30 }, { "dop_v1_", 30 },  { "shpat_", 30 },
};

static size_t word_end(const char *text, size_t len, size_t at)
{
    while (at < len && is_word(text[at]))
        at++;
    return at;
}

/* A JSON Web Token: three parts, of which the first two are objects in base64. */
static size_t jwt_end(const char *text, size_t len, size_t at)
{
    size_t first = word_end(text, len, at);
    size_t second;

    if (len - at < 3 || memcmp(text + at, "eyJ", 3) != 0 || first == len || text[first] != '.')
        return 0;
    second = word_end(text, len, first + 1);
    if (second - first < 8 || text[first + 1] != 'e')
        return 0;
    return second < len && text[second] == '.' ? word_end(text, len, second + 1) : second;
}

static size_t token_end(const char *text, size_t len, size_t at)
{
    size_t i;

    for (i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
        size_t head = strlen(tokens[i].head);
        size_t end;

        if (text[at] != tokens[i].head[0] || len - at < head ||
            memcmp(text + at, tokens[i].head, head) != 0)
            continue;
        end = word_end(text, len, at + head);
        if (tokens[i].head[head - 1] == '.' && end < len && text[end] == '.')
            end = word_end(text, len, end + 1);
        if (end - at - head >= tokens[i].least)
            return end;
    }
    return jwt_end(text, len, at);
}

/* The end of a private key in PEM that begins here; 0: there is none. */
static size_t key_end(const char *text, size_t len, size_t at)
{
    static const char head[] = "-----BEGIN ";
    size_t room = len - at < KEY_MAX ? len - at : KEY_MAX;
    const char *private;
    const char *tail;
    const char *line;

    if (room < sizeof(head) || memcmp(text + at, head, sizeof(head) - 1) != 0)
        return 0;
    private = memmem(text + at, room < 64 ? room : 64, "PRIVATE KEY-----", 16);
    if (!private)
        return 0;
    tail = memmem(private, room - (size_t)(private - text - (long)at), KEY_TAIL,
                  sizeof(KEY_TAIL) - 1);
    if (!tail)
        return at + room;
    line = memmem(tail + 9, len - (size_t)(tail + 9 - text), "-----", 5);
    return line && line - tail < 64 ? (size_t)(line - text) + 5 : (size_t)(tail - text) + 9;
}

static int find_tokens(const char *text, size_t len, pattern_fn *fn, void *ctx, struct err *err)
{
    size_t i = 0;

    while (i < len) {
        size_t end = 0;

        if (text[i] == '-')
            end = key_end(text, len, i);
        if (!end && is_word(text[i]) && (i == 0 || !is_word(text[i - 1])))
            end = token_end(text, len, i);
        if (end && fn(ctx, i, end, err) < 0)
            return -1;
        i = end ? end : i + 1;
    }
    return 0;
}

int pattern_find(enum pattern_kind kind, const char *text, size_t len, pattern_fn *fn,
                 void *ctx, struct err *err)
{
    switch (kind) {
    case PATTERN_EMAIL:
        return find_emails(text, len, fn, ctx, err);
    case PATTERN_CARD:
        return find_cards(text, len, fn, ctx, err);
    case PATTERN_TOKEN:
        return find_tokens(text, len, fn, ctx, err);
    }
    return 0;
}
