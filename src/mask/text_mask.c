/* SPDX-License-Identifier: MIT */
#include "mask/text_mask.h"

#include "base/mem.h"
#include "mask/html_field.h"
#include "mask/layer.h"
#include "mask/pattern.h"
#include "redact/secret_scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPANS_MAX ((size_t)1 << 24)
#define NAME_LOOK 128 /* bytes before a value in which its name is looked for */

/* A part of the outermost text to mask. */
struct text_span {
    size_t from;
    size_t to;
    unsigned rule;
};

/* A text within the outermost one, by the layers that lead to it. */
struct place_in {
    const struct layer *layer; /* NULL: the outermost text itself */
    const struct place_in *up;
    const char *text;
    size_t len;
};

struct text_search {
    struct masker *m;
    const char *top; /* the outermost text */
    size_t top_len;
    bool known_only;
    struct text_span *spans;
    size_t count;
    size_t cap;
};

/* What a callback of a finder needs. */
struct text_finding {
    struct text_search *search;
    const struct place_in *in;
    unsigned rule;
};

int masker_init(struct masker *m, const struct rules *rules, struct err *err)
{
    *m = (struct masker){ .rules = rules, .learning = true };
    m->known = known_new(err);
    m->typed = m->known ? typed_new(err) : NULL;
    if (!m->typed)
        masker_clear(m);
    return m->typed ? 0 : -1;
}

void masker_clear(struct masker *m)
{
    known_free(m->known);
    typed_free(m->typed);
    m->known = NULL;
    m->typed = NULL;
}

static int learn_typed(void *ctx, const char *text, size_t len, struct err *err)
{
    return masker_learn(ctx, RULE_TYPED, text, len, err);
}

int masker_settle(struct masker *m, struct err *err)
{
    if (m->rules->on[RULE_TYPED] && typed_secrets(m->typed, learn_typed, m, err) < 0)
        return -1;
    known_settle(m->known);
    m->learning = false;
    memset(m->counts, 0, sizeof(m->counts));
    return 0;
}

int masker_learn(struct masker *m, unsigned rule, const char *text, size_t len, struct err *err)
{
    size_t from;
    size_t to;

    if (!m->learning || len < KNOWN_MIN || rules_mask_at(m->rules, text, len, 0, &from, &to) ||
        secret_masked(text, len))
        return 0;
    return known_add(m->known, text, len, rule, err);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Learn the user and password of "Basic BASE64". */
static int learn_basic(struct masker *m, unsigned rule, const char *text, size_t len,
                       struct err *err)
{
    struct buf plain;
    const char *colon;
    int rc = 0;

    buf_init(&plain, len + 1);
    if (layer_unbase64(&plain, text, len, err) < 0)
        rc = -1;
    colon = rc == 0 && plain.len ? memchr(plain.data, ':', plain.len) : NULL;
    if (colon && layer_is_text(plain.data, plain.len)) {
        size_t user = (size_t)(colon - plain.data);

        rc = masker_learn(m, rule, plain.data, plain.len, err);
        if (rc == 0)
            rc = masker_learn(m, rule, plain.data, user, err);
        if (rc == 0)
            rc = masker_learn(m, rule, colon + 1, plain.len - user - 1, err);
    }
    buf_clear(&plain);
    return rc;
}

/* Whether a name is that of an attribute of Set-Cookie, whose value is no secret. */
static bool is_attribute(const char *name, size_t len)
{
    static const char *const names[] = { "domain",   "path",     "expires", "max-age",
                                         "samesite", "priority", "version" };
    size_t i;

    while (len && is_space(*name)) {
        name++;
        len--;
    }
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0)
            return true;
    }
    return false;
}

/* Learn the values of "a=b; c=d". */
static int learn_pairs(struct masker *m, unsigned rule, const char *text, size_t len,
                       struct err *err)
{
    size_t i = 0;

    while (i < len) {
        const char *stop = memchr(text + i, ';', len - i);
        size_t end = stop ? (size_t)(stop - text) : len;
        const char *equals = memchr(text + i, '=', end - i);
        size_t from = equals ? (size_t)(equals - text) + 1 : end;
        size_t to = end;

        while (from < to && (is_space(text[from]) || text[from] == '"'))
            from++;
        while (to > from && (is_space(text[to - 1]) || text[to - 1] == '"'))
            to--;
        if (!(equals && is_attribute(text + i, (size_t)(equals - text) - i)) &&
            masker_learn(m, rule, text + from, to - from, err) < 0)
            return -1;
        i = end + 1;
    }
    return 0;
}

