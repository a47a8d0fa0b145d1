/* SPDX-License-Identifier: MIT */
#include "mask/json_mask.h"

#include "base/jsonw.h"
#include "mask/har_mask.h"
#include "mask/layer.h"
#include "redact/secret_names.h"

#include <string.h>

#define FENCE "```"

int json_mask_parse(const char *text, size_t len, struct json **doc, struct err *err)
{
    struct err why = { .kind = ERR_NONE };

    *doc = json_parse(text, len, &why);
    return !*doc && why.kind == ERR_MEMORY ? err_set(err, ERR_MEMORY, "out of memory") : 0;
}

struct walk {
    struct masker *m;
    json_mask_body_fn *body;
    struct buf *out;
    const char *text;
    size_t copied; /* bytes of text already copied or masked */
    unsigned nest; /* documents down to this one */
    bool changed;
    size_t depth;
    struct json_step steps[JSON_DEPTH_MAX + 1]; /* the way to the value */
};

/* What is known of a value by its surroundings. */
struct scope {
    unsigned rule;          /* mask all scalars; RULES_MAX: no */
    bool numbers;           /* also numbers */
    bool data;              /* names of members are data, and make nothing a secret */
    struct json_value list; /* the key of the array or object around it */
};

static int visit(struct walk *w, struct json_value v, struct scope in, struct err *err);

/* Copy the text up to a place, which is to be replaced up to another. */
static int copy_to(struct walk *w, const char *at, size_t skip, struct err *err)
{
    size_t to = (size_t)(at - w->text);
    int rc = buf_add(w->out, w->text + w->copied, to - w->copied, err);

    w->copied = to + skip;
    return rc;
}

/* Replace a scalar by a rule's mask. */
static int mask_whole(struct walk *w, struct json_value v, unsigned rule, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    bool string = json_type(v) == JSON_STRING;

    w->changed = true;
    if (copy_to(w, raw, len, err) < 0 || (!string && buf_add(w->out, "\"", 1, err) < 0) ||
        text_mask_put(w->m, rule, w->out, err) < 0)
        return -1;
    return string ? 0 : buf_add(w->out, "\"", 1, err);
}

/* Replace the raw text of a string by a text without escapes. */
static int put_string(struct walk *w, const char *raw, size_t len, const struct buf *plain,
                      struct err *err)
{
    w->changed = true;
    return copy_to(w, raw - 1, len + 2, err) < 0
               ? -1
               : jsonw_quote(w->out, buf_text(plain), plain->len, err);
}

/* Mask the secrets in a string. */
static int mask_text(struct walk *w, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    int rc;

    if (copy_to(w, raw, len, err) < 0)
        return -1;
    rc = text_mask_string(w->m, raw, len, w->out, err);
    w->changed = w->changed || rc > 0;
    return rc < 0 ? -1 : 0;
}

/* The part of a string that may be a document: between lines of ```, or all of it. */
static void find_document(const struct buf *plain, size_t *from, size_t *to)
{
    const char *text = buf_text(plain);
    const char *line = strncmp(text, FENCE, strlen(FENCE)) == 0 ? strchr(text, '\n') : NULL;
    const char *end;

    *from = line ? (size_t)(line - text) + 1 : 0;
    *to = plain->len;
    end = line ? strstr(line, "\n" FENCE) : NULL;
    if (end)
        *to = (size_t)(end - text);
    while (*from < *to && strchr(" \t\r\n", text[*from]) && text[*from])
        (*from)++;
}

static int mask_document(const struct walk *like, const struct json *doc, const char *text,
                         size_t len, struct buf *out, struct err *err);

/*
 * Mask a string that is a document.
 *
 * returns  1; 0: the string is no document; -1: error
 */
static int mask_nested(struct walk *w, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    struct json *doc = NULL;
    struct buf plain;
    struct buf masked;
    size_t from;
    size_t to;
    int rc = 0;

    if (len < 2 || w->nest > JSON_MASK_NEST || !memchr(raw, '"', len))
        return 0;
    buf_init(&plain, len);
    buf_init(&masked, LAYER_TEXT_MAX);
    if (json_append(v, &plain, err) < 0)
        rc = -1;
    find_document(&plain, &from, &to);
    if (rc == 0 && from < to && (plain.data[from] == '{' || plain.data[from] == '['))
        rc = json_mask_parse(plain.data + from, to - from, &doc, err);
    if (doc) {
        rc = buf_add(&masked, plain.data, from, err);
        if (rc == 0)
            rc = mask_document(w, doc, plain.data + from, to - from, &masked, err);
        if (rc > 0)
            rc = buf_add(&masked, plain.data + to, plain.len - to, err) < 0
                     ? -1
                     : put_string(w, raw, len, &masked, err);
        rc = rc < 0 ? -1 : 1;
    }
    json_free(doc);
    buf_clear(&masked);
    buf_clear(&plain);
    return rc;
}

