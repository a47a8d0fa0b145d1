/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "unit.h"

static void test_reading(void **state)
{
    (void)state;
    assert_int_equal(clock_us("2026-01-20T11:52:29.276851"), INT64_C(1768909949276851));
    assert_int_equal(clock_us("2026-01-20T11:52:29Z"), INT64_C(1768909949000000));
    assert_int_equal(clock_us("2026-01-20T13:52:29.5+02:00"), INT64_C(1768909949500000));
    assert_int_equal(clock_us("20260120T115229Z"), INT64_C(1768909949000000));
    assert_int_equal(clock_us("2026-01-20T11:52"), INT64_C(1768909920000000));
    assert_int_equal(clock_us("2026-01-20"), INT64_C(1768867200000000));
    assert_int_equal(clock_us("1970-01-01T00:00:00"), 0);
    assert_int_equal(clock_us("2024-02-29T00:00:00Z"), INT64_C(1709164800000000));
}

static void test_refusing(void **state)
{
    static const char *const bad[] = { "",
                                       "yesterday",
                                       "2026-13-01T00:00:00",
                                       "2026-02-30T00:00:00",
                                       "2026-01",
                                       "2025-02-29",
                                       "2026-01-20T25:00:00",
                                       "2026-01-20T11:52:29x",
                                       "2026-01-20T11",
                                       "-026-01-20T11:52:29" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(clock_us(bad[i]), CLOCK_NONE);
    assert_int_equal(clock_us(NULL), CLOCK_NONE);
}

static void test_writing(void **state)
{
    char out[CLOCK_TEXT_MAX];

    (void)state;
    assert_string_equal(clock_format(out, INT64_C(1768909949276), CLOCK_RFC3339),
                        "2026-01-20T11:52:29Z");
    assert_string_equal(clock_format(out, INT64_C(1768909949276), CLOCK_COMPACT),
                        "20260120T115229Z");
    assert_string_equal(clock_format(out, INT64_C(1768909949276), CLOCK_DATE), "2026-01-20");
    assert_string_equal(clock_format(out, INT64_C(1768909949276851), CLOCK_MICROS),
                        "20260120T115229.276851Z");
    assert_string_equal(clock_format(out, -1, CLOCK_MICROS), "19691231T235959.999999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refusing),
        cmocka_unit_test(test_writing),
    };

    return RUN(tests);
}
