/* SPDX-License-Identifier: MIT */
#include "redact/secret_scan.h"

#include "redact/secret_end.h"
#include "redact/secret_names.h"
#include "redact/symbol.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define NONE          SIZE_MAX
#define KEY_LEAST     4   /* a shorter key is too common to search for */
#define RUN_LEAST     8   /* minimum length of a bearer token */
#define JWT_LEAST     20  /* minimum length of a JSON Web Token */
#define PAIR_NAME_MAX 128 /* maximum length of a name in a "name" member */
#define HEAD_MAX      96  /* length of "host/path" passed to secret_path_at */

enum scheme { SCHEME_OTHER, SCHEME_WEB, SCHEME_OTP };

/*
 * The scan is one pass from left to right. Name characters are collected into a name, and the
 * first character after the name decides whether a value follows. A secret is reported at once,
 * and the pass continues after it.
 */
struct scan {
    const struct secret_scan *what;
    struct symbols in; /* the part of the text to scan */
    struct symbols whole;
    size_t at;          /* current position */
    struct symbol prev; /* the previous character */
    struct secret_name name;
    struct symbol before; /* the character before the name */
    enum scheme scheme;   /* from the name before the last ':' */
    bool pair;            /* {"name": "password", ...}: the "value" is a secret */
    /* the current unit, which may be user:password@host:port */
    size_t unit;
    bool colon;
    bool url;
    /* the last '@' before searched_to */
    size_t searched_to;
    size_t last_at;
    /* the next occurrence of the key */
    size_t key_from;
    size_t key_to;
    size_t literal; /* the next occurrence without encoding */
    secret_span_fn *span;
    void *ctx;
    size_t reported; /* end of the last reported secret */
    bool again;      /* another pass may find more */
    int rc;
    struct err *err;
};

bool secret_masked(const char *value, size_t len)
{
    size_t i;

    for (i = 0; i < len && value[i] == '*'; i++) {
    }
    return i == len || (len == 3 && memcmp(value, "___", 3) == 0);
}

/* Whether the key starts here, in any encoding; *to gets its end. */
static bool key_here(const struct scan *s, size_t at, size_t *to)
{
    const char *key;

    for (key = s->what->key; *key; key++) {
        struct symbol y = symbol_at(&s->whole, at);

        if (y.c != (unsigned char)*key)
            return false;
        at += y.len;
    }
    *to = at;
    return true;
}

/* Find the first occurrence of the key at or after at. */
static void find_key(struct scan *s, size_t at)
{
    const char *key = s->what->key;
    size_t len = key ? strlen(key) : 0;
    const char *found;

    s->key_from = s->key_to = NONE;
    if (len < KEY_LEAST)
        return;
    if (s->literal < at) {
        found = memmem(s->in.text + at, s->whole.len - at, key, len);
        s->literal = found ? (size_t)(found - s->in.text) : NONE;
    }
    while (at < s->whole.len && at < s->literal) {
        char c = s->in.text[at];

        if (c == *key || c == '%' || c == '&' || c == '\\') {
            if (key_here(s, at, &s->key_to)) {
                s->key_from = at;
                return;
            }
            at += symbol_at(&s->whole, at).len;
        } else {
            at++;
        }
    }
    if (s->literal != NONE) {
        s->key_from = s->literal;
        s->key_to = s->literal + len;
    }
}

static void report_span(struct scan *s, size_t from, size_t to)
{
    if (from < s->reported)
        from = s->reported;
    if (s->rc < 0 || from >= to)
        return;
    s->reported = to;
    s->again = s->again || !end_is_settled(&s->whole, from, to);
    s->rc = s->span(s->ctx, from, to, s->err);
}

static void report(struct scan *s, size_t from, size_t to)
{
    if (from < to && !secret_masked(s->in.text + from, to - from))
        report_span(s, from, to);
}

