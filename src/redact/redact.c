/* SPDX-License-Identifier: MIT */
#include "redact/redact.h"

#include "base/json.h"
#include "redact/secret_names.h"
#include "redact/secret_scan.h"

#include <string.h>
#include <strings.h>

#define NEST_MAX  8    /* maximum nesting of documents in strings */
#define PASS_MAX  16   /* maximum number of passes; two suffice except for crafted texts */
#define LINE_SIZE 4096 /* maximum size of a message */
#define KEY_ROOM  512  /* maximum size of a member name with escapes */

/* Marks of an object, set before its members are redacted. */
#define MARK_SCHEMA 1 /* a JSON Schema: {"type": "string"} */
#define MARK_PAIR   2 /* its "name" member is a secret's name */

/*
 * Strings of a document may be documents themselves. Each string is unescaped and searched, and
 * the positions of secrets are mapped back through the levels to the outermost text. The parts
 * of the outermost text that are not secret are copied unchanged.
 */
struct redactor {
    const struct redact *what;
    const char *text; /* the outermost text */
    size_t copied;    /* bytes of text already copied or masked */
    struct buf *out;
    bool key;   /* the API key was found: it must be masked first */
    bool again; /* another pass is needed: a mask may reveal further secrets */
    bool seen;  /* not the first pass: only strings with a mask are searched */
};

struct nested_text {
    struct redactor *redactor;
    struct nested_text *up; /* NULL: this is the outermost text */
    size_t base;            /* offset of the string in the text of the level above */
    const char *raw;        /* the string with its escapes; NULL: it has none */
    size_t len;
    size_t raw_at; /* two cursors at the same character */
    size_t plain_at;
    unsigned depth;
};

/* Map an offset in the unescaped string to the raw string; offsets never decrease. */
static size_t raw_place(struct nested_text *level, size_t plain)
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

/* Append a quotation mark as written in a string nested to depth. */
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

/* Replace a part of a level's text by the mask; quoted: write the mask as a JSON string. */
static int mask(struct nested_text *level, size_t from, size_t to, bool quoted, struct err *err)
{
    struct redactor *c = level->redactor;
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
static int mask_value(struct nested_text *level, size_t at, size_t len, bool quoted,
                      struct err *err)
{
    level->redactor->again = true;
    return mask(level, at, at + len, quoted, err);
}

/* A container that the walk through a document's values and keys is in. */
struct frame {
    size_t token; /* index of the container's token */
    const char *end;
    bool object;
    bool key_next;
    bool keep;       /* its member names are not interpreted */
    unsigned places; /* places of its name or of an enclosing one */
};

struct walk {
    const struct json *doc;
    size_t at;
    struct json_value value;
    struct json_value key; /* name of value; absent: value has none */
    bool is_key;           /* value is a member's name */
    unsigned depth;
    struct frame frames[JSON_DEPTH_MAX + 1]; /* frames[0]: the top level */
};

/* Advance to the next token; *in gets its container. A container's own frame is then on top. */
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

/* Unescape a string, truncated to the size of out. */
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

/* Set the marks of all objects. */
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

static int clean_text(struct nested_text *level, const char *text, size_t len, unsigned places,
                      struct err *err);

/* Redact a string of a document; at: offset of its raw text in the level's text. */
static int clean_string(struct nested_text *up, size_t at, const char *raw, size_t len,
                        unsigned places, struct err *err)
{
    struct nested_text level = {
        .redactor = up->redactor, .up = up, .base = at, .len = len, .depth = up->depth + 1
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

static int clean_number(struct nested_text *level, size_t at, const char *raw, size_t len,
                        unsigned places, struct err *err)
{
    const char *key = level->redactor->what->key;
    bool secret = (places & IN_MEMBER) && (places & NUMBERS);

    if (secret || (key && *key && memmem(raw, len, key, strlen(key))))
        return mask_value(level, at, len, true, err);
    return 0;
}

/* The places of a value's name or of its container's. */
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

static int clean_value(struct nested_text *level, struct walk *w, struct frame *in,
                       const char *text, const unsigned char *marks, struct err *err)
{
    struct frame *own = &w->frames[w->depth];
    unsigned places = level->redactor->what->raw || w->is_key ? 0 : places_in(w, in, marks);
    size_t len;
    const char *raw = json_raw(w->value, &len);

    if (level->redactor->what->keep && text_is(w->key, level->redactor->what->keep))
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

static int clean_json(struct nested_text *level, const struct json *doc, const char *text,
                      struct err *err)
{
    unsigned char *marks = mem_new(json_size(doc), err);
    struct walk w = { .doc = doc };
    struct frame *in;
    int rc = marks ? 0 : -1;

    if (rc == 0 && !level->redactor->what->raw)
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

/* Redact a level's text, as a document or as plain text. */
static int clean_text(struct nested_text *level, const char *text, size_t len, unsigned places,
                      struct err *err)
{
    const struct redact *what = level->redactor->what;
    struct secret_scan scan = { what->key, what->raw, places & ADDRESS };
    bool like_json = level->depth < NEST_MAX && begins_like_json(text, len);
    struct err why = { 0 };
    struct json *doc;
    int rc;

    if (level->redactor->seen && level->up && !(places & ADDRESS) &&
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
        level->redactor->key = true;
    if (rc == SECRET_AGAIN)
        level->redactor->again = true;
    return rc < 0 ? -1 : 0;
}

size_t redact_room(size_t len)
{
    return 2 * len + 64;
}

/* One pass; afterwards redactor tells whether more are needed. seen: not the first pass. */
static int pass(struct buf *out, const char *text, size_t len, const struct redact *what,
                bool seen, struct redactor *redactor, struct err *err)
{
    struct nested_text level = { .redactor = redactor };
    int rc;

    *redactor = (struct redactor){ .what = what, .text = text, .out = out, .seen = seen };
    rc = clean_text(&level, text, len, 0, err);
    return rc < 0 ? -1 : buf_add(out, text + redactor->copied, len - redactor->copied, err);
}

/* Another pass, over the output of the last one from start on. */
static int pass_again(struct buf *out, size_t start, const struct redact *what, bool seen,
                      struct redactor *redactor, struct err *err)
{
    struct buf before;
    int rc;

    buf_init(&before, out->len - start);
    rc = buf_add(&before, out->data + start, out->len - start, err);
    out->len = start;
    if (rc == 0)
        rc = pass(out, buf_text(&before), before.len, what, seen, redactor, err);
    buf_clear(&before);
    return rc;
}

int redact_text(struct buf *out, const char *text, size_t len, const struct redact *what,
                struct err *err)
{
    const struct redact key = { what->key, true, what->keep };
    const struct redact rest = { NULL, what->raw, what->keep };
    struct redactor redactor;
    size_t start = out->len;
    int rc = pass(out, text, len, what, false, &redactor, err);
    int i;

    if (rc == 0 && redactor.key) {
        out->len = start;
        rc = pass(out, text, len, &key, false, &redactor, err);
        if (rc == 0)
            rc = pass_again(out, start, &rest, false, &redactor, err);
    }
    for (i = 0; rc == 0 && redactor.again && i < PASS_MAX; i++)
        rc = pass_again(out, start, &rest, true, &redactor, err);
    return rc;
}

int redact_untrusted(struct buf *out, const char *text, size_t len, struct err *err)
{
    static const struct redact what = { NULL, false, NULL };

    return redact_text(out, text, len, &what, err);
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
