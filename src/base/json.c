/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/text.h"

#include <string.h>

/*
 * Without JSMN_PARENT_LINKS jsmn is quadratic. The flag changes jsmn's token, so only this file
 * may include jsmn.h.
 */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#include <jsmn.h>
#pragma GCC diagnostic pop

struct json {
    const char *text;
    jsmntok_t *tok;
    size_t count;
};

/*
 * The checker scans the text once. It needs no recursion, because one flag per nesting level
 * records whether the level is an object or an array. It also counts jsmn's tokens, so that
 * they are allocated once and exactly.
 */
struct checker {
    const char *text;
    size_t len;
    size_t at;
    size_t tokens;
    unsigned depth;
    bool object[JSON_DEPTH_MAX + 1];
    struct err *err;
};

static int bad_json(const struct checker *c, const char *what)
{
    return err_set(c->err, ERR_FORMAT, "bad JSON at byte %zu: %s", c->at, what);
}

static int peek(const struct checker *c)
{
    return c->at < c->len ? (unsigned char)c->text[c->at] : -1;
}

static void skip_blanks(struct checker *c)
{
    while (c->at < c->len && (c->text[c->at] == ' ' || c->text[c->at] == '\n' ||
                              c->text[c->at] == '\r' || c->text[c->at] == '\t'))
        c->at++;
}

static int check_escape(struct checker *c)
{
    int i;

    c->at++;
    if (peek(c) == 'u') {
        for (i = 0; i < 4; i++) {
            c->at++;
            if (text_hex_digit(peek(c)) < 0)
                return bad_json(c, "expected four hex digits after \\u");
        }
    } else if (peek(c) <= 0 || !strchr("\"\\/bfnrt", peek(c))) {
        return bad_json(c, "unknown escape sequence");
    }
    c->at++;
    return 0;
}

static int check_string(struct checker *c)
{
    c->at++;
    for (;;) {
        int ch;

        c->at += text_plain(c->text + c->at, c->len - c->at);
        ch = peek(c);
        if (ch < 0)
            return bad_json(c, "unterminated string");
        if (ch == '"')
            break;
        if (ch < 0x20)
            return bad_json(c, "control character in a string");
        if (ch == '\\') {
            if (check_escape(c) < 0)
                return -1;
        } else if (ch < 0x80) {
            c->at++;
        } else {
            size_t step = text_utf8_next(c->text + c->at, c->len - c->at);

            if (!step)
                return bad_json(c, "invalid UTF-8");
            c->at += step;
        }
    }
    c->at++;
    c->tokens++;
    return 0;
}

static size_t check_digits(struct checker *c)
{
    size_t start = c->at;

    while (peek(c) >= '0' && peek(c) <= '9')
        c->at++;
    return c->at - start;
}

static int check_number(struct checker *c)
{
    if (peek(c) == '-')
        c->at++;
    if (peek(c) == '0')
        c->at++;
    else if (!check_digits(c))
        return bad_json(c, "expected a digit");
    if (peek(c) == '.') {
        c->at++;
        if (!check_digits(c))
            return bad_json(c, "expected a digit");
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-')
            c->at++;
        if (!check_digits(c))
            return bad_json(c, "expected a digit");
    }
    c->tokens++;
    return 0;
}

static int check_word(struct checker *c)
{
    static const char *const words[] = { "true", "false", "null" };
    size_t i;

    for (i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);

        if (c->len - c->at >= len && !memcmp(c->text + c->at, words[i], len)) {
            c->at += len;
            c->tokens++;
            return 0;
        }
    }
    return bad_json(c, c->at < c->len ? "expected a value" : "unexpected end of text");
}

static int check_key(struct checker *c)
{
    skip_blanks(c);
    if (peek(c) != '"')
        return bad_json(c, "expected a key in quotes");
    if (check_string(c) < 0)
        return -1;
    skip_blanks(c);
    if (peek(c) != ':')
        return bad_json(c, "expected ':'");
    c->at++;
    skip_blanks(c);
    return 0;
}

