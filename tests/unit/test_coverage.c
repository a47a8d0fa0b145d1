/* SPDX-License-Identifier: MIT */
#include "evidence/coverage.h"

#include "unit.h"

#include <string.h>

#define DAY ((int64_t)86400 * 1000) /* milliseconds */

/* A period of days of 1970, on day 100; the last good sync began on day `good`. */
static struct coverage of(int64_t since, int64_t until, int64_t from, int64_t good)
{
    struct coverage c = { .now_ms = 100 * DAY,
                          .from = from * DAY * 1000,
                          .good_ms = good * DAY };

    c.wanted.since = since < 0 ? DB_UNKNOWN : since * DAY * 1000;
    c.wanted.until = until < 0 ? DB_UNKNOWN : until * DAY * 1000;
    return c;
}

static void test_periods(void **state)
{
    static const struct {
        int64_t since, until, from, good;
        const char *says; /* NULL: covered */
    } cases[] = {
        { -1, -1, 0, 99, NULL },
        { 10, 20, 0, 99, NULL },
        { 10, 20, 10, 20, NULL },
        { 10, 200, 0, 99, NULL },               /* until after now: up to now */
        { -1, -1, 5, 99, "before 1970-01-06" }, /* sync --since */
        { 4, 20, 5, 99, "before 1970-01-06" },
        { 10, 20, 0, 15, "after 1970-01-16" },
        { 99, -1, 0, 50, "after 1970-02-20" },
        { 200, -1, 0, 99, "after" },
    };
    char text[COVERAGE_TEXT_MAX];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct coverage c = of(cases[i].since, cases[i].until, cases[i].from, cases[i].good);

        assert_int_equal(coverage_judge(&c, text), !cases[i].says);
        assert_true(cases[i].says ? strstr(text, cases[i].says) != NULL : !*text);
    }
}

static void test_failures(void **state)
{
    struct coverage c = of(-1, -1, 0, 99);
    char text[COVERAGE_TEXT_MAX];

    (void)state;
    c.failed = true;
    assert_false(coverage_judge(&c, text));
    c.wanted.until = 50 * DAY * 1000; /* what was read before it failed is enough */
    assert_true(coverage_judge(&c, text));
    c.from = DB_UNKNOWN;
    assert_false(coverage_judge(&c, text));
    assert_non_null(strstr(text, "never"));
    c = of(-1, -1, 0, 99);
    c.good_ms = DB_UNKNOWN;
    assert_false(coverage_judge(&c, text));
}

static void test_filters(void **state)
{
    (void)state;
    assert_true(coverage_is_everything("search=;workflow=;"));
    assert_true(coverage_is_everything(""));
    assert_false(coverage_is_everything("tag=x;search=;workflow=;"));
    assert_false(coverage_is_everything("search=;workflow=wpid_1;"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_filters),
    };

    return RUN(tests);
}
