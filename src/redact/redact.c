/* SPDX-License-Identifier: MIT */
#include "redact/redact.h"

#include "base/json.h"
#include "redact/secret_names.h"
#include "redact/secret_scan.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NEST_MAX  8    /* documents within strings within documents */
#define PASS_MAX  16   /* passes; the second is the last one but for texts made to need more */
#define LINE_SIZE 4096 /* of a message */
#define KEY_ROOM  512  /* of a member's name that is written with escapes */

/* What is known of an object before its members are looked at. */
#define MARK_SCHEMA 1 /* it describes a value: {"type": "string"} */
#define MARK_PAIR   2 /* its "name" is a secret's */

/*
 * Strings of a document may be documents. Each is unescaped, searched, and what is
 * found is told in the places of the text that it stands in: through the levels up to
 * the outermost text, of which what is no secret is copied as it is.
 */
struct cleaner {
    const struct redact *what;
    const char *text; /* the outermost */
    size_t copied;    /* up to here */
    struct buf *out;
    bool key;  /* the key was met: it is to be masked before all else */
    bool told; /* something was masked that may have kept a neighbour from being seen */
    bool seen; /* all was searched before: only where a mask stands can there be more */
};

struct level {
    struct cleaner *cleaner;
    struct level *up; /* NULL: this is the outermost text */
    size_t base;      /* where the string begins in the text of the level above */
    const char *raw;  /* as it is written there; NULL: without escapes */
    size_t len;
    size_t raw_at; /* two cursors on the same character */
    size_t plain_at;
    unsigned depth;
};

/* Where a place of the unescaped string is in the raw one; places only grow. */
static size_t raw_place(struct level *level, size_t plain)
{
    if (!level->raw)
        return plain;
    while (level->plain_at < plain && level->raw_at < level->len) {
        char c[4];
        size_t used;

        level->raw_at +=
            json_char(level->raw + level->raw_at, level->len - level->raw_at, c, &used);
        level->plain_at += used;
    }
    return level->raw_at;
}

/* A quotation mark as it is written within so many strings. */
static int put_quote(struct buf *out, unsigned depth, struct err *err)
{
    size_t count = ((size_t)1 << depth) - 1;
    size_t i;

    for (i = 0; i < count; i++) {
        if (buf_add(out, "\\", 1, err) < 0)
            return -1;
    }
    return buf_add(out, "\"", 1, err);
}

/* Replace a part of a level's text by the mask; quoted: as a string of its own. */
static int mask(struct level *level, size_t from, size_t to, bool quoted, struct err *err)
{
    struct cleaner *c = level->cleaner;
    unsigned depth = level->depth;

    while (level->up) {
        from = level->base + raw_place(level, from);
        to = level->base + raw_place(level, to);
        level = level->up;
    }
    if (buf_add(c->out, c->text + c->copied, from - c->copied, err) < 0 ||
        (quoted && put_quote(c->out, depth, err) < 0) ||
        buf_adds(c->out, SECRET_MASK, err) < 0 || (quoted && put_quote(c->out, depth, err) < 0))
        return -1;
    c->copied = to;
    return 0;
}

static int on_span(void *ctx, size_t from, size_t to, struct err *err)
{
    return mask(ctx, from, to, false, err);
}

/* Mask a whole value of a document. */
static int mask_value(struct level *level, size_t at, size_t len, bool quoted, struct err *err)
{
    level->cleaner->told = true;
    return mask(level, at, at + len, quoted, err);
}

/* A document's values and keys, one after the other, and what they are in. */
struct frame {
    size_t token; /* the container */
    const char *end;
    bool object;
    bool key_next;
    bool keep;       /* names in it are not looked at */
    unsigned places; /* of the name that it has, or is in */
};

struct walk {
    const struct json *doc;
    size_t at;
    struct json_value value;
    struct json_value key; /* of value; absent: it has none */
    bool is_key;           /* value is a name itself */
    unsigned depth;
    struct frame frames[JSON_DEPTH_MAX + 1]; /* 0: none */
};