/* Report the value that starts at at, given the places of its name. Returns its end. */
static size_t report_value(struct scan *s, size_t at, unsigned places, unsigned level,
                           char query)
{
    struct symbol first = symbol_at(&s->in, at);
    size_t end;

    if (symbol_quote(first)) {
        at += first.len;
        end = end_of_quoted(&s->in, at, first);
    } else if (places & IN_HEADER) {
        if ((places & PAIRS) && !end_is_pair(&s->in, at))
            return at;
        end = end_of_line(&s->in, at);
    } else if ((places & IN_MEMBER) && (first.c == '{' || first.c == '[')) {
        at += first.len;
        end = end_of_brackets(&s->in, at);
    } else if (places & IN_MEMBER) {
        end = end_of_scalar(&s->in, at);
        if (end_is_harmless(&s->in, at, end, places & NUMBERS))
            return end;
    } else {
        end = end_of_value(&s->in, at, level, query);
        if (s->before.c == '\0' && !(places & (IN_TEXT | IN_COLON)) &&
            (end >= s->in.len || symbol_at(&s->in, end).c != '&'))
            return at; /* the name starts the text, which is no query */
    }
    report(s, at, end);
    return end;
}

/* The places of a name that apply to a value after ':'. */
static unsigned after_colon(unsigned places, bool quoted, struct symbol value)
{
    if (quoted || (symbol_quote(value) && (places & IN_MEMBER) && !(places & IN_HEADER)))
        return places & (IN_MEMBER | NUMBERS);
    if (places & IN_HEADER)
        return places & (IN_HEADER | PAIRS);
    return places & IN_COLON;
}

/* The places of a name that apply to a value after '='. */
static unsigned after_equals(const struct scan *s, unsigned places, bool direct, bool in_query,
                             struct symbol value)
{
    if (direct && (in_query || s->before.c == '\0'))
        return places & (IN_TEXT | IN_QUERY);
    if (direct || symbol_quote(value) || (places & IN_COLON))
        return places & IN_TEXT;
    return 0;
}

static bool name_is(const struct secret_name *name, const char *text)
{
    return name->len == strlen(text) && memcmp(name->text, text, name->len) == 0;
}

/* Whether the quoted text that starts here is a secret's name. */
static bool names_secret(const struct scan *s, size_t at, struct symbol open)
{
    struct secret_name name = { 0 };
    size_t end;

    if (!symbol_quote(open))
        return false;
    for (at += open.len, end = at; end - at < PAIR_NAME_MAX;
         end += symbol_at(&s->in, end).len) {
        struct symbol y = symbol_at(&s->in, end);

        if (!symbol_in_name(y))
            return y.c == open.c && (secret_name_places(&name) & IN_MEMBER);
        secret_name_add(&name, (char)y.c);
    }
    return false;
}

/* The places of a member's name; tracks pairs of "name" and "value". */
static unsigned member_places(struct scan *s, size_t at, struct symbol value)
{
    if (name_is(&s->name, "name") || name_is(&s->name, "key"))
        s->pair = names_secret(s, at, value);
    if (s->pair && (name_is(&s->name, "value") || name_is(&s->name, "defaultvalue")))
        return IN_MEMBER | NUMBERS;
    return secret_name_places(&s->name);
}

/* Whether a closing quote is here: <input placeholder="Password: " size="9"> */
static bool closes(const struct scan *s, size_t at)
{
    struct symbol y = symbol_at(&s->in, at);
    struct symbol z = symbol_at(&s->in, at + y.len);

    return symbol_quote(y) && (symbol_blank(z) || (z.c && strchr(">/,;)]}", z.c)));
}