int masker_learn_header(struct masker *m, unsigned rule, const char *text, size_t len,
                        struct err *err)
{
    const char *blank;
    size_t from;

    if (!m->learning)
        return 0;
    while (len && is_space(text[len - 1]))
        len--;
    blank = memchr(text, ' ', len);
    from = blank ? (size_t)(blank - text) + 1 : 0;
    if (masker_learn(m, rule, text, len, err) < 0)
        return -1;
    if (memchr(text, '=', len) && memchr(text, ';', len))
        return learn_pairs(m, rule, text, len, err);
    if (from && from < 24 && !memchr(text, ';', len) &&
        masker_learn(m, rule, text + from, len - from, err) < 0)
        return -1;
    if (from == 6 && strncasecmp(text, "basic", 5) == 0)
        return learn_basic(m, rule, text + from, len - from, err);
    return from ? 0 : learn_pairs(m, rule, text, len, err);
}

/* Whether a value is a single word, which a text may have by chance. */
static bool is_word(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        bool small = text[i] >= 'a' && text[i] <= 'z';
        bool capital = text[i] >= 'A' && text[i] <= 'Z';

        if (!small && !(capital && i == 0))
            return false;
    }
    return true;
}

/* Begin at the backslash or '%' of an escape that was matched without it. */
static size_t escape_start(const char *text, size_t from)
{
    size_t slashes = 0;

    while (slashes < from && text[from - 1 - slashes] == '\\')
        slashes++;
    if (slashes % 2)
        return from - 1;
    return from && text[from - 1] == '%' ? from - 1 : from;
}

