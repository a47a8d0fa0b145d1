/* SPDX-License-Identifier: MIT */
#include "format/sniff.h"
#include "unit.h"

#include <string.h>

/* Bytes with their number, NUL included, and what is expected of them. */
struct sample {
    const char *bytes;
    size_t len;
    const char *ext;
};

#define SAMPLE(bytes, ext)                                                                     \
    {                                                                                          \
        bytes, sizeof(bytes) - 1, ext                                                          \
    }

static void test_magic(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("\x89PNG\r\n\x1a\n....", "png"),
        SAMPLE("\x1a\x45\xdf\xa3\x84\x42\x82\x84webm", "webm"),
        SAMPLE("\x1a\x45\xdf\xa3\x84\x42\x82\x84none", "mkv"),
        SAMPLE("....ftypisom", "mp4"),
        SAMPLE("PK\x03\x04", "zip"),
        SAMPLE("PK", ""),
        SAMPLE("<html>", ""),
        SAMPLE("", ""),
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        const struct sniff *is = sniff_find(samples[i].bytes, samples[i].len);

        assert_string_equal(is ? is->ext : "", samples[i].ext);
    }
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
    for (i = 0; i < sizeof(open_end) - 1; i++) /* truncated anywhere: no read beyond the end */
        (void)sniff_unfinished(memcpy((char[sizeof(open_end)]){ 0 }, open_end, i), i);
    assert_false(sniff_unfinished("\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff", 12));
    assert_false(sniff_unfinished("\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", 12));
}

static void test_guess(void **state)
{
    static const struct sample samples[] = {
        SAMPLE(" {\"a\": 1}", "json"), SAMPLE("\n<p>", "html"), SAMPLE("words", "txt"),
        SAMPLE("a\0b", "bin"),         SAMPLE("", "txt"),
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(samples) / sizeof(*samples); i++)
        assert_string_equal(sniff_guess(samples[i].bytes, samples[i].len), samples[i].ext);
}

static void test_types(void **state)
{
    (void)state;
    assert_true(sniff_type_is_har("har"));
    assert_false(sniff_type_is_har("hard"));
    assert_false(sniff_type_is_har(NULL));
    assert_true(sniff_type_is_answer("llm_response"));
    assert_true(sniff_type_is_answer("llm_response_parsed"));
    assert_false(sniff_type_is_answer("llm_request"));
    assert_false(sniff_type_is_answer("llm_respons"));
    assert_false(sniff_type_is_answer(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
