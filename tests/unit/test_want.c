/* SPDX-License-Identifier: MIT */
#include "pull/want.h"
#include "unit.h"

static void test_what_dies_first(void **state)
{
    struct item items[100] = { 0 };
    struct want all[100] = { 0 };
    struct wants *wants = wants_new(100, NULL);
    const struct want *last = NULL;
    const struct want *want;
    size_t i;

    (void)state;
    for (i = 0; i < 100; i++) {
        items[i].index = i;
        all[i].item = &items[i];
        all[i].dies = (int64_t)(i * 37 % 10);
        wants_ready(wants, &all[i]);
    }
    for (i = 0; i < 100; i++) {
        want = wants_take(wants);
        assert_non_null(want);
        if (last && last->dies == want->dies)
            assert_true(last->item->index < want->item->index);
        else if (last)
            assert_true(last->dies < want->dies);
        last = want;
    }
    assert_null(wants_take(wants));
    wants_free(wants);
}

static void test_delays(void **state)
{
    struct item items[3] = { { .index = 0 }, { .index = 1 }, { .index = 2 } };
    struct want all[3] = { { .item = &items[0] },
                           { .item = &items[1] },
                           { .item = &items[2] } };
    struct wants *wants = wants_new(3, NULL);

    (void)state;
    assert_int_equal(wants_due(wants, 5), UINT64_MAX);
    wants_delay(wants, &all[0], 30);
    wants_delay(wants, &all[1], 10);
    wants_delay(wants, &all[2], 20);
    assert_int_equal(wants_due(wants, 5), 10);
    assert_null(wants_take(wants));
    assert_int_equal(wants_due(wants, 20), 30);
    assert_ptr_equal(wants_take(wants), &all[1]);
    assert_ptr_equal(wants_take(wants), &all[2]);
    assert_null(wants_take(wants));
    wants_free(wants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_dies_first),
        cmocka_unit_test(test_delays),
    };

    return RUN(tests);
}
