/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "cli/pace.h"
#include "cmdutil/summary.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)

/* The status line of this width. */
static const char *line(const struct pull_status *status, uint64_t bps, size_t columns)
{
    static char out[SUMMARY_STATUS_MAX];

    (void)summary_status(out, status, bps, columns);
    assert_true(text_width(out) <= columns);
    return out;
}

static void test_widths(void **state)
{
    struct pull_status s = { .runs = 3,
                             .runs_listed = 3,
                             .artifacts = 20,
                             .artifacts_done = 5,
                             .bytes = 2 * MIB,
                             .bytes_expected = 12 * MIB,
                             .retries = 1,
                             .missing = 2 };

    (void)state;
    assert_string_equal(
        line(&s, MIB, SIZE_MAX),
        "3 runs, 5 of 20 artifacts, 2.0 MiB of 12.0 MiB, 1.0 MiB/s, 10.0s left, "
        "1 retry, 2 missing");
    assert_string_equal(
        line(&s, MIB, 79),
        "5 of 20 artifacts, 2.0 MiB of 12.0 MiB, 1.0 MiB/s, 10.0s left, 2 missing");
    assert_string_equal(line(&s, MIB, 60), "5 of 20 artifacts, 2.0 MiB, 1.0 MiB/s, 10.0s left");
    assert_string_equal(line(&s, MIB, 43), "5 of 20, 2.0 MiB, 1.0 MiB/s, 10.0s left");
    s.artifacts = 123456;
    s.artifacts_done = 99999;
    s.bytes = 1000 * MIB;
    s.bytes_expected = 12345678 * MIB;
    assert_string_equal(line(&s, 1000 * MIB, 43), "1000.0 MiB, 1000.0 MiB/s, 3h25m left");
}

/* No time left is shown if a size is unknown or nothing is received. */
static void test_unknown(void **state)
{
    struct pull_status s = { .runs = 1,
                             .runs_listed = 1,
                             .artifacts = 20,
                             .artifacts_done = 5,
                             .bytes = 2 * MIB,
                             .bytes_expected = 5 * MIB,
                             .unsized = 1 };

    (void)state;
    assert_string_equal(line(&s, MIB, SIZE_MAX),
                        "1 run, 5 of 20 artifacts, 2.0 MiB of at least 5.0 MiB, 1.0 MiB/s");
    s.bytes = 6 * MIB;
    assert_string_equal(line(&s, MIB, SIZE_MAX),
                        "1 run, 5 of 20 artifacts, 6.0 MiB of at least 6.0 MiB, 1.0 MiB/s");
    s.unsized = 0;
    s.bytes = 2 * MIB;
    assert_string_equal(line(&s, 0, SIZE_MAX),
                        "1 run, 5 of 20 artifacts, 2.0 MiB of 5.0 MiB, 0 B/s");
    assert_string_equal(line(&s, 1, SIZE_MAX), /* 36 days */
                        "1 run, 5 of 20 artifacts, 2.0 MiB of 5.0 MiB, 1 B/s");
    assert_string_equal(line(&s, PACE_UNKNOWN, SIZE_MAX),
                        "1 run, 5 of 20 artifacts, 2.0 MiB of 5.0 MiB");
    s.bytes = 6 * MIB; /* some bytes were received twice */
    assert_string_equal(line(&s, MIB, SIZE_MAX),
                        "1 run, 5 of 20 artifacts, 6.0 MiB of 6.0 MiB, 1.0 MiB/s");
}

/* Not all runs are listed: the totals may grow. */
static void test_early(void **state)
{
    struct pull_status s = { .runs = 3,
                             .runs_listed = 1,
                             .early = true,
                             .artifacts = 20,
                             .artifacts_done = 5,
                             .bytes = 2 * MIB,
                             .bytes_expected = 12 * MIB };

    (void)state;
    assert_string_equal(line(&s, MIB, SIZE_MAX),
                        "listing: 1 of 3 runs, 5 of at least 20 artifacts, "
                        "2.0 MiB of at least 12.0 MiB, 1.0 MiB/s");
    assert_string_equal(line(&s, MIB, 79),
                        "5 of at least 20 artifacts, 2.0 MiB of at least 12.0 MiB, 1.0 MiB/s");
    assert_string_equal(line(&s, MIB, 43), "5 of 20, 2.0 MiB, 1.0 MiB/s");
}

static void test_asked(void **state)
{
    struct pull_status s = { .runs = 3,
                             .runs_listed = 3,
                             .artifacts = 20,
                             .artifacts_done = 5,
                             .bytes = 2 * MIB,
                             .bytes_expected = 12 * MIB,
                             .asked = 3001 };

    (void)state;
    assert_string_equal(
        line(&s, 0, 79),
        "3 runs, 5 of 20 artifacts, 2.0 MiB of 12.0 MiB, host asks to wait, 4 s");
    assert_string_equal(line(&s, 0, 43), "5 of 20, 2.0 MiB, host asks to wait, 4 s");
    assert_string_equal(
        line(&s, MIB, 79),
        "5 of 20 artifacts, 2.0 MiB, 1.0 MiB/s, 10.0s left, host asks to wait, 4 s");
    assert_string_equal(line(&s, MIB, 56),
                        "2.0 MiB, 1.0 MiB/s, 10.0s left, host asks to wait, 4 s");
    assert_string_equal(line(&s, MIB, 43), "2.0 MiB, 1.0 MiB/s, 10.0s left, waits 4 s");
    s.bytes = 1000 * MIB;
    s.bytes_expected = 12345678 * MIB;
    assert_string_equal(line(&s, 1000 * MIB, 43), "1000.0 MiB/s, 3h25m left, waits 4 s");
    s.runs_listed = 1;
    assert_string_equal(line(&s, 0, 79), "listing: 1 of 3 runs, host asks to wait, 4 s");
    assert_string_equal(line(&s, 0, 43), "1 of 3, host asks to wait, 4 s");
    s.waiting = true;
    assert_string_equal(line(&s, 0, 79), "waiting: 0 of 3 runs ended, host asks to wait, 4 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_asked),
    };

    return RUN(tests);
}
