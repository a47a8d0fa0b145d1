/* SPDX-License-Identifier: MIT */
#include "net/loop.h"
#include "unit.h"

/* Buffers may be given back, and wake a loop, after its engine is gone. */
static void test_nobody_is_woken_after_the_end(void **state)
{
    struct engine_opts opts = { .jobs = 1 };
    struct loop_hooks hooks = { stop_never(), loop_no_tick, NULL };
    struct loop loop;

    (void)state;
    assert_int_equal(loop_init(&loop, &opts, &hooks, NULL), 0);
    loop_clear(&loop);
    loop_wake(&loop);
    assert_false(loop_woken(&loop));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nobody_is_woken_after_the_end) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
