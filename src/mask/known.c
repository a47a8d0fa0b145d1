/* SPDX-License-Identifier: MIT */
#include "mask/known.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/mem.h"
#include "mask/layer.h"

#include <stdlib.h>
#include <string.h>

#define DECODE_MAX 3  /* how often a value is decoded */
#define FORMS      16 /* forms of a value, on average */
#define FILTER_LOG 20 /* bits of the filter */

/* A form of a value. */
struct known_form {
    const char *text;
    uint32_t len;
    uint32_t up; /* the longest other form with which this one begins, or NONE */
    uint8_t rule;
    uint8_t before; /* a character before or after it has bits of the value, too */
    uint8_t after;
};

#define NONE UINT32_MAX

struct known {
    struct region *region;
    struct hashmap *seen; /* forms, to keep each once */
    struct hashmap *spared;
    struct known_form *forms;
    size_t count;
    size_t cap;
    size_t values;
    size_t bytes;
    uint64_t *filter;
    bool settled;
};

struct known *known_new(struct err *err)
{
    struct known *known = mem_new(sizeof(*known), err);

    if (!known)
        return NULL;
    known->region = region_new(err);
    known->seen = hashmap_new(err);
    known->spared = hashmap_new(err);
    known->filter = mem_array(((size_t)1 << FILTER_LOG) / 64, sizeof(uint64_t), err);
    if (!known->region || !known->seen || !known->spared || !known->filter) {
        known_free(known);
        return NULL;
    }
    return known;
}

void known_free(struct known *known)
{
    if (!known)
        return;
    mem_free(known->filter);
    mem_free(known->forms);
    hashmap_free(known->spared);
    hashmap_free(known->seen);
    region_free(known->region);
    mem_free(known);
}

size_t known_count(const struct known *known)
{
    return known->values;
}

int known_spare(struct known *known, const char *text, struct err *err)
{
    size_t len = strlen(text);

    return !len || hashmap_get(known->spared, text, len)
               ? 0
               : hashmap_add(known->spared, text, len, known, err);
}

static uint64_t hash_of(const char *at)
{
    uint64_t eight;

    memcpy(&eight, at, sizeof(eight));
    return (eight * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - FILTER_LOG);
}

/* Keep a form of a value. */
static int add_form(struct known *known, const struct known_form *form, struct err *err)
{
    struct known_form copy = *form;

    if (form->len < KNOWN_MIN || hashmap_get(known->seen, form->text, form->len))
        return 0;
    if (mem_room(&known->forms, &known->cap, known->count, sizeof(copy),
                 KNOWN_COUNT_MAX * FORMS, err) < 0)
        return -1;
    copy.text = region_copy(known->region, form->text, form->len, err);
    if (!copy.text || hashmap_add(known->seen, form->text, form->len, known, err) < 0)
        return -1;
    known->forms[known->count++] = copy;
    return 0;
}

/* Keep the characters of base64 that the value alone determines, if it is `shift` bytes after
 * the beginning of three. */