/* A name ends before y: report its value if it is a secret; true if the position moved. */
static bool take_value(struct scan *s, struct symbol y)
{
    bool quoted = symbol_quote(s->before) && y.c == s->before.c && y.level == s->before.level;
    char query = s->before.c && strchr("?&;#", s->before.c) ? (char)s->before.c : '\0';
    size_t op_at = end_of_blanks(&s->in, s->at + (quoted ? y.len : 0));
    struct symbol op = symbol_at(&s->in, op_at);
    bool direct = op_at == s->at;
    unsigned places;
    size_t at;
    struct symbol value;

    if (op.c != '=' && op.c != ':')
        return false;
    at = end_of_blanks(&s->in, op_at + op.len);
    places = quoted && op.c == ':' ? member_places(s, at, symbol_at(&s->in, at))
                                   : secret_name_places(&s->name);
    if (!places || (places & (ADDRESS | KEEP)) ||
        (quoted && end_is_file_error(&s->in, s->at, at)))
        return false;
    at = op_at + op.len;
    value = symbol_at(&s->in, at);
    if (op.c == ':' && value.c == '/' && symbol_at(&s->in, at + value.len).c == '/')
        return false; /* a scheme */
    if (!quoted && closes(s, end_of_blanks(&s->in, at)))
        return false;
    if (op.c == '=' && value.c == '>')
        at += value.len;
    if (op.c == ':' || !direct || (places & IN_COLON))
        at = end_of_blanks(&s->in, at);
    value = symbol_at(&s->in, at);
    places = op.c == ':' || quoted ? after_colon(places, quoted, value)
                                   : after_equals(s, places, direct, query, value);
    if (!places)
        return false;
    s->at = report_value(s, at, places, op.level, query);
    return true;
}

/* Whether a word looks randomly generated. */
static bool looks_random(const struct scan *s, size_t from, size_t to)
{
    size_t i;

    for (i = from; i < to; i++) {
        char c = s->in.text[i];

        if (isdigit((unsigned char)c) || c == '=' || c == '_' ||
            (i > from && isupper((unsigned char)c) &&
             islower((unsigned char)s->in.text[i - 1])))
            return true;
    }
    return false;
}

/* Report TOKEN in "Bearer TOKEN" and "Basic TOKEN"; the name ends before y. */
static bool take_bearer(struct scan *s, struct symbol y)
{
    const struct secret_name *name = &s->name;
    size_t from = s->at + y.len;
    size_t at = from;

    if (!(y.c == ' ' || (y.c == '+' && y.level == 0)) ||
        !((name->len == 6 && memcmp(name->text, "bearer", 6) == 0) ||
          (name->len == 5 && memcmp(name->text, "basic", 5) == 0)))
        return false;
    while (at < s->in.len) {
        struct symbol z = symbol_at(&s->in, at);

        if (!isalnum(z.c) && !(z.c && strchr("-._~+/=", z.c)))
            break;
        at += z.len;
    }
    if (at - from < RUN_LEAST || !looks_random(s, from, at))
        return false;
    report(s, from, at);
    s->at = at;
    return true;
}

/* Report a JSON Web Token that starts here: it has at least two dots. */
static bool take_jwt(struct scan *s)
{
    size_t at = s->at;
    unsigned dots = 0;

    if (isalnum(s->prev.c) || s->prev.c == '-' || s->prev.c == '_' ||
        s->in.len - at < JWT_LEAST || memcmp(s->in.text + at, "eyJ", 3) != 0)
        return false;
    for (; at < s->in.len; at++) {
        char c = s->in.text[at];

        dots += c == '.';
        if (!isalnum((unsigned char)c) && c != '-' && c != '_' && c != '.')
            break;
    }
    if (dots < 2 || at - s->at < JWT_LEAST)
        return false;
    report(s, s->at, at);
    s->at = at;
    return true;
}

/* The last '@' of the current word after at, searched only once per word. */
static size_t at_in_word(struct scan *s, size_t at)
{
    unsigned char prev = 0;
    size_t i = at;

    if (at >= s->searched_to) {
        s->last_at = NONE;
        while (i < s->in.len) {
            struct symbol y = symbol_at(&s->in, i);

            if (symbol_blank(y) || (y.c && strchr("\"<>", y.c)))
                break;
            if (y.c == '@' && prev != '/')
                s->last_at = i;
            prev = y.c;
            i += y.len;
        }
        s->searched_to = i + 1;
    }
    return s->last_at != NONE && s->last_at > at ? s->last_at : NONE;
}

/*
 * The '@' that ends user and password of an authority, or NONE. A password may contain an
 * unencoded '/', '?' or '#': this is assumed if the text after ':' is not a port and an '@'
 * follows in the same word.
 */