/* Step on; *in gets the frame that the value is in. A container's own is on top then. */
static bool walk_next(struct walk *w, struct frame **in)
{
    struct frame *f;
    size_t len;
    const char *raw;
    enum json_type type;

    if (w->at >= json_size(w->doc))
        return false;
    w->value = json_at(w->doc, w->at);
    raw = json_raw(w->value, &len);
    while (w->depth && raw >= w->frames[w->depth].end)
        w->depth--;
    *in = f = &w->frames[w->depth];
    w->is_key = f->object && f->key_next;
    w->key = f->object && !w->is_key ? json_key(w->value) : (struct json_value){ 0 };
    f->key_next = f->object && !w->is_key;
    type = json_type(w->value);
    if (!w->is_key && (type == JSON_OBJECT || type == JSON_ARRAY))
        w->frames[++w->depth] = (struct frame){ .token = w->at,
                                                .end = raw + len,
                                                .object = type == JSON_OBJECT,
                                                .key_next = type == JSON_OBJECT };
    w->at++;
    return true;
}

/* A string's text without escapes, cut at the size of out. */
static size_t text_of(struct json_value v, char *out, size_t size)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    size_t used = 0;
    size_t i = 0;

    while (i < len && used + 4 <= size) {
        size_t n;

        i += json_char(raw + i, len - i, out + used, &n);
        used += n;
    }
    return used;
}

static bool text_is(struct json_value v, const char *const *words)
{
    char text[32];
    size_t len = json_type(v) == JSON_STRING ? text_of(v, text, sizeof(text)) : 0;

    for (; len && *words; words++) {
        if (strlen(*words) == len && strncasecmp(*words, text, len) == 0)
            return true;
    }
    return false;
}

static unsigned places_of(struct json_value name)
{
    char text[KEY_ROOM];
    size_t len;
    const char *raw = json_raw(name, &len);

    if (json_type(name) != JSON_STRING)
        return 0;
    if (!memchr(raw, '\\', len))
        return secret_name_of(raw, len);
    return secret_name_of(text, text_of(name, text, sizeof(text)));
}

static const char *const name_words[] = { "name", "key", NULL };
static const char *const value_words[] = { "value", "default_value", "defaultValue", NULL };
static const char *const type_words[] = { "type", NULL };
static const char *const schema_words[] = { "string", "number", "integer", "boolean",
                                            "array",  "object", "null",    NULL };

/* Find out what must be known of objects before their members are looked at. */
static void mark_objects(const struct json *doc, unsigned char *marks)
{
    struct walk w = { .doc = doc };
    struct frame *in;

    while (walk_next(&w, &in)) {
        if (json_type(w.key) != JSON_STRING)
            continue;
        if (text_is(w.key, name_words) && (places_of(w.value) & IN_MEMBER))
            marks[in->token] |= MARK_PAIR;
        if (text_is(w.key, type_words) && text_is(w.value, schema_words))
            marks[in->token] |= MARK_SCHEMA;
    }
}

static int clean_text(struct level *level, const char *text, size_t len, unsigned places,
                      struct err *err);

/* A string of a document; at: where its raw inside begins in the level's text. */
static int clean_string(struct level *up, size_t at, const char *raw, size_t len,
                        unsigned places, struct err *err)
{
    struct level level = {
        .cleaner = up->cleaner, .up = up, .base = at, .len = len, .depth = up->depth + 1
    };
    bool secret = (places & IN_MEMBER) && !(places & ADDRESS);
    struct buf plain;
    int rc = 0;

    if (secret)
        return secret_masked(raw, len) ? 0 : mask_value(up, at, len, false, err);
    if (!memchr(raw, '\\', len))
        return clean_text(&level, raw, len, places, err);
    buf_init(&plain, len);
    level.raw = raw;
    rc = json_unescape(raw, len, &plain, err);
    if (rc == 0)
        rc = clean_text(&level, buf_text(&plain), plain.len, places, err);
    buf_clear(&plain);
    return rc;
}

