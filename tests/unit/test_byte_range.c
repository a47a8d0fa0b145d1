/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "viewer/byte_range.h"

static void expect(const char *header, uint64_t size, enum byte_range_verdict verdict,
                   uint64_t from, uint64_t len)
{
    struct byte_range out;

    assert_int_equal(byte_range_parse(&out, header, size), verdict);
    assert_int_equal(out.from, from);
    assert_int_equal(out.len, len);
}

static void test_parts(void **state)
{
    (void)state;
    expect("bytes=0-", 100, BYTE_RANGE_PART, 0, 100);
    expect("bytes=0-0", 100, BYTE_RANGE_PART, 0, 1);
    expect("bytes=10-19", 100, BYTE_RANGE_PART, 10, 10);
    expect("bytes=99-", 100, BYTE_RANGE_PART, 99, 1);
    expect("bytes=90-200", 100, BYTE_RANGE_PART, 90, 10);
    expect("bytes=-1", 100, BYTE_RANGE_PART, 99, 1);
    expect("bytes=-100", 100, BYTE_RANGE_PART, 0, 100);
    expect("bytes=-500", 100, BYTE_RANGE_PART, 0, 100);
    expect("bytes=5-99999999999999999999999", 100, BYTE_RANGE_PART, 5, 95);
    expect("bytes=0-18446744073709551615", UINT64_MAX, BYTE_RANGE_PART, 0, UINT64_MAX);
}

static void test_beyond(void **state)
{
    (void)state;
    expect("bytes=100-", 100, BYTE_RANGE_BEYOND, 0, 0);
    expect("bytes=100-200", 100, BYTE_RANGE_BEYOND, 0, 0);
    expect("bytes=99999999999999999999999-", 100, BYTE_RANGE_BEYOND, 0, 0);
    expect("bytes=-0", 100, BYTE_RANGE_BEYOND, 0, 0);
    expect("bytes=0-", 0, BYTE_RANGE_BEYOND, 0, 0);
    expect("bytes=-5", 0, BYTE_RANGE_BEYOND, 0, 0);
}

/* What cannot be parsed is ignored, and so are several ranges: RFC 9110, 14.2. */
static void test_the_whole_file(void **state)
{
    static const char *const headers[] = {
        NULL,         "",          "bytes",     "bytes=",        "bytes=-",    "bytes=a-b",
        "bytes=1-2x", "bytes=5-4", "lines=1-2", "bytes=0-1,5-6", "bytes= 1-2", "bytes=1"
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        expect(headers[i], 100, BYTE_RANGE_WHOLE, 0, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_the_whole_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
