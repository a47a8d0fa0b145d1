/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <wchar.h>

size_t text_utf8_next(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t need;
    size_t i;
    uint32_t code;

    if (!len)
        return 0;
    if (u[0] < 0x80)
        return 1;
    if (u[0] < 0xc2 || u[0] > 0xf4)
        return 0;
    need = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (len < need)
        return 0;
    code = u[0] & (0xffU >> (need + 1));
    for (i = 1; i < need; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (u[i] & 0x3fU);
    }
    if (need == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
        return 0;
    if (need == 4 && (code < 0x10000 || code > 0x10ffff))
        return 0;
    return need;
}

size_t text_cut(const char *s, size_t len, size_t max)
{
    size_t n = max;

    if (len <= max)
        return len;
    while (n && max - n < 3 && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return ((unsigned char)s[n] & 0xc0) == 0x80 ? max : n;
}

size_t text_utf8_put(char out[4], uint32_t code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

uint32_t text_utf8_code(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;

    switch (len) {
    case 1:
        return u[0];
    case 2:
        return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
    case 3:
        return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    default:
        return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
               (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
    }
}

bool text_invisible(const char *s, size_t len)
{
    uint32_t c = text_utf8_code(s, len);

    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff) || (c & 0xfffe) == 0xfffe;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether any of eight bytes is below a limit (at most 0x80). */
static bool one_below(uint64_t eight, unsigned limit)
{
    return (eight - EACH(limit)) & ~eight & EACH(0x80);
}

static bool plain_eight(const char *s)
{
    uint64_t eight;

    memcpy(&eight, s, sizeof(eight));
    return !(one_below(eight, 0x20) || one_below(eight ^ EACH('"'), 1) ||
             one_below(eight ^ EACH('\\'), 1) || ((eight | (eight + EACH(1))) & EACH(0x80)));
}

size_t text_plain(const char *s, size_t len)
{
    size_t i = 0;

    while (len - i >= 8 && plain_eight(s + i))
        i += 8;
    for (; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            break;
    }
    return i;
}

const char *text_shown(char *out, size_t size, const char *s)
{
    size_t left = strlen(s);
    size_t used = 0;

    while (left) {
        size_t len = text_utf8_next(s, left);
        bool plain = len && !text_invisible(s, len);
        size_t take = len ? len : 1;
        size_t need = plain ? len : 4 * take;
        size_t i;

        if (used + need + 4 > size) { /* leave room for "..." and the NUL */
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        if (plain) {
            memcpy(out + used, s, len);
            used += len;
        } else {
            for (i = 0; i < take; i++)
                used += (size_t)snprintf(out + used, 5, "\\x%02x", (unsigned char)s[i]);
        }
        s += take;
        left -= take;
    }
    out[used] = '\0';
    return out;
}

/* The length in bytes of the character at s, and the columns it takes. An invalid byte is a
 * character. */
static size_t character(const char *s, size_t *columns)
{
    size_t len = text_utf8_next(s, strnlen(s, 4));
    int width = len ? wcwidth((wchar_t)text_utf8_code(s, len)) : 1;

    *columns = width < 0 ? 1 : (size_t)width;
    return len ? len : 1;
}

size_t text_width(const char *text)
{
    size_t sum = 0;
    size_t columns;

    while (*text) {
        text += character(text, &columns);
        sum += columns;
    }
    return sum;
}

/* The number of leading bytes whose characters fit into so many columns. */
static size_t fitting(const char *text, size_t columns)
{
    size_t len = 0;
    size_t used = 0;
    size_t w;

    while (text[len]) {
        size_t n = character(text + len, &w);

        if (used + w > columns)
            break;
        used += w;
        len += n;
    }
    return len;
}

const char *text_shorten(char *out, const char *text, size_t columns)
{
    size_t width = text_width(text);
    size_t head = fitting(text, columns / 2);
    const char *tail = text;
    size_t w;

    if (width <= columns) {
        memcpy(out, text, strlen(text) + 1);
        return out;
    }
    for (; width > (columns - 1) / 2; width -= w)
        tail += character(tail, &w);
    memcpy(out, text, head);
    memcpy(out + head, "\xe2\x80\xa6", 3);
    memcpy(out + head + 3, tail, strlen(tail) + 1);
    return out;
}

const char *text_ago(char out[TEXT_SIZE_MAX], uint64_t seconds)
{
    static const struct {
        uint64_t below; /* the unit is used for ages below this */
        uint64_t unit;
        const char *name;
    } units[] = {
        { 60, 1, "s" },
        { 3600, 60, "m" },
        { (uint64_t)48 * 3600, 3600, "h" },
        { (uint64_t)60 * 86400, 86400, "d" },
        { (uint64_t)730 * 86400, (uint64_t)30 * 86400, "mo" },
        { UINT64_MAX, (uint64_t)365 * 86400, "y" },
    };
    size_t i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds >= units[i].below)
        i++;
    (void)snprintf(out, TEXT_SIZE_MAX, "%" PRIu64 "%s ago", seconds / units[i].unit,
                   units[i].name);
    return out;
}

const char *text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

const char *text_size(char out[TEXT_SIZE_MAX], uint64_t bytes)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 1023.95 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
        value /= 1024;
        i++;
    }
    (void)snprintf(out, TEXT_SIZE_MAX, i ? "%.1f %s" : "%.0f %s", value, unit[i]);
    return out;
}

const char *text_duration(char out[TEXT_SIZE_MAX], uint64_t ms)
{
    uint64_t s = ms / 1000;

    if (s >= 3600)
        (void)snprintf(out, TEXT_SIZE_MAX, "%" PRIu64 "h%02um", s / 3600,
                       (unsigned)(s / 60 % 60));
    else if (s >= 60)
        (void)snprintf(out, TEXT_SIZE_MAX, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (ms >= 100)
        (void)snprintf(out, TEXT_SIZE_MAX, "%u.%us", (unsigned)s, (unsigned)(ms / 100 % 10));
    else
        (void)snprintf(out, TEXT_SIZE_MAX, "%ums", (unsigned)ms);
    return out;
}

void text_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < len; i++) {
        out[2 * i] = digit[bytes[i] >> 4];
        out[2 * i + 1] = digit[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

/* Parse digits and advance *s past them. */
static int digits(const char **s, uint64_t *out)
{
    const char *start = *s;
    uint64_t n = 0;

    while (**s >= '0' && **s <= '9') {
        if (__builtin_mul_overflow(n, 10U, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**s - '0'), &n))
            return -1;
        (*s)++;
    }
    *out = n;
    return *s == start ? -1 : 0;
}

bool text_is_id(const char *s)
{
    size_t len = 0;

    while (isalnum((unsigned char)s[len]) || s[len] == '_' || s[len] == '-') {
        if (++len > TEXT_ID_MAX)
            return false;
    }
    return len && !s[len];
}

int text_hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int text_unhex(uint8_t *out, size_t len, const char *s)
{
    size_t i;

    if (strlen(s) != 2 * len)
        return -1;
    for (i = 0; i < len; i++) {
        int high = text_hex_digit(s[2 * i]);
        int low = text_hex_digit(s[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int text_u64(const char *s, uint64_t max, uint64_t *out, struct err *err)
{
    uint64_t n;

    if (digits(&s, &n) < 0 || *s)
        return err_set(err, ERR_FORMAT, "expected a whole number");
    if (n > max)
        return err_set(err, ERR_FORMAT, "must be at most %" PRIu64, max);
    *out = n;
    return 0;
}

const char *text_nonce(char out[TEXT_NONCE])
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = clock_mono_us() ^ (uint64_t)clock_wall() << 20;
    (void)snprintf(out, TEXT_NONCE, "%016" PRIx64, number);
    return out;
}

int text_part(const char *s, uint64_t most, uint64_t *part, uint64_t *parts, struct err *err)
{
    const char *at = s;
    char shown[64];
    uint64_t k;
    uint64_t n;

    if (digits(&at, &k) < 0 || *at++ != '/' || digits(&at, &n) < 0 || *at || !k || k > n)
        return err_set(err, ERR_USAGE, "'%s': expected K/N with K from 1 to N",
                       text_shown(shown, sizeof(shown), s));
    if (n > most)
        return err_set(err, ERR_USAGE, "'%s': N must be at most %" PRIu64,
                       text_shown(shown, sizeof(shown), s), most);
    *part = k;
    *parts = n;
    return 0;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static int with_unit(const char *s, const struct unit *units, const char *what, uint64_t *out,
                     struct err *err)
{
    uint64_t n;

    if (digits(&s, &n) == 0) {
        for (; units->name; units++) {
            if (strcasecmp(s, units->name))
                continue;
            if (__builtin_mul_overflow(n, units->factor, out))
                break;
            return 0;
        }
    }
    return err_set(err, ERR_FORMAT, "%s", what);
}

int text_parse_size(const char *s, uint64_t *out, struct err *err)
{
    static const struct unit units[] = {
        { "", 1 },           { "b", 1 },
        { "k", 1ULL << 10 }, { "kib", 1ULL << 10 },
        { "m", 1ULL << 20 }, { "mib", 1ULL << 20 },
        { "g", 1ULL << 30 }, { "gib", 1ULL << 30 },
        { "t", 1ULL << 40 }, { "tib", 1ULL << 40 },
        { NULL, 0 },
    };

    return with_unit(s, units, "expected a size such as 512k, 20m or 4g", out, err);
}

int text_parse_duration(const char *s, uint64_t *out, struct err *err)
{
    static const struct unit units[] = {
        { "", 1000 },     { "ms", 1 },       { "s", 1000 }, { "m", 60000 },
        { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
    };

    return with_unit(s, units, "expected a time such as 30s, 5m or 2h", out, err);
}

/* Optimal string alignment: rows of the table, of which three are kept. */
unsigned text_distance(const char *a, const char *b)
{
    unsigned rows[3][65];
    size_t la = strlen(a);
    size_t lb = strlen(b);
    size_t i;
    size_t j;

    if (la > 64 || lb > 64)
        return 64;
    for (j = 0; j <= lb; j++)
        rows[0][j] = (unsigned)j;
    for (i = 1; i <= la; i++) {
        const unsigned *before = rows[(i + 1) % 3]; /* row i - 2 */
        const unsigned *last = rows[(i - 1) % 3];
        unsigned *row = rows[i % 3];

        row[0] = (unsigned)i;
        for (j = 1; j <= lb; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

struct text_nearest text_nearest(const char *word)
{
    size_t third = strlen(word) / 3;

    /* a longer word has a text_distance of 64 to any other */
    return (struct text_nearest){ word, 1 + (third < 63 ? (unsigned)third : 63), NULL };
}

void text_nearer(struct text_nearest *nearest, const char *name)
{
    unsigned distance = text_distance(nearest->word, name);

    if (distance < nearest->limit) {
        nearest->limit = distance;
        nearest->best = name;
    }
}
