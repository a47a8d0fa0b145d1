/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/jsonw.h"
#include "unit.h"

#include <string.h>

static int check(const char *text)
{
    struct err err;

    return json_check(text, strlen(text), NULL, &err);
}

static void test_grammar(void **state)
{
    static const char *const good[] = { "{}",
                                        " [1, -2.5e+3, null, true, \"\\u00e9\"] ",
                                        "\"x\"",
                                        "0",
                                        "{\"a\":{\"b\":[]}}",
                                        "[\"\xc3\xa9\"]" };
    static const char *const bad[] = {
        "",     "{\"a\"}", "[1 2]",     "[tru]",         "[1,]",       "{\"a\":1,}",
        "01",   "1.",      "[\"\\x\"]", "[\"\n\"]",      "[\"\xff\"]", "[\"\xed\xa0\x80\"]",
        "[1]x", "{a:1}",   "'a'",       "[\"\\u12g4\"]", "nan",        "[",
        "\"",   "-"
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_int_equal(check(good[i]), 0);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(check(bad[i]), -1);
}

static void test_depth(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 4];
    struct err err;

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_check(text, (size_t)2 * JSON_DEPTH_MAX, NULL, &err), 0);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_check(text, (size_t)2 * JSON_DEPTH_MAX + 2, NULL, &err), -1);
}

static void test_values(void **state)
{
    static const char text[] =
        "{\"n\":9223372036854775807,\"big\":9223372036854775808,\"neg\":-1,"
        "\"s\":\"a\\n\\ud83d\\ude00\\ud800\\u0000\",\"l\":[1,[2,3],4],\"t\":true,"
        "\"n\":7}";
    struct json *doc = json_parse(text, strlen(text), NULL);
    struct region *region = region_new(NULL);
    struct json_value root;
    struct json_value v;
    uint64_t n = 0;
    char *s;
    bool b = false;

    (void)state;
    assert_non_null(doc);
    root = json_root(doc);
    assert_int_equal(json_count(root), 7);
    assert_true(json_u64(json_get(root, "n"), &n)); /* the last one counts */
    assert_int_equal(n, 7);
    assert_false(json_u64(json_get(root, "big"), &n));
    assert_false(json_u64(json_get(root, "neg"), &n));
    assert_true(json_bool(json_get(root, "t"), &b) && b);
    assert_int_equal(json_string(json_get(root, "s"), region, &s, NULL), 0);
    assert_string_equal(s, "a\n\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd");
    v = json_next(json_get(root, "l"), (struct json_value){ 0 });
    v = json_next(json_get(root, "l"), v);
    assert_int_equal(json_type(v), JSON_ARRAY);
    v = json_next(json_get(root, "l"), v);
    assert_true(json_u64(v, &n));
    assert_int_equal(n, 4);
    assert_int_equal(json_type(json_get(root, "none")), JSON_ABSENT);
    region_free(region);
    json_free(doc);
}

/* An escaped key equals the plain one; of two equal keys the last counts. */
static void test_escaped_keys(void **state)
{
    static const char text[] = "{\"path\": 1, \"p\\u0061th\": 2, \"\\/x\": 3, \"a\\nb\": 4}";
    struct json *doc = json_parse(text, sizeof(text) - 1, NULL);
    uint64_t n = 0;

    (void)state;
    assert_true(json_u64(json_get(json_root(doc), "path"), &n) && n == 2);
    assert_true(json_u64(json_get(json_root(doc), "/x"), &n) && n == 3);
    assert_true(json_u64(json_get(json_root(doc), "a\nb"), &n) && n == 4);
    assert_int_equal(json_type(json_get(json_root(doc), "p\\u0061th")), JSON_ABSENT);
    json_free(doc);
}