/* Mask a body in base64. */
static int mask_body(struct walk *w, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    struct buf plain;
    struct buf masked;
    struct buf coded;
    int rc;

    buf_init(&plain, len + 1);
    buf_init(&masked, LAYER_TEXT_MAX);
    buf_init(&coded, 2 * LAYER_TEXT_MAX);
    rc = layer_unbase64(&plain, raw, len, err) < 0
             ? -1
             : w->body(w->m, buf_text(&plain), plain.len, &masked, err);
    if (rc > 0)
        rc = layer_put_base64(&coded, buf_text(&masked), masked.len, err) < 0
                 ? -1
                 : put_string(w, raw, len, &coded, err);
    buf_clear(&coded);
    buf_clear(&masked);
    buf_clear(&plain);
    return rc < 0 ? -1 : 0;
}

static int learn(struct walk *w, unsigned rule, struct json_value v, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    struct buf plain;
    bool letters = true;
    size_t i;
    int rc;

    if (!w->m->learning)
        return 0;
    buf_init(&plain, len + 1);
    rc = json_type(v) == JSON_STRING ? json_append(v, &plain, err)
                                     : buf_add(&plain, raw, len, err);
    for (i = 0; i < plain.len; i++)
        letters = letters && ((plain.data[i] | 0x20) >= 'a' && (plain.data[i] | 0x20) <= 'z');
    if (rc == 0 && (rule == RULE_COOKIES || rule == RULE_HEADERS))
        rc = masker_learn_header(w->m, rule, buf_text(&plain), plain.len, err);
    else if (rc == 0 && (rule != RULE_FIELDS || !letters)) /* a word occurs by chance */
        rc = masker_learn(w->m, rule, buf_text(&plain), plain.len, err);
    buf_clear(&plain);
    return rc;
}

static int visit_scalar(struct walk *w, struct json_value v, struct scope in, struct err *err)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    enum json_type type = json_type(v);
    size_t from;
    size_t to;
    int rc;

    if (type == JSON_NUMBER && in.rule == RULES_MAX) {
        struct buf masked;

        buf_init(&masked, len + 1024);
        rc = text_mask(w->m, raw, len, &masked, err);
        if (rc > 0)
            rc = put_string(w, raw + 1, len - 2, &masked, err);
        buf_clear(&masked);
        return rc;
    }
    if (type != JSON_STRING && type != JSON_NUMBER)
        return 0;
    if (in.rule == RULES_MAX || (type == JSON_NUMBER && !in.numbers)) {
        rc = type == JSON_STRING ? mask_nested(w, v, err) : 1;
        return rc ? (rc < 0 ? -1 : 0) : mask_text(w, v, err);
    }
    if (!len || (rules_mask_at(w->m->rules, raw, len, 0, &from, &to) && to == len))
        return 0;
    return learn(w, in.rule, v, err) < 0 ? -1 : mask_whole(w, v, in.rule, err);
}

/* The rule of the JSON paths that name the value at which the walk is; RULES_MAX: none. */
static unsigned path_rule(const struct walk *w)
{
    const struct rules *rules = w->m->rules;
    size_t i;

    for (i = 0; i < rules->path_count && w->nest == 1; i++) {
        if (w->m->paths >> i & 1 && json_path_match(&rules->paths[i]->path, w->steps, w->depth))
            return rules->paths[i]->rule;
    }
    return RULES_MAX;
}

/* Whether a value is a JSON Schema, which describes a secret and has none. */
static bool is_schema(struct json_value v)
{
    static const char *const types[] = { "string", "number", "integer", "boolean",
                                         "object", "array",  NULL };
    size_t i;

    for (i = 0; types[i]; i++) {
        if (json_is(json_get(v, "type"), types[i]))
            return true;
    }
    return false;
}

/* Whether a member is a list of cookies, of which the values alone are secret. */
static bool is_cookie_list(struct json_value member)
{
    return json_type(member) == JSON_ARRAY && json_is(json_key(member), "cookies");
}