/* Whether a byte is within a character of UTF-8, which must not be cut. */
static bool is_inner(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Mask a part of a text within the outermost one. */
static int add_span(struct text_search *s, const struct place_in *in, size_t from, size_t to,
                    unsigned rule, struct err *err)
{
    struct text_span *last;
    unsigned i;
    size_t mask_from;
    size_t mask_to;

    while (from < to &&
           rules_mask_at(s->m->rules, in->text, in->len, from, &mask_from, &mask_to))
        from = mask_to; /* what is masked already stays */
    if (from < to &&
        rules_mask_at(s->m->rules, in->text, in->len, to - 1, &mask_from, &mask_to))
        to = mask_to;
    if (from >= to)
        return 0;
    for (; in->layer; in = in->up) {
        from = layer_from(in->layer, from);
        to = layer_to(in->layer, to);
    }
    from = escape_start(s->top, from);
    for (i = 0; i < 3 && from && is_inner(s->top[from]); i++)
        from--;
    for (i = 0; i < 3 && to < s->top_len && is_inner(s->top[to]); i++)
        to++;
    last = s->count ? &s->spans[s->count - 1] : NULL;
    if (last && from >= last->from && from < last->to) { /* so that they remain few */
        last->to = to > last->to ? to : last->to;
        return 0;
    }
    if (mem_room(&s->spans, &s->cap, s->count, sizeof(*s->spans), SPANS_MAX, err) < 0)
        return -1;
    s->spans[s->count++] = (struct text_span){ from, to, rule };
    return 0;
}

static int on_known(void *ctx, size_t from, size_t to, unsigned rule, struct err *err)
{
    const struct text_finding *f = ctx;

    return add_span(f->search, f->in, from, to, rule, err);
}

static int on_pattern(void *ctx, size_t from, size_t to, struct err *err)
{
    const struct text_finding *f = ctx;

    if (masker_learn(f->search->m, f->rule, f->in->text + from, to - from, err) < 0)
        return -1;
    return add_span(f->search, f->in, from, to, f->rule, err);
}

/* The name before a value: from..to, and the character before it. */
static size_t name_before(const char *text, size_t at, size_t *to)
{
    size_t least = at > NAME_LOOK ? at - NAME_LOOK : 0;

    while (at > least && strchr(" \t\"'=:\\", text[at - 1]) && text[at - 1])
        at--;
    *to = at;
    while (at > least && (layer_is_base64(text[at - 1]) || text[at - 1] == '.' ||
                          text[at - 1] == '[' || text[at - 1] == ']'))
        at--;
    return at;
}

/* The rule that a secret found by its name belongs to. */
static unsigned scan_rule(const char *text, size_t len, size_t from, size_t to)
{
    size_t name_to;
    size_t name = name_before(text, from, &name_to);
    size_t size = name_to - name;

    if (to - from > 3 && memcmp(text + from, "eyJ", 3) == 0)
        return RULE_TOKENS;
    if ((to < len && text[to] == '@') || (name && strchr("?&#", text[name - 1])))
        return RULE_URLS;
    if (size >= 6 && strncasecmp(text + name_to - 6, "cookie", 6) == 0)
        return RULE_COOKIES;
    if (size >= 13 && strncasecmp(text + name_to - 13, "authorization", 13) == 0)
        return RULE_HEADERS;
    return RULE_FIELDS;
}

static int on_scan(void *ctx, size_t from, size_t to, struct err *err)
{
    const struct text_finding *f = ctx;
    struct masker *m = f->search->m;
    const char *text = f->in->text;
    unsigned rule = scan_rule(text, f->in->len, from, to);
    int rc = 0;

    if (!m->rules->on[rule])
        return 0;
    if (rule == RULE_COOKIES || rule == RULE_HEADERS)
        rc = masker_learn_header(m, rule, text + from, to - from, err);
    else if (!is_word(text + from, to - from))
        rc = masker_learn(m, rule, text + from, to - from, err);
    return rc < 0 ? -1 : add_span(f->search, f->in, from, to, rule, err);
}

static int on_field(void *ctx, const struct html_field *field, struct err *err)
{
    const struct text_finding *f = ctx;
    struct masker *m = f->search->m;
    const char *text = f->in->text;
    const struct html_part *id = field->unique_id.to ? &field->unique_id : &field->id;

    if (m->learning && id->to &&
        typed_add_id(m->typed, text + id->from, id->to - id->from, err) < 0)
        return -1;
    if (!m->rules->on[RULE_FIELDS] || field->value.to <= field->value.from)
        return 0;
    if (masker_learn(m, RULE_FIELDS, text + field->value.from,
                     field->value.to - field->value.from, err) < 0)
        return -1;
    return add_span(f->search, f->in, field->value.from, field->value.to, RULE_FIELDS, err);
}

static int find_patterns(struct text_finding *f, struct err *err)
{
    static const struct {
        enum pattern_kind kind;
        unsigned rule;
    } kinds[] = { { PATTERN_EMAIL, RULE_EMAILS },
                  { PATTERN_CARD, RULE_CARDS },
                  { PATTERN_TOKEN, RULE_TOKENS } };
    const struct rules *rules = f->search->m->rules;
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        f->rule = kinds[i].rule;
        if (rules->on[f->rule] &&
            pattern_find(kinds[i].kind, f->in->text, f->in->len, on_pattern, f, err) < 0)
            return -1;
    }
    for (i = 0; i < rules->pattern_count; i++) {
        size_t at = 0;
        size_t from;
        size_t to;
        int rc;

        f->rule = rules->patterns[i].rule;
        while ((rc = regex_next(rules->patterns[i].regex, f->in->text, f->in->len, &at, &from,
                                &to, err)) > 0) {
            if (on_pattern(f, from, to, err) < 0)
                return -1;
        }
        if (rc < 0)
            return err_wrap(err, "the rule '%s'", rules->names[f->rule]);
    }
    return 0;
}

/* Search one text, as it is. scan: also for names whose values are secret; that decodes escapes
 * itself. */
static int find_plain(struct text_search *s, const struct place_in *in, bool scan_names,
                      struct err *err)
{
    static const struct secret_scan scan = { NULL, false, false };
    struct text_finding f = { s, in, 0 };

    if (known_find(s->m->known, in->text, in->len, on_known, &f, err) < 0)
        return -1;
    if (s->known_only)
        return 0;
    if (find_patterns(&f, err) < 0 || html_field_find(in->text, in->len, on_field, &f, err) < 0)
        return -1;
    if (!scan_names)
        return 0;
    return secret_scan(&scan, in->text, in->len, on_scan, &f, err) < 0 ? -1 : 0;
}

static int find_all(struct text_search *s, const struct place_in *in, unsigned depth,
                    unsigned nest, struct err *err);

/* Search the texts that stand in base64 in a text. */
static int find_base64(struct text_search *s, const struct place_in *in, unsigned nest,
                       struct err *err)
{
    struct layer layer = { .count = 0 };
    size_t at = 0;
    int rc = 0;

