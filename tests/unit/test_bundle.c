/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "writer/plan.h"

static void test_all_wanted(void **state)
{
    struct bundle b = { .wanted = 40, .sized = 40, .rows = 40, .bytes = 4 << 20 };

    (void)state;
    assert_true(bundle_pays(&b, 4 << 20));
    assert_true(bundle_pays(&b, 0));
    b.sized = 0;
    b.bytes = 0;
    assert_true(bundle_pays(&b, 4 << 20));
    assert_true(bundle_pays(&b, 0));
}

static void test_few_wanted(void **state)
{
    struct bundle b = { .wanted = 2, .sized = 2, .rows = 40, .bytes = 1000 };

    (void)state;
    assert_false(bundle_pays(&b, 8 << 20)); /* 8 MiB for 1,000 bytes */
    assert_true(bundle_pays(&b, 64 << 10)); /* one small request for two */
    b.sized = 0;
    assert_false(
        bundle_pays(&b, 0)); /* no size is known, and a twentieth of the members is wanted */
}

static void test_one_is_never_a_zip(void **state)
{
    struct bundle b = { .wanted = 1, .sized = 1, .rows = 1, .bytes = 1 << 30 };

    (void)state;
    assert_false(bundle_pays(&b, 1000));
    b.wanted = 0;
    assert_false(bundle_pays(&b, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_wanted),
        cmocka_unit_test(test_few_wanted),
        cmocka_unit_test(test_one_is_never_a_zip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
