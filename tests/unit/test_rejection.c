/* SPDX-License-Identifier: MIT */
#include "limit/rejection.h"

#include "unit.h"

static struct rejection rejection;
static struct level level;

static int set_up(void **state)
{
    (void)state;
    rejection_init(&rejection);
    level_init(&level, 256);
    return 0;
}

/* Recover from a decrease to the cap at once. */
static void recover(void)
{
    while (rejection_recover(&rejection, &level))
        ;
}

static void test_a_rejection_halves_the_limit_once(void **state)
{
    (void)state;
    assert_true(rejection_add(&rejection, &level, LIMIT_THROTTLED, 16, 900, 1000));
    assert_int_equal(level.now, 8);
    assert_int_equal(level.cap, 15);
    assert_false(rejection_add(&rejection, &level, LIMIT_THROTTLED, 15, 1000, 1001));
    assert_int_equal(level.now, 8);
    assert_true(rejection_add(&rejection, &level, LIMIT_THROTTLED, 8, 1001, 1002));
    assert_int_equal(level.now, 4);
}

static void test_breaks_count_only_if_many(void **state)
{
    unsigned breaks = 0;
    unsigned i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        if (i % 40 == 0)
            assert_false(rejection_add(&rejection, &level, LIMIT_BROKEN, 16, i, i + 1));
        else
            rejection_success(&rejection);
    }
    assert_int_equal(level.now, 16);
    while (!rejection_add(&rejection, &level, LIMIT_BROKEN, 16, 2000, 2001))
        breaks++;
    assert_in_range(breaks, 1, 3);
    assert_int_equal(level.now, 11);
    assert_int_equal(level.cap, 0);
    recover();
    assert_int_equal(level.now, 16);
}

static void test_the_limit_stays_below_what_was_rejected(void **state)
{
    static const uint64_t waits[] = { 2000, 6000, 18000, 54000 };
    uint64_t now = 1000;
    unsigned i;

    (void)state;
    assert_true(rejection_add(&rejection, &level, LIMIT_THROTTLED, 11, now, now));
    for (i = 0; i < 4; i++) {
        recover();
        assert_int_equal(level.now, 10);
        assert_false(rejection_probe(&rejection, &level, now + waits[i] - 1));
        now += waits[i];
        assert_true(rejection_probe(&rejection, &level, now));
        assert_int_equal(level.now, 11);
        assert_true(rejection_add(&rejection, &level, LIMIT_THROTTLED, 11, now + 1, now + 1));
        now++;
    }
}

static void test_probes_grow(void **state)
{
    static const unsigned to[] = { 4, 6, 10, 16 };
    unsigned i;

    (void)state;
    level_init(&level, 16);
    assert_true(rejection_add(&rejection, &level, LIMIT_THROTTLED, 4, 1000, 1000));
    recover();
    assert_int_equal(level.now, 3);
    for (i = 0; i < 4; i++) {
        assert_true(rejection_probe(&rejection, &level, 3000));
        assert_int_equal(level.now, to[i]);
    }
    assert_false(rejection_probe(&rejection, &level, 3000));
    assert_int_equal(level.cap, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_rejection_halves_the_limit_once, set_up),
        cmocka_unit_test_setup(test_breaks_count_only_if_many, set_up),
        cmocka_unit_test_setup(test_the_limit_stays_below_what_was_rejected, set_up),
        cmocka_unit_test_setup(test_probes_grow, set_up),
    };

    return RUN(tests);
}
