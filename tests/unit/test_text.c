/* SPDX-License-Identifier: MIT */
#include "api/secret.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "unit.h"

#include <locale.h>
#include <string.h>

static void test_shown(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(text_shown(out, sizeof(out), "plain caf\xc3\xa9"), "plain caf\xc3\xa9");
    assert_string_equal(text_shown(out, sizeof(out), "\x1b[31m\n"), "\\x1b[31m\\x0a");
    assert_string_equal(text_shown(out, sizeof(out), "\xff"), "\\xff");
    assert_null(strstr(text_shown(out, sizeof(out), "a\xe2\x80\xae b"), "\xe2\x80\xae"));
    assert_true(strlen(text_shown(out, 16, "a long text that does not fit")) < 16);
}

static void test_numbers(void **state)
{
    char out[TEXT_SIZE_MAX];
    uint64_t n;

    (void)state;
    assert_string_equal(text_size(out, 1023), "1023 B");
    assert_string_equal(text_size(out, 1536), "1.5 KiB");
    assert_string_equal(text_duration(out, 0), "0ms");
    assert_string_equal(text_duration(out, 99), "99ms");
    assert_string_equal(text_duration(out, 100), "0.1s");
    assert_string_equal(text_duration(out, 999), "0.9s");
    assert_string_equal(text_duration(out, 187000), "3m07s");
    assert_string_equal(text_duration(out, 3720000), "1h02m");
    assert_int_equal(text_parse_size("16g", &n, NULL), 0);
    assert_int_equal(n, UINT64_C(16) << 30);
    assert_int_equal(text_parse_size("20MiB", &n, NULL), 0);
    assert_int_equal(n, 20 << 20);
    assert_int_equal(text_parse_size("99999999999g", &n, NULL), -1);
    assert_int_equal(text_parse_size("-1", &n, NULL), -1);
    assert_int_equal(text_parse_duration("90", &n, NULL), 0);
    assert_int_equal(n, 90000);
    assert_int_equal(text_parse_duration("250ms", &n, NULL), 0);
    assert_int_equal(n, 250);
    assert_int_equal(text_parse_duration("2d", &n, NULL), 0);
    assert_int_equal(n, 172800000);
    assert_int_equal(text_u64("18446744073709551616", UINT64_MAX, &n, NULL), -1);
    assert_int_equal(text_distance("retires", "retries"), 1);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("josb", "jobs"), 1);
    assert_int_equal(text_distance("", "abc"), 3);
}

static void test_widths(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("caf\xc3\xa9"), 4);
    assert_int_equal(text_width("cafe\xcc\x81"), 4);             /* a combining accent */
    assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two wide characters */
    assert_int_equal(text_width("\xff\xff"), 2);
}

static void test_shorten(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(text_shorten(out, "short", 5), "short");
    assert_string_equal(text_shorten(out, "data/tsk_1/har/x.har", 11),
                        "data/\xe2\x80\xa6x.har");
    assert_string_equal(text_shorten(out, "abcdef", 4), "ab\xe2\x80\xa6"
                                                        "f");
    assert_string_equal(text_shorten(out, "abcdef", 1), "\xe2\x80\xa6");
    assert_string_equal(text_shorten(out, "abcdef", 2), "a\xe2\x80\xa6");
    assert_string_equal(text_shorten(out, "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", 4),
                        "\xe6\x97\xa5\xe2\x80\xa6"); /* a wide character would be split */
    assert_int_equal(text_width(out), 3);
}

static void test_ago(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } ages[] = {
        { 0, "0s ago" },           { 59, "59s ago" },
        { 60, "1m ago" },          { 3599, "59m ago" },
        { 3600, "1h ago" },        { 47 * 3600 + 3599, "47h ago" },
        { 48 * 3600, "2d ago" },   { 59 * 86400, "59d ago" },
        { 60 * 86400, "2mo ago" }, { 729 * 86400, "24mo ago" },
        { 730 * 86400, "2y ago" },
    };
    char out[TEXT_SIZE_MAX];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
        assert_string_equal(text_ago(out, ages[i].seconds), ages[i].text);
}

