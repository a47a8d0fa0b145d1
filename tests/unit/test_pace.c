/* SPDX-License-Identifier: MIT */
#include "cli/pace.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)

/* Note 1 MiB per second, ten times a second, for `seconds`; returns the time. */
static uint64_t go_on(struct pace *pace, uint64_t now, uint64_t *bytes, unsigned seconds)
{
    unsigned i;

    for (i = 0; i < 10 * seconds; i++) {
        now += 100;
        *bytes += MIB / 10;
        pace_note(pace, now, *bytes);
    }
    return now;
}

static void test_rate(void **state)
{
    struct pace pace = { 0 };
    uint64_t bytes = 0;
    uint64_t now = 1000;

    (void)state;
    assert_true(pace_bps(&pace, now) == PACE_UNKNOWN);
    pace_note(&pace, now, 0);
    now = go_on(&pace, now, &bytes, 1);
    assert_true(pace_bps(&pace, now - 1) == PACE_UNKNOWN);
    now = go_on(&pace, now, &bytes, 3);
    assert_in_range(pace_bps(&pace, now), MIB * 98 / 100, MIB);
    now = go_on(&pace, now, &bytes, 3600);
    assert_in_range(pace_bps(&pace, now), MIB * 98 / 100, MIB);
}

/* The rate covers the last seconds only; earlier bytes do not count. */
static void test_last_seconds(void **state)
{
    struct pace pace = { 0 };
    uint64_t bytes = 0;
    uint64_t now = 0;
    uint64_t i;

    (void)state;
    now = go_on(&pace, now, &bytes, 600);
    for (i = 0; i < 30; i++) { /* three seconds without data */
        now += 100;
        pace_note(&pace, now, bytes);
    }
    assert_in_range(pace_bps(&pace, now), MIB * 2 / 5 * 9 / 10, MIB * 2 / 5 * 11 / 10);
    for (i = 0; i < 30; i++) {
        now += 100;
        pace_note(&pace, now, bytes);
    }
    assert_int_equal(pace_bps(&pace, now), 0);
    now = go_on(&pace, now, &bytes, 6);
    assert_in_range(pace_bps(&pace, now), MIB * 95 / 100, MIB * 105 / 100);
    now += 60000; /* no call for a minute, as in a suspended process */
    pace_note(&pace, now, bytes + MIB);
    assert_in_range(pace_bps(&pace, now), 1, MIB / 5);
}

static void test_something_else(void **state)
{
    struct pace pace = { 0 };
    uint64_t bytes = 0;
    uint64_t now = go_on(&pace, 0, &bytes, 10);

    (void)state;
    pace_note(&pace, now + 100, 0); /* the next volume */
    assert_true(pace_bps(&pace, now + 200) == PACE_UNKNOWN);
    bytes = 0;
    now = go_on(&pace, now + 100, &bytes, 2);
    assert_in_range(pace_bps(&pace, now), MIB * 95 / 100, MIB);
}

static void test_left(void **state)
{
    uint64_t ms = 7;

    (void)state;
    assert_false(pace_left(0, MIB, &ms));
    assert_false(pace_left(MIB, 0, &ms));
    assert_false(pace_left(MIB, PACE_UNKNOWN, &ms));
    assert_false(pace_left(UINT64_MAX, 1, &ms));
    assert_false(pace_left(MIB, 1, &ms)); /* twelve days: it stalls */
    assert_int_equal(ms, 7);
    assert_true(pace_left(10 * MIB, MIB, &ms));
    assert_int_equal(ms, 10000);
    assert_true(pace_left(1, MIB, &ms));
    assert_int_equal(ms, 100);
    assert_true(pace_left(10 * MIB + 1, MIB, &ms));
    assert_int_equal(ms, 10000); /* by a microsecond more */
    assert_true(pace_left(MIB + MIB / 4, MIB, &ms));
    assert_int_equal(ms, 1300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_last_seconds),
        cmocka_unit_test(test_something_else),
        cmocka_unit_test(test_left),
    };

    return RUN(tests);
}
