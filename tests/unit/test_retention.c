/* SPDX-License-Identifier: MIT */
#include "catalog/retention.h"

#include "base/clock.h"
#include "unit.h"

#include <string.h>

#define DAY ((int64_t)86400 * 1000000)

static int64_t at(const char *text)
{
    return clock_us(text);
}

/* Apply a policy to runs that ended at these times; returns the letters of the kept runs. */
static const char *decide(const struct retention_rules *rules, const char *const *times,
                          size_t count, const char *now)
{
    static char out[32];
    static char names[26][2];
    struct retention_run runs[26] = { 0 };
    size_t used = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        names[i][0] = (char)('a' + (int)i);
        runs[i].run_id = names[i];
        runs[i].status = i % 2 ? "failed" : "completed";
        runs[i].ended = at(times[i]);
    }
    retention_decide(rules, runs, count, at(now));
    for (i = 0; i < count; i++) {
        if (runs[i].kept)
            out[used++] = runs[i].run_id[0];
    }
    out[used] = '\0';
    return out;
}

static const char *const times[] = {
    "2026-03-31T23:59:59Z", /* a: a Tuesday */
    "2026-03-31T00:00:00Z", /* b */
    "2026-03-30T12:00:00Z", /* c: a Monday */
    "2026-03-29T12:00:00Z", /* d: the Sunday before */
    "2026-02-28T12:00:00Z", /* e */
    "2026-02-01T00:00:00Z", /* f */
    "2026-01-31T23:59:59Z", /* g */
    "2025-12-31T23:59:59Z", /* h */
    "2024-06-01T00:00:00Z", /* i */
};
#define COUNT (sizeof(times) / sizeof(*times))
#define NOW   "2026-04-01T00:00:00Z"

static void test_each_rule(void **state)
{
    static const char *const failed[] = { "failed" };
    static const struct {
        struct retention_rules rules;
        const char *kept;
    } cases[] = {
        { { .last = 2 }, "ab" },
        { { .last = 100 }, "abcdefghi" },
        { { .days = 1 }, "a" }, /* b ended a day ago to the second */
        { { .days = 2 }, "abc" },
        { { .days = 32 }, "abcde" },
        { { .daily = 2 }, "ac" },
        { { .weekly = 2 }, "ad" },
        { { .weekly = 3 }, "ade" },
        { { .monthly = 2 }, "ae" },
        { { .monthly = 4 }, "aegh" },
        { { .yearly = 2 }, "ah" },
        { { .yearly = 9 }, "ahi" },
        { { .statuses = failed, .status_count = 1 }, "bdfh" },
        { { .last = 1, .monthly = 1, .statuses = failed, .status_count = 1 }, "abdfh" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(decide(&cases[i].rules, times, COUNT, NOW), cases[i].kept);
}

static void test_holds_and_reasons(void **state)
{
    struct retention_rules rules = { .last = 1, .monthly = 1 };
    struct retention_run runs[3] = {
        { .run_id = "old", .ended = 0, .held = true },
        { .run_id = "new", .ended = 100 * DAY },
        { .run_id = "mid", .ended = 99 * DAY },
    };

    (void)state;
    assert_true(retention_any(&rules));
    assert_false(retention_any(&(struct retention_rules){ 0 }));
    retention_decide(&rules, runs, 3, 101 * DAY);
    assert_string_equal(runs[0].run_id, "new");
    assert_int_equal(runs[0].why, 1U << RETENTION_LAST | 1U << RETENTION_MONTHLY);
    assert_false(runs[1].kept);
    assert_int_equal(runs[1].why, 0);
    assert_true(runs[2].kept);
    assert_int_equal(runs[2].why, 1U << RETENTION_HELD);
}

static void test_all_reasons(void **state)
{
    static const char *const failed[] = { "failed" };
    const struct retention_rules rules = {
        .days = 2, .daily = 1, .statuses = failed, .status_count = 1
    };
    struct retention_run run = { .run_id = "a", .status = "failed", .ended = 100 * DAY };

    (void)state;
    retention_decide(&rules, &run, 1, 101 * DAY);
    assert_int_equal(run.why,
                     1U << RETENTION_DAYS | 1U << RETENTION_STATUS | 1U << RETENTION_DAILY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_reasons),
        cmocka_unit_test(test_each_rule),
        cmocka_unit_test(test_holds_and_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
