/* SPDX-License-Identifier: MIT */
#include "sync/plain_text.h"

#include "base/mem.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* Check what is read in `len` bytes, at most `most` of it. */
static void reads_bytes(const char *bytes, size_t len, bool json, size_t most,
                        const char *wanted)
{
    struct buf out;
    struct err err;

    buf_init(&out, most);
    assert_int_equal(plain_text(&out, bytes, len, json, &err), 0);
    assert_string_equal(buf_text(&out), wanted);
    buf_clear(&out);
}

#define READS(text, json, wanted) reads_bytes(text, sizeof(text) - 1, json, 1000, wanted)

static void test_plain(void **state)
{
    (void)state;
    READS("", false, "");
    READS("a {\"b\": 1}\n", true, "a {\"b\": 1}\n"); /* does not begin as JSON does */
    READS("{\"b\": 1}\n", false, "{\"b\": 1}\n");
    READS("a\0b\xFF\xC3", false, "a b\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_json(void **state)
{
    (void)state;
    READS(" {\"a\": \"x\\n\\\"y\\\"\", \"n\": [1.5, true, null], \"o\": {\"\": \"\"}}", true,
          "a: x\n\"y\"\nn: 1.5\ntrue\nnull\no: : \n");
    READS("[\"\\u8cb7\\u7269\", \"\\ud83d\\ude00\", \"\xE8\xB2\xB7\"]", true,
          "\xE8\xB2\xB7\xE7\x89\xA9\n\xF0\x9F\x98\x80\n\xE8\xB2\xB7\n");
    READS("{\"a\": 1}\n{\"b\": \"c\"}\n", true, "a: 1\nb: c\n"); /* a document in each line */
    READS("\"one\"", true, "one\n");
    READS("{\"a\": \"b\\u00", true, "a: b\n"); /* cut */
    READS("{\"a\": \"b\\", true, "a: b\n");
    READS("{\"a\": \"b", true, "a: b\n");
    READS("{\"a", true, "a\n");
    READS("{", true, "");
}

static void test_hostile_json(void **state)
{
    (void)state;
    READS("{\0\0\"a\0b\"\0:\0}\0", true, "a b\n");
    READS("[\"\\u0000\\udc00\\uzzzz\\q\\\0\"", true,
          "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDq \n");
    READS("[[[[[[}}}}}},,,,::::\"\\\"\"x\"", true, "\"\nx\n\n");
    READS("{\xFF\xFE\"\xFF\"", true, "\xEF\xBF\xBD\xEF\xBF\xBD\n\xEF\xBF\xBD\n");
}

static void test_images_are_left_out(void **state)
{
    char text[3000];
    char base64[1200] = "";

    (void)state;
    READS("{\"url\": \"data:image/png;base64,iVBORw0KGgo=\", \"b\": \"data: none\"}", true,
          "url: \nb: data: none\n");
    memset(base64, 'Q', sizeof(base64) - 1);
    (void)snprintf(text, sizeof(text), "{\"data\": \"%s\", \"b\": 1}", base64);
    reads_bytes(text, strlen(text), true, 5000, "data: \nb: 1\n");
    base64[500] = ' '; /* words */
    (void)snprintf(text, sizeof(text), "[\"%s\"]", base64);
    reads_bytes(text, strlen(text), true, 6, "QQQQQQ");
}

static void test_limit(void **state)
{
    char *many = mem_new(5 << 20, NULL);
    struct buf out;
    struct err err;

    (void)state;
    reads_bytes("ab\xC3\xA4", 4, false, 3, "ab"); /* no part of a character */
    reads_bytes("ab\xC3\xA4", 4, false, 4, "ab\xC3\xA4");
    reads_bytes("[\"\\u00e4\\u00e4\", \"b\"]", 20, true, 3, "\xC3\xA4");
    reads_bytes("[\"a\", \"b\"]", 10, true, 0, "");
    assert_non_null(many);
    memset(many, 'm', 5 << 20);
    buf_init(&out, 256 << 10);
    assert_int_equal(plain_text(&out, many, 5 << 20, true, &err), 0);
    assert_int_equal(out.len, 256 << 10);
    many[0] = '[';
    many[1] = '"';
    many[9] = ' ';
    buf_reset(&out);
    assert_int_equal(plain_text(&out, many, 5 << 20, true, &err), 0);
    assert_int_equal(out.len, 256 << 10);
    buf_clear(&out);
    mem_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_json),
        cmocka_unit_test(test_hostile_json), cmocka_unit_test(test_images_are_left_out),
        cmocka_unit_test(test_limit),
    };

    return RUN(tests);
}