    while (nest < TEXT_MASK_NEST && at < in->len &&
           (rc = layer_base64(&layer, in->text, in->len, &at, err)) > 0) {
        struct place_in inner = { &layer, in, buf_text(&layer.plain), layer.plain.len };

        if (find_all(s, &inner, 1, nest + 1, err) < 0) {
            rc = -1;
            break;
        }
    }
    layer_clear(&layer);
    return rc < 0 ? -1 : 0;
}

/* Search a text, its texts in base64, and the text that its escapes make. */
static int find_all(struct text_search *s, const struct place_in *in, unsigned depth,
                    unsigned nest, struct err *err)
{
    struct layer layer = { .count = 0 };
    int rc;

    if (find_plain(s, in, depth == 1, err) < 0 || find_base64(s, in, nest, err) < 0)
        return -1;
    if (depth > TEXT_MASK_DEPTH)
        return 0;
    rc = layer_decode(&layer, in->text, in->len, LAYER_ALL, err);
    if (rc > 0) {
        struct place_in inner = { &layer, in, buf_text(&layer.plain), layer.plain.len };

        rc = find_all(s, &inner, depth + 1, nest, err);
    }
    layer_clear(&layer);
    return rc < 0 ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    const struct text_span *x = a;
    const struct text_span *y = b;

    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to > y->to ? -1 : x->to < y->to;
}

int text_mask_put(struct masker *m, unsigned rule, struct buf *out, struct err *err)
{
    m->counts[rule]++;
    return rules_put_mask(m->rules, rule, out, err);
}

/* Append the raw text with a mask for each span; spans that overlap get one. */
static int put_masked(struct text_search *s, const struct layer *layer, const char *raw,
                      size_t len, struct buf *out, struct err *err)
{
    size_t copied = 0;
    size_t i = 0;

    if (s->count)
        qsort(s->spans, s->count, sizeof(*s->spans), compare);
    while (i < s->count) {
        struct text_span span = s->spans[i++];

        while (i < s->count && s->spans[i].from < span.to) {
            span.to = s->spans[i].to > span.to ? s->spans[i].to : span.to;
            i++;
        }
        if (layer) {
            span.from = layer_from(layer, span.from);
            span.to = layer_to(layer, span.to);
        }
        if (buf_add(out, raw + copied, span.from - copied, err) < 0 ||
            text_mask_put(s->m, span.rule, out, err) < 0)
            return -1;
        copied = span.to;
    }
    return buf_add(out, raw + copied, len - copied, err);
}

int text_mask(struct masker *m, const char *text, size_t len, struct buf *out, struct err *err)
{
    struct text_search s = { .m = m, .top = text, .top_len = len };
    const struct place_in in = { NULL, NULL, text, len };
    int rc = find_all(&s, &in, 1, 0, err);

    if (rc == 0)
        rc = put_masked(&s, NULL, text, len, out, err);
    if (rc == 0)
        rc = s.count > 0;
    mem_free(s.spans);
    return rc;
}

int text_mask_string(struct masker *m, const char *raw, size_t len, struct buf *out,
                     struct err *err)
{
    struct layer layer = { .count = 0 };
    struct text_search s = { .m = m, .top = raw, .top_len = len };
    struct place_in in = { NULL, NULL, raw, len };
    int rc = memchr(raw, '\\', len) ? layer_decode(&layer, raw, len, LAYER_JSON, err) : 0;
    bool escaped = rc > 0;

    if (escaped) {
        s.top = in.text = buf_text(&layer.plain);
        s.top_len = in.len = layer.plain.len;
    }
    if (rc >= 0)
        rc = find_all(&s, &in, 1, 0, err);
    if (rc == 0)
        rc = put_masked(&s, escaped ? &layer : NULL, raw, len, out, err);
    if (rc == 0)
        rc = s.count > 0;
    mem_free(s.spans);
    layer_clear(&layer);
    return rc;
}

int text_mask_leaks(struct masker *m, const char *text, size_t len, struct err *err)
{
    struct text_search s = { .m = m, .top = text, .top_len = len, .known_only = true };
    const struct place_in in = { NULL, NULL, text, len };
    int rc = find_all(&s, &in, 1, 0, err);

    if (rc == 0)
        rc = s.count > 0;
    mem_free(s.spans);
    return rc;
}
