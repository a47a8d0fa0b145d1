/* SPDX-License-Identifier: MIT */
#include "view/recording.h"

#include "base/clock.h"
#include "unit.h"

#include <string.h>

#define EBML "\x1A\x45\xDF\xA3\x84\x42\x82\x81w"
#define DATE "\x44\x61\x88\x0A\xFD\xD0\x2A\x4F\x16\x0A\x00" /* see test_webm */

static int64_t start(const char *bytes, size_t len)
{
    return recording_start(bytes, len);
}

#define START(text) start(text, sizeof(text) - 1)

static void test_webm(void **state)
{
    static const char date[] =
        EBML "\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF" /* unknown size */
             "\xEC\x82\x00\x00"                                 /* void */
             "\x15\x49\xA9\x66\x8F\x2A\xD7\xB1\x81\x01" DATE;
    size_t len;

    (void)state;
    /* 0x0AFDD02A4F160A00 ns after 2001-01-01T00:00:00Z */
    assert_int_equal(start(date, sizeof(date) - 1),
                     978307200000 + 0x0AFDD02A4F160A00 / 1000000);
    for (len = 0; len < sizeof(date) - 1; len++)
        assert_int_equal(start(date, len), CLOCK_NONE);
}

static void test_webm_without_a_date(void **state)
{
    (void)state;
    assert_int_equal(START(EBML), CLOCK_NONE);
    /* after the first cluster */
    assert_int_equal(START(EBML "\x18\x53\x80\x67\x9F\x1F\x43\xB6\x75\x80" DATE), CLOCK_NONE);
    /* in an element that is passed over */
    assert_int_equal(START(EBML "\x18\x53\x80\x67\x9F\xEC\x8B" DATE), CLOCK_NONE);
    /* an element whose size is beyond the end, an ID that is none, a date of another size */
    assert_int_equal(START(EBML "\xEC\x08\xFF\xFF\xFF\xFF" DATE), CLOCK_NONE);
    assert_int_equal(START(EBML "\x00" DATE), CLOCK_NONE);
    assert_int_equal(START(EBML "\x44\x61\x84\x0A\xFD\xD0\x2A"), CLOCK_NONE);
    /* before 1970, and 0 */
    assert_int_equal(START(EBML "\x44\x61\x88\x80\x00\x00\x00\x00\x00\x00\x00"), CLOCK_NONE);
    assert_int_equal(START(EBML "\x44\x61\x88\x00\x00\x00\x00\x00\x00\x00\x00"), 978307200000);
}

static void test_mp4(void **state)
{
    static const char narrow[] = "\0\0\0\x10"
                                 "ftypisom....\0\0\0\x20"
                                 "moov\0\0\0\x18"
                                 "mvhd\0\0\0\0\xE5\x91\x6F\x00....";
    static const char wide[] = "\0\0\0\x10"
                               "ftypisom....\0\0\0\1free\0\0\0\0\0\0\0\x12..\0\0\0\x30"
                               "moov\0\0\0\x28"
                               "mvhd\1\0\0\0\0\0\0\0\xE5\x91\x6F\x00........";
    size_t len;

    (void)state;
    assert_int_equal(START(narrow), (0xE5916F00LL - 2082844800) * 1000);
    assert_int_equal(START(wide), (0xE5916F00LL - 2082844800) * 1000);
    for (len = 0; len < 40; len++)
        assert_int_equal(start(narrow, len), CLOCK_NONE);
    /* no time; a time that no calendar has; a box shorter than its own head; media first */
    assert_int_equal(START("\0\0\0\x10"
                           "ftypisom....\0\0\0\x20"
                           "moov\0\0\0\x18"
                           "mvhd\0\0\0\0\0\0\0\0...."),
                     CLOCK_NONE);
    assert_int_equal(START("\0\0\0\x10"
                           "ftypisom....\0\0\0\x20"
                           "moov\0\0\0\x18"
                           "mvhd\1\0\0\0\xFF\0\0\0\0\0\0\0...."),
                     CLOCK_NONE);
    assert_int_equal(START("\0\0\0\x10"
                           "ftypisom....\0\0\0\7moovmvhd............"),
                     CLOCK_NONE);
    assert_int_equal(START("\0\0\0\x10"
                           "ftypisom....\xFF\xFF\xFF\xFFmdat............"),
                     CLOCK_NONE);
    assert_int_equal(START("\0\0\0\x10"
                           "ftypisom....\0\0\0\1free\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF...."),
                     CLOCK_NONE);
}

static void test_other_content(void **state)
{
    (void)state;
    assert_int_equal(START(""), CLOCK_NONE);
    assert_int_equal(START("<html>"), CLOCK_NONE);
    assert_int_equal(START("RIFF....WEBP"), CLOCK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webm),
        cmocka_unit_test(test_webm_without_a_date),
        cmocka_unit_test(test_mp4),
        cmocka_unit_test(test_other_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