static void test_comparing(void **state)
{
    static const char text[] = "[\"cut\", \"p\\u0061th\", 7, \"\", [\"deep\"], null]";
    struct json *doc = json_parse(text, sizeof(text) - 1, NULL);
    struct json_value root = json_root(doc);
    struct json_value first = json_next(root, (struct json_value){ 0 });

    (void)state;
    assert_true(json_is(first, "cut"));
    assert_false(json_is(first, "cu"));
    assert_false(json_is(first, "cuts"));
    assert_false(json_is((struct json_value){ 0 }, ""));
    assert_false(json_is(root, "cut"));
    assert_true(json_has(root, "cut"));
    assert_true(json_has(root, "path"));
    assert_true(json_has(root, ""));
    assert_false(json_has(root, "7"));
    assert_false(json_has(root, "deep"));
    assert_false(json_has(root, "null"));
    assert_false(json_has(first, "cut"));
    assert_false(json_has((struct json_value){ 0 }, "cut"));
    json_free(doc);
}

static void test_writing(void **state)
{
    struct jsonw w;
    struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 10000);
    jsonw_init(&w, buf_put, &out);
    jsonw_object(&w, NULL, JSONW_LINES);
    jsonw_text(&w, "a", "q\"\\\n\x01\xff");
    jsonw_text(&w, "b", NULL);
    jsonw_array(&w, "c", JSONW_INLINE);
    jsonw_u64(&w, NULL, UINT64_MAX);
    jsonw_bool(&w, NULL, true);
    jsonw_close(&w);
    jsonw_object(&w, "d", JSONW_LINES);
    jsonw_close(&w);
    jsonw_close(&w);
    assert_int_equal(jsonw_end(&w, &err), 0);
    assert_string_equal(buf_text(&out),
                        "{\n  \"a\": \"q\\\"\\\\\\n\\u0001\xef\xbf\xbd\",\n  \"b\": null,\n"
                        "  \"c\": [18446744073709551615, true],\n  \"d\": {}\n}\n");
    assert_int_equal(json_check(out.data, out.len, NULL, &err), 0);
    buf_clear(&out);
}

/* Control characters are escaped, in our texts and in JSON of others. */
static void test_invisible_characters(void **state)
{
    const char *text = "\x1b[1m \x7f \xc2\x9b \xc2\xa0 \xe2\x80\xae \xe2\x81\xa6 \xef\xbb\xbf "
                       "\xf3\xa0\x81\xa1 \xc3\xa9 \xf0\x9f\x98\x80";
    const char *json = "{\t\"a\xc2\x9b\": \"\xe2\x80\xae\\u001b\xf3\xa0\x81\xa1\xc3\xa9\"\n}";
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(jsonw_quote(&out, text, strlen(text), NULL), 0);
    assert_string_equal(buf_text(&out),
                        "\"\\u001b[1m \\u007f \\u009b \xc2\xa0 \\u202e \\u2066 \\ufeff "
                        "\\udb40\\udc61 \xc3\xa9 \xf0\x9f\x98\x80\"");
    assert_int_equal(json_check(out.data, out.len, NULL, NULL), 0);
    buf_reset(&out);
    assert_int_equal(jsonw_copy(buf_put, &out, json, strlen(json), NULL), 0);
    assert_string_equal(buf_text(&out),
                        "{\t\"a\\u009b\": \"\\u202e\\u001b\\udb40\\udc61\xc3\xa9\"\n}");
    buf_clear(&out);
}

static void test_a_full_sink_is_told_once(void **state)
{
    struct jsonw w;
    struct buf out;
    struct err err;
    int i;

    (void)state;
    buf_init(&out, 5000);
    jsonw_init(&w, buf_put, &out);
    jsonw_array(&w, NULL, JSONW_LINES);
    for (i = 0; i < 5000; i++)
        jsonw_u64(&w, NULL, 1);
    jsonw_close(&w);
    assert_int_equal(jsonw_end(&w, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_escaped_keys),
        cmocka_unit_test(test_comparing),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_invisible_characters),
        cmocka_unit_test(test_a_full_sink_is_told_once),
    };

    return RUN(tests);
}
