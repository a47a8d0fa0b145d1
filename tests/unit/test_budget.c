/* SPDX-License-Identifier: MIT */
#include "fetch/budget.h"
#include "unit.h"

static struct budget choose(unsigned jobs, uint64_t rate, uint64_t descriptors)
{
    struct budget budget;

    assert_int_equal(budget_choose(&budget, jobs, rate, 0, descriptors, NULL), 0);
    assert_true(budget.files >= budget.jobs && budget.jobs >= 1);
    assert_true(BUDGET_RESERVED + 2 * (uint64_t)budget.jobs + budget.files <= descriptors);
    return budget;
}

static void test_descriptors(void **state)
{
    struct budget budget;
    struct err err;

    (void)state;
    assert_int_equal(choose(16, 0, 1024).jobs, 16);
    assert_int_equal(choose(256, 0, 1048576).jobs, 256);
    assert_int_equal(choose(256, 0, 1024).jobs, 256);
    assert_int_equal(choose(256, 0, 64).jobs, 12);
    assert_int_equal(choose(16, 0, BUDGET_RESERVED + 3).jobs, 1);
    assert_int_equal(budget_choose(&budget, 1, 0, 0, BUDGET_RESERVED + 2, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
}

/* With a rate limit, each connection is read every few seconds. */
static void test_rate(void **state)
{
    (void)state;
    assert_int_equal(choose(256, 10, 1024).jobs, 1);
    assert_int_equal(choose(256, 100 << 10, 1024).jobs, 3);
    assert_int_equal(choose(256, 1 << 20, 1024).jobs, 40);
    assert_int_equal(choose(16, 1 << 30, 1024).jobs, 16);
}

/* Parallel pulls share the processors. */
static void test_workers(void **state)
{
    struct budget budget;

    (void)state;
    assert_int_equal(choose(16, 0, 1024).workers, budget_workers());
    assert_int_equal(budget_choose(&budget, 16, 0, 64, 4096, NULL), 0);
    assert_int_equal(budget.workers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
