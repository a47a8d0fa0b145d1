/* SPDX-License-Identifier: MIT */
#include "limit/backoff.h"
#include "limit/rate.h"
#include "unit.h"

static void test_ceilings_double(void **state)
{
    struct backoff b = { .retries = 20, .deadline = UINT64_MAX };

    (void)state;
    assert_int_equal(backoff_next(&b, 1000, BACKOFF_UNSAID, UINT32_MAX), 1000 + BACKOFF_BASE);
    assert_int_equal(backoff_next(&b, 1000, BACKOFF_UNSAID, UINT32_MAX),
                     1000 + 2 * BACKOFF_BASE);
    assert_int_equal(backoff_next(&b, 1000, BACKOFF_UNSAID, 0), 1000);
    while (b.failures < 20)
        assert_true(backoff_next(&b, 0, BACKOFF_UNSAID, UINT32_MAX) <= BACKOFF_MAX);
    assert_int_equal(backoff_next(&b, 0, BACKOFF_UNSAID, 0), BACKOFF_NEVER);
}

static void test_the_server_is_heard(void **state)
{
    struct backoff b = { .retries = 5, .deadline = 10000 };

    (void)state;
    assert_true(backoff_next(&b, 1000, 3000, 0) >= 4000);
    assert_int_equal(backoff_next(&b, 1000, 9500, 0), BACKOFF_NEVER); /* after the deadline */
    assert_int_equal(backoff_next(&b, 1000, BACKOFF_PATIENCE + 1, 0), BACKOFF_NEVER);
}

static void test_a_server_that_is_away(void **state)
{
    struct backoff b = { .retries = 2, .deadline = UINT64_MAX };
    unsigned i;

    (void)state;
    for (i = 0; i < 50; i++) {
        backoff_reached(&b, 1000 + i, false, 60000);
        assert_int_not_equal(backoff_next(&b, 1000 + i, BACKOFF_UNSAID, 0), BACKOFF_NEVER);
    }
    backoff_reached(&b, 61000, false, 60000);
    assert_int_equal(backoff_next(&b, 61000, BACKOFF_UNSAID, 0), BACKOFF_NEVER);
    backoff_reached(&b, 62000, true, 60000); /* it is back: its retries count anew */
    assert_int_equal(backoff_next(&b, 62000, BACKOFF_UNSAID, 0), 62000);
    backoff_reached(&b, 62000, true, 60000);
    assert_int_equal(backoff_next(&b, 62000, BACKOFF_UNSAID, 0), 62000);
    backoff_reached(&b, 62000, true, 60000);
    assert_int_equal(backoff_next(&b, 62000, BACKOFF_UNSAID, 0), BACKOFF_NEVER);
}

static void test_asking(void **state)
{
    (void)state;
    assert_int_equal(backoff_asked("2", 1000, 0), 2000);
    assert_int_equal(backoff_asked("2.7", 1000, 0), 2000);
    assert_int_equal(backoff_asked("350", 1, 0), 350);
    assert_int_equal(
        backoff_asked("Tue, 20 Jan 2026 11:52:29 GMT", 1000, INT64_C(1768909947000)), 2000);
    assert_int_equal(
        backoff_asked("Tue, 20 Jan 2026 11:52:29 GMT", 1000, INT64_C(1768909957000)), 0);
    assert_int_equal(backoff_asked("soon", 1000, 0), BACKOFF_UNSAID);
    assert_int_equal(backoff_asked("", 1000, 0), BACKOFF_UNSAID);
    assert_int_equal(backoff_asked("-5", 1000, 0), BACKOFF_UNSAID);
    assert_true(backoff_asked("99999999999999999999", 1000, 0) >= BACKOFF_PATIENCE);
}

static void test_rate(void **state)
{
    struct rate rate;
    uint64_t passed = 0;
    uint64_t now;

    (void)state;
    rate_init(&rate, 1000000, 0);
    for (now = 0; now < 10000; now++) {
        while (rate_take(&rate, now, 16384))
            passed += 16384;
    }
    assert_in_range(passed, 9900000, 10300000);
    assert_true(rate_wait(&rate, now - 1) > 0);
    rate_init(&rate, 0, 0);
    assert_true(rate_take(&rate, 0, SIZE_MAX));
    assert_int_equal(rate_wait(&rate, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceilings_double),
        cmocka_unit_test(test_the_server_is_heard),
        cmocka_unit_test(test_a_server_that_is_away),
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_rate),
    };

    return RUN(tests);
}