/* What the name of a member makes of its value. */
static void see_name(const struct walk *w, struct json_value member, struct scope *in)
{
    size_t len;
    const char *name = json_raw(json_key(member), &len);
    unsigned places = secret_name_of(name, len);
    unsigned header = har_mask_header(name, len);

    if (places & KEEP)
        in->data = true;
    if (in->data || in->rule != RULES_MAX)
        return;
    if (json_is(in->list, "headers") && header != RULES_MAX)
        in->rule = header;
    else if (w->m->lists && json_is(json_key(member), "checksum"))
        in->rule = RULE_DIGESTS;
    else if ((places & IN_MEMBER) && !(places & ADDRESS) && !is_schema(member) &&
             !is_cookie_list(member))
        in->rule = header == RULE_COOKIES ? RULE_COOKIES : RULE_FIELDS;
    in->numbers = (places & NUMBERS) != 0;
    if (in->rule != RULES_MAX && !w->m->rules->on[in->rule])
        in->rule = RULES_MAX;
}

/* Whether a member stays as it is. */
static bool is_spared(const struct walk *w, struct json_value key)
{
    const char *const *name = w->m->spared;

    while (name && *name && !json_is(key, *name))
        name++;
    return name && *name;
}

static int visit_member(struct walk *w, struct json_value object, struct json_value member,
                        struct scope in, bool typed, struct err *err)
{
    struct json_value key = json_key(member);
    struct scope own = in;
    unsigned pair;

    if (is_spared(w, key))
        return 0;
    if (mask_text(w, key, err) < 0)
        return -1;
    if (in.rule == RULES_MAX) {
        pair = json_is(key, "value") ? har_mask_value(in.list, object) : RULES_MAX;
        if (typed && typed_is_text(key) && w->m->rules->on[RULE_TYPED])
            own.rule = RULE_TYPED;
        else if (pair != RULES_MAX && w->m->rules->on[pair])
            own.rule = pair;
        own.numbers = own.rule != RULES_MAX;
        if (own.rule == RULES_MAX && json_is(key, "text") && har_mask_is_base64(object))
            return mask_body(w, member, err);
        if (own.rule == RULES_MAX)
            see_name(w, member, &own);
    }
    own.list = key;
    return visit(w, member, own, err);
}

static int visit_object(struct walk *w, struct json_value v, struct scope in, struct err *err)
{
    struct json_step *step = &w->steps[w->depth++];
    struct json_value member = { 0 };
    bool typed = typed_has(w->m->typed, v);
    int rc = w->m->learning ? typed_see(w->m->typed, v, err) : 0;

    while (rc == 0 && (member = json_next(v, member)).doc) {
        *step = (struct json_step){ json_key(member), 0 };
        rc = visit_member(w, v, member, in, typed, err);
    }
    w->depth--;
    return rc;
}

static int visit_array(struct walk *w, struct json_value v, struct scope in, struct err *err)
{
    struct json_step *step = &w->steps[w->depth++];
    struct json_value entry = { 0 };
    size_t i = 0;
    int rc = 0;

    while (rc == 0 && (entry = json_next(v, entry)).doc) {
        *step = (struct json_step){ { 0 }, i++ };
        rc = visit(w, entry, in, err);
    }
    w->depth--;
    return rc;
}

static int visit(struct walk *w, struct json_value v, struct scope in, struct err *err)
{
    unsigned rule = path_rule(w);

    if (rule != RULES_MAX) {
        in.rule = rule;
        in.numbers = true;
    }
    if (json_type(v) == JSON_OBJECT)
        return visit_object(w, v, in, err);
    return json_type(v) == JSON_ARRAY ? visit_array(w, v, in, err)
                                      : visit_scalar(w, v, in, err);
}

/* Mask a document with the masker of another walk, in which it is nested. */
static int mask_document(const struct walk *like, const struct json *doc, const char *text,
                         size_t len, struct buf *out, struct err *err)
{
    struct walk *w = mem_new(sizeof(*w), err);
    const struct scope in = { RULES_MAX, false, false, { NULL, 0 } };
    int rc = -1;

    if (!w)
        return -1;
    *w = (struct walk){
        .m = like->m, .body = like->body, .out = out, .text = text, .nest = like->nest + 1
    };
    if (visit(w, json_root(doc), in, err) == 0 && copy_to(w, text + len, 0, err) == 0)
        rc = w->changed;
    mem_free(w);
    return rc;
}

int json_mask(struct masker *m, const struct json *doc, const char *text, size_t len,
              json_mask_body_fn *body, struct buf *out, struct err *err)
{
    const struct walk *like = &(const struct walk){ .m = m, .body = body };

    return mask_document(like, doc, text, len, out, err);
}
