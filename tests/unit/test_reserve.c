/* SPDX-License-Identifier: MIT */
#include "base/reserve.h"

#include "unit.h"

static void test_one_has_priority(void **state)
{
    struct reserve reserve;
    struct reserve_user user = { &reserve, 50, 0, 0 };

    (void)state;
    reserve_init(&reserve, 100);
    assert_false(reserve_lacked(&reserve));
    assert_true(reserve_borrow(&reserve, 60, 1));
    assert_false(reserve_borrow(&reserve, 41, 1));
    assert_true(reserve_borrow(&reserve, 40, 1));
    assert_int_equal(reserve_left(&reserve), 0);
    assert_true(reserve_affords(&user, 50, 1));
    assert_false(reserve_lacked(&reserve));
    assert_false(reserve_affords(&user, 51, 1));
    assert_true(reserve_lacked(&reserve));
    reserve_use(&user, 80); /* more than is left */
    assert_int_equal(reserve_left(&reserve), 0);
    reserve_return(&reserve, 40);
    assert_int_equal(reserve_left(&reserve), 10);
    assert_true(reserve_affords(&user, 10, 1));
    assert_false(reserve_affords(&user, 11, 1));
    reserve_use(&user, 60);
    assert_int_equal(reserve_left(&reserve), 30);
    reserve_return(&reserve, 60);
    reserve_use(&user, 0);
    assert_int_equal(reserve_left(&reserve), 100);
}

static void test_nothing_is_lent_while_memory_is_lacking(void **state)
{
    struct reserve reserve;

    (void)state;
    reserve_init(&reserve, 100);
    reserve_lack(&reserve, 1000);
    assert_false(reserve_borrow(&reserve, 1, 1000 + RESERVE_QUIET - 1));
    assert_true(reserve_lacked(&reserve));
    assert_false(reserve_lacked(&reserve)); /* it is told once */
    assert_true(reserve_borrow(&reserve, 1, 1000 + RESERVE_QUIET));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_has_priority),
        cmocka_unit_test(test_nothing_is_lent_while_memory_is_lacking),
    };

    return RUN(tests);
}