static int clean_number(struct level *level, size_t at, const char *raw, size_t len,
                        unsigned places, struct err *err)
{
    const char *key = level->cleaner->what->key;
    bool secret = (places & IN_MEMBER) && (places & NUMBERS);

    if (secret || (key && *key && memmem(raw, len, key, strlen(key))))
        return mask_value(level, at, len, true, err);
    return 0;
}

/* The places of a value's name, its own or that of what it is in. */
static unsigned places_in(const struct walk *w, const struct frame *in,
                          const unsigned char *marks)
{
    unsigned places;

    if (in->keep || json_type(w->key) != JSON_STRING)
        return in->places;
    places = places_of(w->key);
    if ((marks[in->token] & MARK_PAIR) && text_is(w->key, value_words))
        places |= IN_MEMBER | NUMBERS;
    return (places & ADDRESS) ? places : in->places | places;
}

static int clean_value(struct level *level, struct walk *w, struct frame *in, const char *text,
                       const unsigned char *marks, struct err *err)
{
    struct frame *own = &w->frames[w->depth];
    unsigned places = level->cleaner->what->raw || w->is_key ? 0 : places_in(w, in, marks);
    size_t len;
    const char *raw = json_raw(w->value, &len);

    if (level->cleaner->what->keep && text_is(w->key, level->cleaner->what->keep))
        return 0;
    switch (json_type(w->value)) {
    case JSON_STRING:
        return clean_string(level, (size_t)(raw - text), raw, len, places, err);
    case JSON_NUMBER:
        return clean_number(level, (size_t)(raw - text), raw, len, places, err);
    case JSON_OBJECT:
    case JSON_ARRAY:
        own->keep = in->keep || (places & KEEP);
        if (!(places & IN_MEMBER) || (marks[own->token] & MARK_SCHEMA))
            own->places = 0;
        else if (!(places & ADDRESS) || !own->object)
            own->places = places & (IN_MEMBER | NUMBERS | ADDRESS);
        break;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    return 0;
}

static int clean_json(struct level *level, const struct json *doc, const char *text,
                      struct err *err)
{
    unsigned char *marks = mem_new(json_size(doc), err);
    struct walk w = { .doc = doc };
    struct frame *in;
    int rc = marks ? 0 : -1;

    if (rc == 0 && !level->cleaner->what->raw)
        mark_objects(doc, marks);
    while (rc == 0 && walk_next(&w, &in))
        rc = clean_value(level, &w, in, text, marks, err);
    mem_free(marks);
    return rc;
}

static bool begins_like_json(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && text[i] && strchr(" \t\r\n", text[i]))
        i++;
    return i < len && text[i] && strchr("{[\"", text[i]);
}

/* A level's whole text: a document, or not. */
static int clean_text(struct level *level, const char *text, size_t len, unsigned places,
                      struct err *err)
{
    const struct redact *what = level->cleaner->what;
    struct secret_scan scan = { what->key, what->raw, places & ADDRESS };
    bool like_json = level->depth < NEST_MAX && begins_like_json(text, len);
    struct err why = { 0 };
    struct json *doc;
    int rc;

    if (level->cleaner->seen && level->up && !(places & ADDRESS) &&
        !memmem(text, len, SECRET_MASK, strlen(SECRET_MASK)))
        return 0;
    doc = like_json ? json_parse(text, len, &why) : NULL;
    if (doc) {
        rc = clean_json(level, doc, text, err);
        json_free(doc);
        return rc;
    }
    if (why.kind == ERR_MEMORY) {
        if (err)
            *err = why;
        return -1;
    }
    rc = secret_scan(&scan, text, len, on_span, level, err);
    if (rc == SECRET_KEY)
        level->cleaner->key = true;
    if (rc == SECRET_AGAIN)
        level->cleaner->told = true;
    return rc < 0 ? -1 : 0;
}

size_t redact_room(size_t len)
{
    return 2 * len + 64;
}

