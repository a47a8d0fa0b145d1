/* SPDX-License-Identifier: MIT */
#include "mask/layer.h"
#include "unit.h"

#include <string.h>

static void test_escapes(void **state)
{
    static const char *const samples[][2] = {
        { "a\\u0040b", "a@b" },
        { "a\\x40b", "a@b" },
        { "a&#64;b&#x40;c&commat;d&amp;e", "a@b@c@d&e" },
        { "a%40b%C3%A9", "a@b\xc3\xa9" },
        { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
        { "\\\"\\\\\\/\\n\\t", "\"\\/\n\t" },
        { "%25%34%30", "%40" },
        { "\\ud83d!", "\xef\xbf\xbd!" },
    };
    struct layer layer = { .count = 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        assert_int_equal(
            layer_decode(&layer, samples[i][0], strlen(samples[i][0]), LAYER_ALL, NULL), 1);
        assert_string_equal(buf_text(&layer.plain), samples[i][1]);
    }
    layer_clear(&layer);
    layer_clear(&layer);
}

/* What is no escape, or is cut off, stays. */
static void test_none(void **state)
{
    static const char *const samples[] = { "",       "a",     "\\",      "\\u",         "\\u12",
                                           "\\q",    "%",     "%4",      "%zz",         "&",
                                           "&amp",   "&#;",   "&#x;",    "&none;",      "&#64",
                                           "&#xzz;", "\\xg1", "\\u00g0", "a & b; 5 % 4" };
    struct layer layer = { .count = 0 };
    size_t i;
    size_t cut;

    (void)state;
    for (i = 0; i < sizeof(samples) / sizeof(*samples); i++)
        assert_int_equal(layer_decode(&layer, samples[i], strlen(samples[i]), LAYER_ALL, NULL),
                         0);
    for (cut = 0; cut < 6; cut++) /* an escape that is split at the end of the buffer */
        assert_int_equal(layer_decode(&layer, "\\u0040", cut, LAYER_ALL, NULL), 0);
    layer_clear(&layer);
}

static void test_places(void **state)
{
    static const char text[] = "ab%40cd\\u0040&#64;e";
    struct layer layer = { .count = 0 };

    (void)state;
    assert_int_equal(layer_decode(&layer, text, sizeof(text) - 1, LAYER_ALL, NULL), 1);
    assert_string_equal(buf_text(&layer.plain), "ab@cd@@e");
    assert_int_equal(layer_from(&layer, 0), 0);
    assert_int_equal(layer_from(&layer, 2), 2);
    assert_int_equal(layer_to(&layer, 3), 5);
    assert_int_equal(layer_from(&layer, 3), 5);
    assert_int_equal(layer_from(&layer, 5), 7);
    assert_int_equal(layer_to(&layer, 6), 13);
    assert_int_equal(layer_from(&layer, 6), 13);
    assert_int_equal(layer_to(&layer, 8), sizeof(text) - 1);
    layer_clear(&layer);
}

static void test_base64(void **state)
{
    static const char text[] = "see eHktbWFpbCB0byBib2JAZXhhbXBsZS5vcmc= and "
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    struct layer layer = { .count = 0 };
    struct buf coded;
    size_t at = 0;
    size_t i;

    (void)state;
    assert_int_equal(layer_base64(&layer, text, sizeof(text) - 1, &at, NULL), 1);
    assert_string_equal(buf_text(&layer.plain), "xy-mail to bob@example.org");
    assert_int_equal(layer_from(&layer, 3), 8);
    assert_int_equal(layer_to(&layer, 3), 8);
    assert_int_equal(layer_base64(&layer, text, sizeof(text) - 1, &at, NULL), 0);
    layer_clear(&layer);
    for (i = 0; i < 20; i++) {
        struct buf plain;

        buf_init(&coded, 100);
        buf_init(&plain, 100);
        assert_int_equal(layer_put_base64(&coded, text, i, NULL), 0);
        assert_true(layer_unbase64(&plain, buf_text(&coded), coded.len, NULL) >= 0);
        assert_int_equal(plain.len, i);
        assert_memory_equal(buf_text(&plain), text, i);
        buf_clear(&plain);
        buf_clear(&coded);
    }
}

static void test_texty(void **state)
{
    (void)state;
    assert_true(layer_is_text("gr\xc3\xbc\xc3\x9f\n\t", 8));
    assert_true(layer_is_text("cut \xc3", 5));
    assert_false(layer_is_text("a\0b", 3));
    assert_false(layer_is_text("a\xff\xff\xff\xff", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes), cmocka_unit_test(test_none),
        cmocka_unit_test(test_places),  cmocka_unit_test(test_base64),
        cmocka_unit_test(test_texty),
    };

    return RUN(tests);
}