static size_t user_end(struct scan *s, size_t from, unsigned level)
{
    size_t found = NONE;
    size_t at = from;
    bool port = false;    /* after a ':' */
    bool strange = false; /* the text after the ':' is not a port */
    bool inside = false;  /* within an IPv6 address */

    while (at < s->in.len) {
        struct symbol y = symbol_at(&s->in, at);

        if ((y.level <= level && y.c && strchr("/?#", y.c)) || symbol_blank(y) ||
            symbol_quote(y) || y.c == '<' || y.c == '>')
            break;
        if (y.c == '@') {
            found = at;
            port = strange = false;
        } else if (y.c == '[' || y.c == ']') {
            inside = y.c == '[';
        } else if (y.c == ':' && !inside) {
            port = true;
        } else if (port && !isdigit(y.c)) {
            strange = true;
        }
        at += y.len;
    }
    if (found == NONE && strange)
        found = at_in_word(s, at);
    return found;
}

/* Report a secret path; see secret_path_at. */
static void report_path(struct scan *s, size_t from, unsigned level)
{
    char head[HEAD_MAX];
    size_t ends[HEAD_MAX];
    size_t at = from;
    bool slash = false;
    size_t n;

    for (n = 0; n < HEAD_MAX && at < s->in.len; n++) {
        struct symbol y = symbol_at(&s->in, at);

        if (symbol_blank(y) || symbol_quote(y) || y.c == '<' || y.c == '>')
            break;
        if (y.c == '/' && !slash && !secret_path_host(head, n))
            return;
        slash = slash || y.c == '/';
        at += y.len;
        head[n] = (char)tolower(y.c);
        ends[n] = at;
    }
    n = secret_path_at(head, n);
    if (n) {
        s->at = end_of_word(&s->in, ends[n - 1], level);
        report(s, ends[n - 1], s->at);
    }
}

/* Process an authority, which starts at s->at, after two slashes. */
static void take_authority(struct scan *s, unsigned level)
{
    size_t from = s->at;
    size_t end;

    while (s->scheme == SCHEME_WEB && from < s->in.len && symbol_at(&s->in, from).c == '/')
        from += symbol_at(&s->in, from).len;
    if (s->scheme == SCHEME_OTP) {
        end = end_of_word(&s->in, from, level);
        report(s, from, end);
        s->at = end;
        return;
    }
    end = user_end(s, from, level);
    if (end != NONE) {
        if (end - from != 3 || memcmp(s->in.text + from, "git", 3) != 0)
            report(s, from, end);
        from = end + symbol_at(&s->in, end).len;
        s->at = from;
    }
    report_path(s, from, level);
}

/*
 * Process two slashes, if they can start an authority: after a scheme, or where a URL
 * may start.
 */
static bool take_slashes(struct scan *s, struct symbol y)
{
    size_t at = s->at + y.len;
    struct symbol z = symbol_at(&s->in, at);
    bool begins = s->prev.c == '\0' || symbol_blank(s->prev) || symbol_quote(s->prev) ||
                  strchr(":=(,<>{|;&?#[", s->prev.c);

    if (y.c != '/' || z.c != '/' || !begins)
        return false;
    if (s->prev.c != ':')
        s->scheme = SCHEME_OTHER;
    s->at = at + z.len;
    s->url = true;
    s->prev = z;
    take_authority(s, y.level);
    return true;
}

/* Report user:password of user:password@host:port without a scheme; the '@' is at s->at. */
static void take_login(struct scan *s, struct symbol y)
{
    size_t at = s->at + y.len;
    size_t host = 0;
    size_t digits = 0;

    if (!s->colon || s->url)
        return;
    while (at < s->in.len && symbol_in_host(symbol_at(&s->in, at))) {
        at += symbol_at(&s->in, at).len;
        host++;
    }
    if (!host || at >= s->in.len || symbol_at(&s->in, at).c != ':')
        return;
    at += symbol_at(&s->in, at).len;
    while (digits < 6 && at < s->in.len && isdigit(symbol_at(&s->in, at).c)) {
        at += symbol_at(&s->in, at).len;
        digits++;
    }
    if (digits >= 1 && digits <= 5)
        report(s, s->unit, s->at);
}