static int add_base64(struct known *known, const char *text, size_t len, size_t shift,
                      unsigned rule, struct buf *scratch, struct err *err)
{
    size_t from = (shift * 8 + 5) / 6; /* the first character with bits of the value only */
    size_t to = (shift + len) * 8 / 6; /* behind the last */
    struct known_form form = { .rule = (uint8_t)rule,
                               .before = shift != 0,
                               .after = (shift + len) % 3 != 0 };
    bool other = false;
    struct buf plain;
    size_t i;
    int rc;

    buf_reset(scratch);
    buf_init(&plain, KNOWN_MAX + shift);
    rc = buf_add(&plain, "\0\0", shift, err);
    if (rc == 0)
        rc = buf_add(&plain, text, len, err);
    if (rc == 0)
        rc = layer_put_base64(scratch, buf_text(&plain), plain.len, err);
    buf_clear(&plain);
    if (rc < 0)
        return -1;
    form.text = scratch->data + from;
    form.len = (uint32_t)(to - from);
    if (add_form(known, &form, err) < 0)
        return -1;
    for (i = from; i < scratch->len; i++) {
        char *c = &scratch->data[i];

        other = other || *c == '+' || *c == '/';
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    return other ? add_form(known, &form, err) : 0;
}

static int add_forms(struct known *known, const char *text, size_t len, unsigned rule,
                     struct err *err)
{
    struct known_form form = { .text = text, .len = (uint32_t)len, .rule = (uint8_t)rule };
    struct buf scratch;
    size_t shift;
    int rc = add_form(known, &form, err);

    buf_init(&scratch, 4 * KNOWN_MAX);
    for (shift = 0; rc == 0 && shift < 3; shift++)
        rc = add_base64(known, text, len, shift, rule, &scratch, err);
    if (rc == 0 && memchr(text, ' ', len)) {
        size_t i;

        buf_reset(&scratch);
        rc = buf_add(&scratch, text, len, err);
        for (i = 0; rc == 0 && i < len; i++)
            scratch.data[i] = scratch.data[i] == ' ' ? '+' : scratch.data[i];
        form.text = scratch.data;
        if (rc == 0)
            rc = add_form(known, &form, err);
    }
    buf_clear(&scratch);
    return rc;
}

int known_add(struct known *known, const char *text, size_t len, unsigned rule, struct err *err)
{
    struct layer layers[2] = { { { 0 }, NULL, 0, 0, false, 0 },
                               { { 0 }, NULL, 0, 0, false, 0 } };
    unsigned i;
    int rc = 0;

    if (known->settled || len < KNOWN_MIN || len > KNOWN_MAX ||
        hashmap_get(known->spared, text, len) || hashmap_get(known->seen, text, len))
        return 0;
    if (known->values >= KNOWN_COUNT_MAX || known->bytes + len > KNOWN_BYTES_MAX)
        return err_set(
            err, ERR_LIMIT,
            "more than %zu secret values, or %zu MiB of them: redact fewer runs at a "
            "time",
            KNOWN_COUNT_MAX, KNOWN_BYTES_MAX >> 20);
    known->values++;
    known->bytes += len;
    /* a text is decoded as often as it has escapes, so the value is compared decoded, too */
    for (i = 0; rc >= 0 && i <= DECODE_MAX && len >= KNOWN_MIN; i++) {
        struct layer *layer = &layers[i % 2];

        rc = add_forms(known, text, len, rule, err);
        if (rc == 0)
            rc = layer_decode(layer, text, len, LAYER_ALL, err);
        if (rc <= 0)
            break;
        text = buf_text(&layer->plain);
        len = layer->plain.len;
    }
    layer_clear(&layers[0]);
    layer_clear(&layers[1]);
    return rc < 0 ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    const struct known_form *x = a;
    const struct known_form *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int rc = memcmp(x->text, y->text, len);

    return rc ? rc : x->len < y->len ? -1 : x->len > y->len;
}

static bool begins(const struct known_form *form, const struct known_form *with)
{
    return with->len < form->len && memcmp(form->text, with->text, with->len) == 0;
}

void known_settle(struct known *known)
{
    size_t i;

    if (known->count)
        qsort(known->forms, known->count, sizeof(*known->forms), compare);
    for (i = 0; i < known->count; i++) {
        struct known_form *form = &known->forms[i];
        uint64_t hash = hash_of(form->text);

        form->up = i ? (uint32_t)(i - 1) : NONE;
        while (form->up != NONE && !begins(form, &known->forms[form->up]))
            form->up = known->forms[form->up].up;
        known->filter[hash / 64] |= UINT64_C(1) << hash % 64;
    }
    known->settled = true;
}

static size_t common(const struct known_form *form, const char *text, size_t len)
{
    size_t most = form->len < len ? form->len : len;
    size_t i = 0;

    while (i < most && form->text[i] == text[i])
        i++;
    return i;
}

/* Whether a form sorts behind the text, of which it may be a beginning. */
static bool is_behind(const struct known_form *form, const char *text, size_t len)
{
    size_t same = common(form, text, len);

    if (same == form->len)
        return false;
    return same == len || (unsigned char)form->text[same] > (unsigned char)text[same];
}

/*
 * The longest form with which the text begins. All forms with which it begins are beginnings of
 * the last form that does not sort behind it, and of each other.
 */
static const struct known_form *longest(const struct known *known, const char *text, size_t len)
{
    size_t low = 0;
    size_t high = known->count;
    uint32_t at;
    size_t same;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (is_behind(&known->forms[middle], text, len))
            high = middle;
        else
            low = middle + 1;
    }
    if (!low)
        return NULL;
    at = (uint32_t)(low - 1);
    same = common(&known->forms[at], text, len);
    while (at != NONE && known->forms[at].len > same)
        at = known->forms[at].up;
    return at == NONE ? NULL : &known->forms[at];
}

int known_find(const struct known *known, const char *text, size_t len, known_fn *fn, void *ctx,
               struct err *err)
{
    size_t i;

    if (!known->settled || !known->count || len < KNOWN_MIN)
        return 0;
    for (i = 0; i + KNOWN_MIN <= len; i++) {
        uint64_t hash = hash_of(text + i);
        const struct known_form *form;
        size_t from = i;
        size_t to;

        if (!(known->filter[hash / 64] >> hash % 64 & 1))
            continue;
        form = longest(known, text + i, len - i);
        if (!form)
            continue;
        to = i + form->len;
        if (form->before && from && layer_is_base64(text[from - 1]))
            from--;
        if (form->after && to < len && layer_is_base64(text[to]))
            to++;
        if (fn(ctx, from, to, form->rule, err) < 0)
            return -1;
    }
    return 0;
}