/* One pass; cleaner tells afterwards what others are wanted. seen: it is not the first one. */
static int pass(struct buf *out, const char *text, size_t len, const struct redact *what,
                bool seen, struct cleaner *cleaner, struct err *err)
{
    struct level level = { .cleaner = cleaner };
    int rc;

    *cleaner = (struct cleaner){ .what = what, .text = text, .out = out, .seen = seen };
    rc = clean_text(&level, text, len, 0, err);
    return rc < 0 ? -1 : buf_add(out, text + cleaner->copied, len - cleaner->copied, err);
}

/* The same over what the last pass put out from start on. */
static int pass_again(struct buf *out, size_t start, const struct redact *what, bool seen,
                      struct cleaner *cleaner, struct err *err)
{
    struct buf before;
    int rc;

    buf_init(&before, out->len - start);
    rc = buf_add(&before, out->data + start, out->len - start, err);
    out->len = start;
    if (rc == 0)
        rc = pass(out, buf_text(&before), before.len, what, seen, cleaner, err);
    buf_clear(&before);
    return rc;
}

int redact_text(struct buf *out, const char *text, size_t len, const struct redact *what,
                struct err *err)
{
    const struct redact key = { what->key, true, what->keep };
    const struct redact rest = { NULL, what->raw, what->keep };
    struct cleaner cleaner;
    size_t start = out->len;
    int rc = pass(out, text, len, what, false, &cleaner, err);
    int i;

    if (rc == 0 && cleaner.key) {
        out->len = start;
        rc = pass(out, text, len, &key, false, &cleaner, err);
        if (rc == 0)
            rc = pass_again(out, start, &rest, false, &cleaner, err);
    }
    for (i = 0; rc == 0 && cleaner.told && i < PASS_MAX; i++)
        rc = pass_again(out, start, &rest, true, &cleaner, err);
    return rc;
}

int redact_json(struct buf *out, const char *json, size_t len, const struct redact *what,
                struct err *err)
{
    return json_check(json, len, NULL, err) < 0 ? -1 : redact_text(out, json, len, what, err);
}

static int on_any(void *ctx, size_t from, size_t to, struct err *err)
{
    (void)from;
    (void)to;
    (void)err;
    *(bool *)ctx = true;
    return 0;
}

const char *redact_copy(const char *text, const struct redact *what, struct region *region)
{
    struct secret_scan scan = { what->key, what->raw, false };
    size_t len = text ? strlen(text) : 0;
    const char *copy = NULL;
    bool any = false;
    struct buf clean;

    if (!text)
        return NULL;
    if (!begins_like_json(text, len) &&
        secret_scan(&scan, text, len, on_any, &any, NULL) == 0 && !any)
        return text;
    buf_init(&clean, redact_room(len));
    if (redact_text(&clean, text, len, what, NULL) == 0)
        copy = region_copy(region, buf_text(&clean), clean.len, NULL);
    buf_clear(&clean);
    return copy ? copy : "(unreadable)";
}

struct line {
    const char *text;
    size_t copied;
    char out[LINE_SIZE];
    size_t len;
};

static void line_add(struct line *line, const char *text, size_t len)
{
    size_t room = sizeof(line->out) - line->len;

    len = len < room ? len : room;
    memcpy(line->out + line->len, text, len);
    line->len += len;
}

static int on_line_span(void *ctx, size_t from, size_t to, struct err *err)
{
    struct line *line = ctx;

    (void)err;
    line_add(line, line->text + line->copied, from - line->copied);
    line_add(line, SECRET_MASK, strlen(SECRET_MASK));
    line->copied = to;
    return 0;
}

void redact_line(char *text, size_t size)
{
    struct secret_scan scan = { NULL, false, false };
    struct line line = { .text = text };
    size_t len = strlen(text);

    if (secret_scan(&scan, text, len, on_line_span, &line, NULL) < 0 || !line.copied)
        return;
    line_add(&line, text + line.copied, len - line.copied);
    len = line.len < size ? line.len : size - 1;
    memcpy(text, line.out, len);
    text[len] = '\0';
}
