/* SPDX-License-Identifier: MIT */
#include "mask/known.h"

#include "base/buf.h"
#include "mask/layer.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct found {
    size_t count;
    size_t from;
    size_t to;
    unsigned rule;
};

static int on_found(void *ctx, size_t from, size_t to, unsigned rule, struct err *err)
{
    struct found *found = ctx;

    (void)err;
    found->count++;
    if (found->count == 1) {
        found->from = from;
        found->to = to;
        found->rule = rule;
    }
    return 0;
}

static struct known *make(const char *const *values, size_t count)
{
    struct known *known = known_new(NULL);
    size_t i;

    assert_non_null(known);
    for (i = 0; i < count; i++)
        assert_int_equal(known_add(known, values[i], strlen(values[i]), (unsigned)i, NULL), 0);
    known_settle(known);
    return known;
}

static struct found find(const struct known *known, const char *text)
{
    struct found found = { 0, 0, 0, 0 };

    assert_int_equal(known_find(known, text, strlen(text), on_found, &found, NULL), 0);
    return found;
}

static void test_plain(void **state)
{
    static const char *const values[] = { "secret-one", "secret-one-and-more", "short",
                                          "with blanks in it" };
    struct known *known = make(values, 4);
    struct found found = find(known, "x secret-one-and-more y");

    (void)state;
    assert_int_equal(found.from, 2);
    assert_int_equal(found.to, 21);
    assert_int_equal(found.rule, 1);
    found = find(known, "secret-one-and-mor");
    assert_int_equal(found.rule, 0);
    assert_int_equal(found.to, 10);
    assert_int_equal(find(known, "short").count, 0);
    assert_int_equal(find(known, "secret-on").count, 0);
    assert_int_equal(find(known, "with+blanks+in+it").count, 1);
    known_free(known);
}

/* Base64 at each alignment, with any neighbours. */
static void test_base64(void **state)
{
    static const char *const values[] = { "t\xc3\xbcr>>?key~~42" };
    struct known *known = make(values, 1);
    size_t shift;
    size_t tail;

    (void)state;
    for (shift = 0; shift < 6; shift++) {
        for (tail = 0; tail < 4; tail++) {
            char text[64];
            struct buf coded;
            size_t i;

            (void)snprintf(text, sizeof(text), "%.*s%s%.*s", (int)shift, "abcdef", values[0],
                           (int)tail, "xyz!");
            buf_init(&coded, 200);
            assert_int_equal(layer_put_base64(&coded, text, strlen(text), NULL), 0);
            assert_int_equal(find(known, buf_text(&coded)).count, 1);
            for (i = 0; i < coded.len; i++) /* the alphabet of URLs */
                coded.data[i] = coded.data[i] == '+'   ? '-'
                                : coded.data[i] == '/' ? '_'
                                                       : coded.data[i];
            assert_int_equal(find(known, buf_text(&coded)).count, 1);
            buf_clear(&coded);
        }
    }
    known_free(known);
}

static void test_spared(void **state)
{
    struct known *known = known_new(NULL);

    (void)state;
    assert_int_equal(known_spare(known, "tsk_123456", NULL), 0);
    assert_int_equal(known_add(known, "tsk_123456", 10, 0, NULL), 0);
    assert_int_equal(known_count(known), 0);
    known_settle(known);
    assert_int_equal(find(known, "tsk_123456").count, 0);
    known_free(known);
}

/* Values that begin with each other, and texts that begin like many values. */
static void test_many(void **state)
{
    struct known *known = known_new(NULL);
    char value[64];
    struct buf text;
    struct found found = { 0, 0, 0, 0 };
    size_t i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        (void)snprintf(value, sizeof(value), "aaaaaaaaaaaa%zu", i);
        assert_int_equal(known_add(known, value, strlen(value), 1, NULL), 0);
    }
    memset(value, 'a', sizeof(value));
    for (i = 8; i < sizeof(value); i++)
        assert_int_equal(known_add(known, value, i, 2, NULL), 0);
    known_settle(known);
    buf_init(&text, (size_t)2 << 20);
    while (text.len < (size_t)1 << 20)
        assert_int_equal(buf_adds(&text, "aaaaaaaab", NULL), 0);
    assert_int_equal(known_find(known, buf_text(&text), text.len, on_found, &found, NULL), 0);
    assert_int_equal(found.count, text.len / 9);
    found = find(known, "aaaaaaaaaaaa19999");
    assert_int_equal(found.rule, 1);
    assert_int_equal(found.to, 17);
    buf_clear(&text);
    known_free(known);
}

static void test_limits(void **state)
{
    struct known *known = known_new(NULL);
    struct err err = { .kind = ERR_NONE };
    char *value = test_calloc(KNOWN_MAX + 1, 1);
    size_t i;
    int rc = 0;

    (void)state;
    memset(value, 'x', KNOWN_MAX + 1);
    assert_int_equal(known_add(known, value, KNOWN_MAX + 1, 0, &err), 0);
    assert_int_equal(known_count(known), 0);
    for (i = 0; rc == 0 && i < 5000; i++) {
        (void)snprintf(value, 32, "%020zu", i);
        value[strlen(value)] = 'x';
        rc = known_add(known, value, KNOWN_MAX, 0, &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    known_free(known);
    test_free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),  cmocka_unit_test(test_base64),
        cmocka_unit_test(test_spared), cmocka_unit_test(test_many),
        cmocka_unit_test(test_limits),
    };

    return RUN(tests);
}