static void test_nearest(void **state)
{
    struct text_nearest nearest = text_nearest("verfy");

    (void)state;
    text_nearer(&nearest, "wait");
    assert_null(nearest.best);
    text_nearer(&nearest, "very"); /* at distance 1 */
    text_nearer(&nearest, "verify");
    assert_string_equal(nearest.best, "very"); /* of equally near words the first */
    text_nearer(&nearest, "verfy");
    assert_string_equal(nearest.best, "verfy");
    assert_int_equal(nearest.limit, 0);
    text_nearer(&nearest, "verfy2");
    assert_string_equal(nearest.best, "verfy");
    nearest = text_nearest("nope"); /* up to a third of its length: 1 */
    text_nearer(&nearest, "type");
    assert_null(nearest.best);
    text_nearer(&nearest, "none");
    assert_string_equal(nearest.best, "none");
    nearest = text_nearest("fialed");
    text_nearer(&nearest, "failed");
    assert_string_equal(nearest.best, "failed");
    nearest = text_nearest("ls");
    text_nearer(&nearest, "l");
    assert_null(nearest.best);
}

/* A buffer of secrets grows without a loss, and is wiped when it is reset. */
static void test_secret_buffer(void **state)
{
    struct buf b;
    struct err err = { 0 };
    size_t i;
    size_t cap;

    (void)state;
    buf_init_secret(&b, 1000);
    for (i = 0; i < 100; i++)
        assert_int_equal(buf_adds(&b, "geheim-", &err), 0);
    assert_int_equal(b.len, 700);
    for (i = 0; i < 100; i++)
        assert_memory_equal(b.data + 7 * i, "geheim-", 7);
    cap = b.cap;
    buf_reset(&b);
    for (i = 0; i < cap; i++)
        assert_int_equal(b.data[i], 0);
    buf_clear(&b);
    assert_null(b.data);
    assert_true(b.secret);
    buf_clear(&b);
}

static void test_limits(void **state)
{
    struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 8);
    assert_int_equal(buf_adds(&b, "12345678", &err), 0);
    assert_int_equal(buf_adds(&b, "9", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(buf_text(&b), "12345678");
    buf_clear(&b);
    mem_fail_at(1, 0);
    assert_int_equal(buf_adds(&b, "1", &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(buf_adds(&b, "1", &err), 0);
    buf_clear(&b);
}

static void test_secrets(void **state)
{
    struct secret *secret = secret_new(" \tkey-1\r\n", 9, NULL);

    (void)state;
    assert_string_equal(secret_peek(secret), "key-1");
    secret_free(secret);
    assert_null(secret_new("a\nb", 3, NULL)); /* would add a header */
    assert_null(secret_new(" ", 1, NULL));
    assert_null(secret_new("caf\xc3\xa9", 5, NULL));
}

static void test_plural(void **state)
{
    (void)state;
    assert_string_equal(text_plural(0), "s");
    assert_string_equal(text_plural(1), "");
    assert_string_equal(text_plural(2), "s");
    assert_string_equal(text_plural(UINT64_MAX), "s");
}

static void test_cut(void **state)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; /* 1 2 3 4 bytes */
    static const size_t cuts[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
    static const char other[] = "\x80\x80\x80\x80\x80\x80\xff\xff";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cuts) / sizeof(*cuts); i++)
        assert_int_equal(text_cut(text, sizeof(text) - 1, i), cuts[i]);
    for (i = 0; i < sizeof(other); i++) /* no UTF-8 */
        assert_int_equal(text_cut(other, sizeof(other) - 1, i), i);
    assert_int_equal(text_cut("", 0, 0), 0);
    assert_int_equal(text_cut(text, 2, 2), 2); /* as long as it was */
}

static void test_little_endian(void **state)
{
    struct buf b;
    unsigned char at[9] = { 0 };
    struct err err;

    (void)state;
    buf_put_le(at, UINT64_C(0x1122334455667788), 3);
    assert_memory_equal(at, "\x88\x77\x66\0", 4);
    assert_int_equal(buf_get_le(at, 2), 0x7788);
    buf_put_le(at, UINT64_MAX - 1, 8);
    assert_int_equal(at[8], 0);
    assert_true(buf_get_le(at, 8) == UINT64_MAX - 1);
    buf_init(&b, 5);
    assert_int_equal(buf_add_le(&b, 0xfedc, 4, &err), 0);
    assert_memory_equal(b.data, "\xdc\xfe\0\0", 4);
    assert_int_equal(buf_add_le(&b, 1, 2, &err), -1);
    assert_int_equal(b.len, 4);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_endian), cmocka_unit_test(test_secret_buffer),
        cmocka_unit_test(test_plural),        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_widths),
        cmocka_unit_test(test_shorten),       cmocka_unit_test(test_ago),
        cmocka_unit_test(test_nearest),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_secrets),       cmocka_unit_test(test_cut),
    };

    return RUN(tests);
}
