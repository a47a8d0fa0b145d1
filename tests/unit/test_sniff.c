/* SPDX-License-Identifier: MIT */
#include "format/sniff.h"
#include "unit.h"

#include <string.h>

static const char *ext_of(const char *bytes, size_t len)
{
    const struct sniff *is = sniff_find(bytes, len);

    return is ? is->ext : "";
}

static void test_magic(void **state)
{
    (void)state;
    assert_string_equal(ext_of("\x89PNG\r\n\x1a\n....", 12), "png");
    assert_string_equal(ext_of("\x1a\x45\xdf\xa3\x84\x42\x82\x84webm", 12), "webm");
    assert_string_equal(ext_of("\x1a\x45\xdf\xa3\x84\x42\x82\x84none", 12), "mkv");
    assert_string_equal(ext_of("....ftypisom", 12), "mp4");
    assert_string_equal(ext_of("PK\x03\x04", 4), "zip");
    assert_string_equal(ext_of("PK", 2), "");
    assert_string_equal(ext_of("<html>", 6), "");
    assert_null(sniff_find("", 0));
}

static void test_unfinished(void **state)
{
    static const char open_end[] =
        "\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
    static const char short_open[] = "\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\xff....";
    static const char closed[] = "\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x01\0\0\0\0\0\0\x10";
    size_t i;

    (void)state;
    assert_true(sniff_unfinished(open_end, sizeof(open_end) - 1));
    assert_true(sniff_unfinished(short_open, sizeof(short_open) - 1));
    assert_false(sniff_unfinished(closed, sizeof(closed) - 1));
    for (i = 0; i < sizeof(open_end) - 1; i++) /* cut anywhere: nobody reads beyond */
        (void)sniff_unfinished(memcpy((char[sizeof(open_end)]){ 0 }, open_end, i), i);
    assert_false(sniff_unfinished("\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff", 12));
    assert_false(sniff_unfinished("\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", 12));
}

static void test_guess(void **state)
{
    (void)state;
    assert_string_equal(sniff_guess(" {\"a\": 1}", 9), "json");
    assert_string_equal(sniff_guess("\n<p>", 4), "html");
    assert_string_equal(sniff_guess("words", 5), "txt");
    assert_string_equal(sniff_guess("a\0b", 3), "bin");
    assert_string_equal(sniff_guess("", 0), "txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_guess),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