static void end_name(struct scan *s, struct symbol y)
{
    static const struct secret_name empty;

    if (y.c == ':') {
        bool web = s->name.len >= 2 && s->name.len <= 5 &&
                   (memcmp(s->name.text, "http", 4) == 0 || memcmp(s->name.text, "ws", 2) == 0);
        bool otp = s->name.len >= 7 && memcmp(s->name.text, "otpauth", 7) == 0;

        s->scheme = otp ? SCHEME_OTP : web ? SCHEME_WEB : SCHEME_OTHER;
    }
    if (s->name.len || s->name.last)
        s->name = empty;
}

/* Process a character that does not belong to a name. */
static void step(struct scan *s, struct symbol y)
{
    if (s->name.len && (take_value(s, y) || take_bearer(s, y))) {
        end_name(s, (struct symbol){ 0 });
        s->prev = s->before = (struct symbol){ .c = '*', .len = 1 };
        return;
    }
    if (take_slashes(s, y)) {
        end_name(s, y);
        s->before = s->prev;
        return;
    }
    if (y.c == '@')
        take_login(s, y);
    if (y.c == '{' || y.c == '}')
        s->pair = false;
    end_name(s, y);
    if (y.c == ':')
        s->colon = true;
    s->at += y.len;
    if (symbol_blank(y) || symbol_quote(y) || (y.c && strchr("<>,;({|", y.c)) ||
        (y.c == '=' && !s->colon)) {
        s->unit = s->at;
        s->colon = s->url = false;
    }
    s->prev = s->before = y;
}

static void pass(struct scan *s)
{
    while (s->rc == 0 && s->at < s->in.len) {
        struct symbol y = symbol_at(&s->in, s->at);

        if (!symbol_in_name(y)) {
            step(s, y);
        } else if (!take_jwt(s)) {
            secret_name_add(&s->name, (char)y.c);
            if (s->prev.c == '\\' && strchr("nrt", y.c)) /* possibly a line end before a name */
                secret_name_add(&s->name, ' ');
            s->prev = y;
            s->at += y.len;
        }
    }
}

/* Scan an address: user and password, query and fragment are secrets. */
static void pass_address(struct scan *s)
{
    const char *slashes = memmem(s->in.text, s->whole.len, "//", 2);
    size_t from = slashes ? (size_t)(slashes - s->in.text) + 2 : 0;
    size_t end = user_end(s, from, 0);
    size_t query = end == NONE ? from : end;

    while (query < s->whole.len && !strchr("?#", s->in.text[query]))
        query++;
    if (end != NONE)
        report(s, from, end);
    s->at = end == NONE ? 0 : end;
    s->in.len = query;
    pass(s);
    s->in.len = s->whole.len;
    report(s, query + 1, s->whole.len);
}

static void report_keys(struct scan *s)
{
    while (s->key_from != NONE) {
        report_span(s, s->key_from, s->key_to);
        find_key(s, s->key_to);
    }
}

int secret_scan(const struct secret_scan *what, const char *text, size_t len,
                secret_span_fn *span, void *ctx, struct err *err)
{
    const struct symbols in = { text, len };
    const char *key = what->key && strlen(what->key) >= KEY_LEAST ? what->key : NULL;
    const char *found = key ? memmem(text, len, key, strlen(key)) : NULL;
    struct scan s;

    if (!what->raw && (symbols_inert(&in) || secret_free_url(text, len)))
        return found ? SECRET_KEY : 0; /* the text has no encoded characters */
    s = (struct scan){ .what = what,
                       .in = in,
                       .whole = in,
                       .span = span,
                       .ctx = ctx,
                       .err = err,
                       .literal = found ? (size_t)(found - text) : NONE };
    find_key(&s, 0);
    if (what->raw)
        report_keys(&s);
    else if (s.key_from != NONE)
        return SECRET_KEY;
    else if (what->address)
        pass_address(&s);
    else
        pass(&s);
    return s.rc == 0 && s.again ? SECRET_AGAIN : s.rc;
}