/*
 * Enter an array or object. Returns 1 if a value must follow, 0 if it was empty and is closed.
 */
static int check_open(struct checker *c)
{
    bool object = peek(c) == '{';

    if (c->depth == JSON_DEPTH_MAX)
        return err_set(c->err, ERR_LIMIT, "JSON nested deeper than %d at byte %zu",
                       JSON_DEPTH_MAX, c->at);
    c->at++;
    c->tokens++;
    c->object[++c->depth] = object;
    skip_blanks(c);
    if (peek(c) == (object ? '}' : ']')) {
        c->at++;
        c->depth--;
        return 0;
    }
    return object && check_key(c) < 0 ? -1 : 1;
}

/* After a value: close brackets. Returns 1 if a comma announces another value, 0 at the end. */
static int check_after(struct checker *c)
{
    while (c->depth) {
        bool object = c->object[c->depth];

        skip_blanks(c);
        if (peek(c) == ',') {
            c->at++;
            if (object)
                return check_key(c) < 0 ? -1 : 1;
            skip_blanks(c);
            return 1;
        }
        if (peek(c) != (object ? '}' : ']'))
            return bad_json(c, c->at < c->len ? "expected ',' or a closing bracket"
                                              : "unexpected end of text");
        c->at++;
        c->depth--;
    }
    return 0;
}

static int check_value(struct checker *c)
{
    int ch = peek(c);

    if (ch == '{' || ch == '[')
        return check_open(c);
    if (ch == '"')
        return check_string(c);
    if (ch == '-' || (ch >= '0' && ch <= '9'))
        return check_number(c);
    return check_word(c);
}

int json_check(const char *text, size_t len, size_t *tokens, struct err *err)
{
    struct checker c = { .text = text, .len = len, .err = err };
    int more = 1;

    if (len > JSON_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "JSON of %zu bytes is too large", len);
    skip_blanks(&c);
    while (more) {
        if (c.tokens > JSON_TOKENS_MAX)
            return err_set(err, ERR_LIMIT, "JSON with more than %zu values", JSON_TOKENS_MAX);
        more = check_value(&c);
        if (more == 0)
            more = check_after(&c);
        if (more < 0)
            return -1;
    }
    skip_blanks(&c);
    if (c.at < c.len)
        return bad_json(&c, "unexpected data after the end");
    if (tokens)
        *tokens = c.tokens;
    return 0;
}

/*
 * Whether a validated document is one number or word, which strict jsmn does not accept at the
 * end of the text; fills tok in that case.
 */
static bool lone_scalar(const char *text, size_t len, jsmntok_t *tok)
{
    size_t start = 0;
    size_t end;

    while (strchr(" \t\r\n", text[start]))
        start++;
    end = start;
    if (strchr("{[\"", text[start]))
        return false;
    while (end < len && !strchr(" \t\r\n", text[end]))
        end++;
    *tok = (jsmntok_t){
        .type = JSMN_PRIMITIVE, .start = (int)start, .end = (int)end, .parent = -1
    };
    return true;
}

struct json *json_parse(const char *text, size_t len, struct err *err)
{
    struct json *doc = NULL;
    jsmn_parser parser;
    size_t count;
    int got = 1;

    if (json_check(text, len, &count, err) < 0)
        return NULL;
    doc = mem_new(sizeof(*doc), err);
    if (!doc)
        return NULL;
    doc->text = text;
    doc->tok = mem_resize(NULL, count, sizeof(*doc->tok), err);
    if (!doc->tok)
        goto fail;
    jsmn_init(&parser);
    if (!lone_scalar(text, len, doc->tok))
        got = jsmn_parse(&parser, text, len, doc->tok, (unsigned)count);
    if (got < 0 || (size_t)got != count) {
        (void)err_set(err, ERR_FORMAT, "bad JSON: tokenizer error (%d)", got);
        goto fail;
    }
    doc->count = count;
    return doc;
fail:
    json_free(doc);
    return NULL;
}

