/* SPDX-License-Identifier: MIT */
#include "evidence/verdict.h"

#include "catalog/run_state.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* A run in a volume, with nothing wrong. */
#define SEALED(...)                                                                            \
    {                                                                                          \
        .run_id = "tsk_1", .state = RUN_STATE_SEALED, .volumes = "v", __VA_ARGS__              \
    }
#define OTHER(...)                                                                             \
    {                                                                                          \
        .run_id = "tsk_1", .volumes = "v", __VA_ARGS__                                         \
    }
#define NOWHERE(...)                                                                           \
    {                                                                                          \
        .run_id = "tsk_1", __VA_ARGS__                                                         \
    }

/* Judge a run; *why gets the reason. */
static enum verdict judge(struct period_run run, struct verdict_asked asked, char why[128])
{
    struct region *region = region_new(NULL);
    enum verdict verdict;
    const char *text;

    asked.run = &run;
    assert_int_equal(verdict_judge(&asked, &verdict, &text, region, NULL), 0);
    (void)snprintf(why, 128, "%s", text ? text : "");
    region_free(region);
    return verdict;
}

#define JUDGE(run, ...) judge(run, (struct verdict_asked){ __VA_ARGS__ }, why)

static void test_archived(void **state)
{
    char why[128];

    (void)state;
    assert_int_equal(JUDGE((struct period_run)SEALED(.artifacts = 2), .directory = true),
                     VERDICT_COMPLETE);
    assert_string_equal(why, "");
    assert_int_equal(
        JUDGE((struct period_run)OTHER(.state = RUN_STATE_OPEN), .directory = true),
        VERDICT_ARCHIVED);
    assert_non_null(strstr(why, "listed again"));
    assert_int_equal(
        JUDGE((struct period_run)SEALED(.reason = RUN_STATE_LEFT), .directory = true),
        VERDICT_ARCHIVED);
    assert_int_equal(
        JUDGE((struct period_run)SEALED(.reason = RUN_STATE_EMPTY), .directory = true),
        VERDICT_ARCHIVED);
    assert_int_equal(JUDGE((struct period_run)OTHER(.state = NULL), .directory = true),
                     VERDICT_ARCHIVED);
    assert_int_equal(JUDGE((struct period_run)OTHER(.state = RUN_STATE_DUE), .directory = true),
                     VERDICT_ARCHIVED);
    assert_int_equal(
        JUDGE((struct period_run)NOWHERE(.state = RUN_STATE_SEALED), .directory = false),
        VERDICT_COMPLETE);
    assert_int_equal(
        JUDGE((struct period_run)OTHER(.state = RUN_STATE_OPEN), .directory = false),
        VERDICT_ARCHIVED);
    assert_non_null(strstr(why, "had not ended"));
}

static void test_gaps(void **state)
{
    char why[128];

    (void)state;
    assert_int_equal(
        JUDGE((struct period_run)SEALED(.missing = 2, .why = "expired 2"), .directory = true),
        VERDICT_INCOMPLETE);
    assert_string_equal(why, "2 artifacts missing: expired 2");
    assert_int_equal(JUDGE((struct period_run)SEALED(.lost = 1), .directory = true),
                     VERDICT_INCOMPLETE);
    assert_string_equal(why, "1 part lost with a volume");
    assert_int_equal(
        JUDGE((struct period_run)SEALED(.artifacts = 1), .directory = true, .faulty = true),
        VERDICT_INCOMPLETE);
    assert_int_equal(JUDGE((struct period_run)SEALED(.missing = 1), .directory = false),
                     VERDICT_INCOMPLETE);
    assert_int_equal(JUDGE((struct period_run)OTHER(.state = RUN_STATE_OPEN, .missing = 1),
                           .directory = true),
                     VERDICT_INCOMPLETE);
}

static void test_in_no_archive(void **state)
{
    static const struct {
        const char *state;
        enum verdict verdict;
    } cases[] = {
        { RUN_STATE_RUNNING, VERDICT_WAITING },
        { RUN_STATE_DUE, VERDICT_ABSENT },
        { RUN_STATE_GONE, VERDICT_ABSENT },
        { RUN_STATE_LOST, VERDICT_ABSENT },
        { RUN_STATE_PRUNED, VERDICT_PRUNED },
        { RUN_STATE_SEALED, VERDICT_ABSENT },
        { NULL, VERDICT_ABSENT },
    };
    char why[128];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(
            JUDGE((struct period_run)NOWHERE(.state = cases[i].state), .directory = true),
            cases[i].verdict);
        assert_true(*why);
    }
    (void)JUDGE((struct period_run)NOWHERE(.state = RUN_STATE_PRUNED), .directory = true,
                .prune = "older than a year");
    assert_string_equal(why, "older than a year");
    (void)JUDGE((struct period_run)NOWHERE(.state = RUN_STATE_DUE, .reason = "HTTP 500"),
                .directory = true);
    assert_string_equal(why, "HTTP 500");
}

static void test_words(void **state)
{
    enum verdict i;

    (void)state;
    for (i = 0; i < VERDICTS; i++) {
        assert_true(verdict_word(i) && *verdict_word(i));
        assert_true(verdict_meaning(i) && *verdict_meaning(i));
        assert_int_equal(verdict_is_gap(i), i == VERDICT_INCOMPLETE || i == VERDICT_ABSENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archived),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_in_no_archive),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