void json_free(struct json *doc)
{
    if (!doc)
        return;
    mem_free(doc->tok);
    mem_free(doc);
}

static const struct json_value absent;

static const jsmntok_t *token(struct json_value v)
{
    return v.doc ? &v.doc->tok[v.at] : NULL;
}

struct json_value json_at(const struct json *doc, size_t n)
{
    return n < doc->count ? (struct json_value){ doc, n } : absent;
}

size_t json_size(const struct json *doc)
{
    return doc->count;
}

struct json_value json_root(const struct json *doc)
{
    return (struct json_value){ doc, 0 };
}

enum json_type json_type(struct json_value v)
{
    const jsmntok_t *t = token(v);

    if (!t)
        return JSON_ABSENT;
    if (t->type == JSMN_OBJECT)
        return JSON_OBJECT;
    if (t->type == JSMN_ARRAY)
        return JSON_ARRAY;
    if (t->type == JSMN_STRING)
        return JSON_STRING;
    switch (v.doc->text[t->start]) {
    case 'n':
        return JSON_NULL;
    case 't':
    case 'f':
        return JSON_BOOL;
    }
    return JSON_NUMBER;
}

size_t json_count(struct json_value v)
{
    enum json_type type = json_type(v);

    return type == JSON_ARRAY || type == JSON_OBJECT ? (size_t)token(v)->size : 0;
}

/* The index of the first token after a value and its descendants. */
static size_t token_after(struct json_value v)
{
    int end = token(v)->end;
    size_t at = v.at + 1;

    while (at < v.doc->count && v.doc->tok[at].start < end)
        at++;
    return at;
}

struct json_value json_next(struct json_value container, struct json_value prev)
{
    enum json_type type = json_type(container);
    size_t at;

    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return absent;
    at = prev.doc ? token_after(prev) : container.at + 1;
    if (at >= container.doc->count || container.doc->tok[at].start >= token(container)->end)
        return absent;
    return (struct json_value){ container.doc, type == JSON_OBJECT ? at + 1 : at };
}

struct json_value json_key(struct json_value member)
{
    return member.doc && member.at ? (struct json_value){ member.doc, member.at - 1 } : absent;
}

const char *json_raw(struct json_value v, size_t *len)
{
    const jsmntok_t *t = token(v);

    *len = t ? (size_t)(t->end - t->start) : 0;
    return t ? v.doc->text + t->start : "";
}

bool json_is(struct json_value v, const char *text)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    size_t want = strlen(text);
    struct buf plain;
    bool same;

    if (json_type(v) != JSON_STRING)
        return false;
    if (!memchr(raw, '\\', len)) /* the usual case */
        return len == want && !memcmp(raw, text, len);
    buf_init(&plain, len + 1); /* unescaping never lengthens */
    same = json_unescape(raw, len, &plain, NULL) == 0 && plain.len == want &&
           !memcmp(buf_text(&plain), text, want);
    buf_clear(&plain);
    return same;
}

bool json_has(struct json_value array, const char *text)
{
    struct json_value v = json_next(array, absent);

    while (v.doc && !json_is(v, text))
        v = json_next(array, v);
    return v.doc;
}

struct json_value json_get(struct json_value object, const char *key)
{
    struct json_value found = absent;
    struct json_value v = absent;

    if (json_type(object) != JSON_OBJECT)
        return absent;
    while ((v = json_next(object, v)).doc) {
        if (json_is(json_key(v), key))
            found = v;
    }
    return found;
}

/* Decode \uXXXX or a surrogate pair at raw; *step gets the number of bytes consumed. */
static uint32_t unescape_u(const char *raw, size_t left, size_t *step)
{
    uint32_t unit[2] = { 0, 0 };
    size_t pair = left >= 12 && raw[6] == '\\' && raw[7] == 'u' ? 2 : 1;
    size_t i;
    size_t k;

    for (i = 0; i < pair; i++) {
        for (k = 0; k < 4; k++)
            unit[i] =
                unit[i] << 4 | (uint32_t)text_hex_digit((unsigned char)raw[6 * i + 2 + k]);
    }
    if (pair == 2 && unit[0] >= 0xd800 && unit[0] <= 0xdbff && unit[1] >= 0xdc00 &&
        unit[1] <= 0xdfff) {
        *step = 12;
        return 0x10000 + ((unit[0] - 0xd800) << 10) + (unit[1] - 0xdc00);
    }
    *step = 6;
    return unit[0] ? unit[0] : 0xfffd;
}

size_t json_char(const char *raw, size_t len, char out[4], size_t *used)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *special;
    size_t step;

    *used = 1;
    if (raw[0] != '\\') {
        out[0] = raw[0];
        return 1;
    }
    if (raw[1] == 'u') {
        *used = text_utf8_put(out, unescape_u(raw, len, &step));
        return step;
    }
    special = strchr(from, raw[1]);
    out[0] = special ? to[special - from] : raw[1];
    return 2;
}

/* Unescape a validated string; out has room for len bytes. Returns the bytes written. */
static size_t unescape(char *out, const char *raw, size_t len)
{
    size_t used = 0;
    size_t i = 0;

    while (i < len) {
        char code[4];
        size_t n;

        if (raw[i] != '\\') {
            out[used++] = raw[i++];
            continue;
        }
        i += json_char(raw + i, len - i, code, &n);
        memcpy(out + used, code, n);
        used += n;
    }
    return used;
}

int json_string(struct json_value v, struct region *region, char **out, struct err *err)
{
    size_t len;
    const char *raw;

    *out = NULL;
    if (json_type(v) != JSON_STRING)
        return 0;
    raw = json_raw(v, &len);
    *out = region_take(region, len + 1, err); /* unescaping never lengthens */
    if (!*out)
        return -1;
    (*out)[unescape(*out, raw, len)] = '\0';
    return 0;
}

bool json_stated(struct json_value v)
{
    enum json_type type = json_type(v);

    return type != JSON_ABSENT && type != JSON_NULL;
}

bool json_wrong_text(struct json_value v)
{
    return json_type(v) == JSON_STRING ? json_is(v, "") : json_stated(v);
}

const char *json_text(struct json_value object, const char *key, struct region *region)
{
    char *text = NULL;
    struct err ignored;

    return json_string(json_get(object, key), region, &text, &ignored) < 0 ? NULL : text;
}

int json_append(struct json_value v, struct buf *out, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);

    return json_type(v) == JSON_STRING ? json_unescape(raw, len, out, err) : 0;
}

int json_unescape(const char *raw, size_t len, struct buf *out, struct err *err)
{
    char *room = buf_room(out, len, err);

    if (!room)
        return -1;
    out->len += unescape(room, raw, len);
    out->data[out->len] = '\0';
    return 0;
}

bool json_u64(struct json_value v, uint64_t *out)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    uint64_t n = 0;
    size_t i;

    if (json_type(v) != JSON_NUMBER)
        return false;
    for (i = 0; i < len; i++) {
        if (raw[i] < '0' || raw[i] > '9' || __builtin_mul_overflow(n, 10U, &n) ||
            __builtin_add_overflow(n, (uint64_t)(raw[i] - '0'), &n))
            return false;
    }
    if (n > INT64_MAX)
        return false;
    *out = n;
    return true;
}

bool json_bool(struct json_value v, bool *out)
{
    size_t len;
    const char *raw = json_raw(v, &len);

    if (json_type(v) != JSON_BOOL)
        return false;
    *out = raw[0] == 't';
    return true;
}
