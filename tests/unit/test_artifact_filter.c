/* SPDX-License-Identifier: MIT */
/* Filters of artifacts: by type, name, step, size and time. */
#include "api/artifact_filter.h"
#include "base/clock.h"
#include "unit.h"

#include <string.h>

#define STEP_URI "s3://b/v1/local/o_1/tsk_1/02_1_stp_7/2026-01-20T11:52:29_a_1_har.har"

static const struct artifact plain = { .artifact_id = "a_1",
                                       .artifact_type = "har",
                                       .uri = STEP_URI,
                                       .step_id = "stp_7",
                                       .created_at = "2026-01-20T11:52:29.5",
                                       .file_size = 1000,
                                       .sized = true };

static struct artifact_filter filter;

static int tear_down(void **state)
{
    (void)state;
    artifact_filter_clear(&filter);
    artifact_filter_clear(&filter); /* may be called twice */
    return 0;
}

static bool accepts(const struct artifact *a)
{
    return artifact_filter_listed(&filter, a);
}

static void test_no_filter(void **state)
{
    const struct artifact bare = { .artifact_id = "a_2" };

    (void)state;
    assert_true(accepts(&plain) && accepts(&bare));
    assert_false(artifact_filter_narrows(&filter));
    assert_false(artifact_filter_asks(&filter));
}

static void test_types(void **state)
{
    (void)state;
    assert_int_equal(kind_filter_add(&filter.kinds, "llm", true, NULL, NULL), 0);
    assert_true(artifact_filter_narrows(&filter) && !artifact_filter_asks(&filter));
    assert_true(accepts(&plain));
    assert_int_equal(kind_filter_add(&filter.kinds, "html", false, NULL, NULL), 0);
    assert_true(artifact_filter_asks(&filter) && !artifact_filter_has_more(&filter));
    assert_false(accepts(&plain));
}

static void test_names(void **state)
{
    struct artifact a = plain;

    (void)state;
    assert_int_equal(artifact_filter_name(&filter, "*.har", NULL), 0);
    assert_true(artifact_filter_asks(&filter) && artifact_filter_has_more(&filter));
    assert_true(accepts(&a));
    a.bundle_key = "har/inner.json"; /* a member's name is that in its ZIP, not the ZIP's */
    assert_false(accepts(&a));
    assert_int_equal(artifact_filter_name(&filter, "inner.[a-z]*", NULL), 0);
    assert_true(accepts(&a)); /* either of the two */
    a.filename = "Report 2026.csv";
    assert_true(accepts(&a)); /* a downloaded file has both names */
    a.bundle_key = "har/outer.json";
    assert_false(accepts(&a));
    assert_int_equal(artifact_filter_name(&filter, "Report ?0*", NULL), 0);
    assert_true(accepts(&a));
    a = (struct artifact){ .artifact_id = "a_9" }; /* no other name than its ID */
    assert_false(accepts(&a));
    assert_int_equal(artifact_filter_name(&filter, "a_[0-9]", NULL), 0);
    assert_true(accepts(&a));
    a.artifact_id = "A_9";
    assert_false(accepts(&a));
}

static void test_a_name_in_an_archive(void **state)
{
    const struct artifact_facts facts = { .name = "data/tsk_1/har/20260120T115229Z_a_1.har",
                                          .other_name = STEP_URI };

    (void)state;
    assert_int_equal(artifact_filter_name(&filter, "tsk_1", NULL), 0);
    assert_false(artifact_filter_match(&filter, &facts));
    assert_int_equal(artifact_filter_name(&filter, "20260120T*", NULL), 0);
    assert_true(artifact_filter_match(&filter, &facts));
    artifact_filter_clear(&filter);
    assert_int_equal(artifact_filter_name(&filter, "*_har.har", NULL), 0);
    assert_true(artifact_filter_match(&filter, &facts));
}

static void test_bad_names(void **state)
{
    char longest[ARTIFACT_FILTER_NAME_MAX + 2];
    struct err err;
    unsigned i;

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(artifact_filter_name(&filter, longest, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(artifact_filter_name(&filter, "", &err), -1);
    assert_int_equal(artifact_filter_name(&filter, "data/*", &err), -1);
    assert_non_null(strstr(err.text, "slash"));
    assert_int_equal(artifact_filter_name(&filter, longest + 1, NULL), 0);
    for (i = 1; i < ARTIFACT_FILTER_MAX; i++)
        assert_int_equal(artifact_filter_name(&filter, "x", NULL), 0);
    assert_int_equal(artifact_filter_name(&filter, "x", &err), -1);
    assert_int_equal(filter.name_count, ARTIFACT_FILTER_MAX);
}

/* What the functions accept is within the limits; a manifest may say anything. */
static void test_limits(void **state)
{
    static char *many[ARTIFACT_FILTER_MAX + 1];
    char longest[ARTIFACT_FILTER_NAME_MAX + 2];
    struct artifact_filter f = { .names = many, .name_count = ARTIFACT_FILTER_MAX };
    size_t i;

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    for (i = 0; i <= ARTIFACT_FILTER_MAX; i++)
        many[i] = longest + 1;
    assert_true(artifact_filter_within(&filter) && artifact_filter_within(&f));
    f.name_count++;
    assert_false(artifact_filter_within(&f));
    f.name_count = 1;
    many[0] = longest;
    assert_false(artifact_filter_within(&f));
    many[0] = longest + sizeof(longest) - 1 - ARTIFACT_FILTER_STEP_MAX;
    f = (struct artifact_filter){ .steps = many, .step_count = 1 };
    assert_true(artifact_filter_within(&f));
    many[0]--;
    assert_false(artifact_filter_within(&f));
    f.steps = many + 1;
    f.step_count = ARTIFACT_FILTER_MAX + 1;
    assert_false(artifact_filter_within(&f));
}

/* A pattern of a hostile manifest must not take for ever. */
static void test_an_expensive_name(void **state)
{
    struct artifact a = plain;
    char name[201];
    uint64_t began = clock_mono();

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    a.uri = name;
    assert_int_equal(
        artifact_filter_name(&filter, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", NULL), 0);
    assert_false(accepts(&a));
    assert_true(clock_mono() - began < 5000);
}

static void test_steps(void **state)
{
    struct artifact a = plain;

    (void)state;
    assert_int_equal(artifact_filter_steps(&filter, "stp_8, 1,,", NULL), 0);
    assert_int_equal(filter.step_count, 2);
    assert_false(accepts(&a)); /* 1 is its retry, not its number */
    assert_int_equal(artifact_filter_steps(&filter, "2", NULL), 0);
    assert_true(accepts(&a));
    a.step_id = "stp_70"; /* the folder is of another step: its number says nothing */
    assert_false(accepts(&a));
    a.step_id = NULL;
    assert_true(accepts(&a));
    a.uri = "s3://b/02_1_x/y";
    assert_false(accepts(&a));
    a.uri = NULL;
    assert_false(accepts(&a)); /* of no step */
    a.step_id = "stp_8";
    assert_true(accepts(&a));
}

static void test_folders_that_are_no_steps(void **state)
{
    static const char *const uris[] = {
        "2",          "2_",           "2_1",     "2_1_",      "_2_1_stp_7",
        "2__stp_7/x", "x2_1_stp_7/x", "2_1_stp", "2/1/stp_7", ""
    };
    struct artifact a = plain;
    size_t i;

    (void)state;
    assert_int_equal(artifact_filter_steps(&filter, "2", NULL), 0);
    for (i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
        a.uri = uris[i];
        assert_false(accepts(&a));
        a.step_id = NULL;
        assert_false(accepts(&a));
        a.step_id = plain.step_id;
    }
    a.uri = "file:///x/2_1_stp_7";
    assert_true(accepts(&a));
}

static void test_bad_steps(void **state)
{
    static const char *const bad[] = { "", ",", "stp 1/2", "1234567890", "a\n", "stp_*" };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(artifact_filter_steps(&filter, bad[i], &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

static void test_sizes(void **state)
{
    struct artifact a = plain;

    (void)state;
    filter.larger = filter.smaller = true;
    filter.larger_than = 999;
    filter.smaller_than = 1001;
    assert_true(artifact_filter_asks(&filter) && accepts(&a));
    filter.larger_than = 1000;
    assert_false(accepts(&a));
    filter.larger_than = 0;
    filter.smaller_than = 1000;
    assert_false(accepts(&a));
    a.sized = false; /* unknown: not lost */
    assert_true(accepts(&a));
}

static void test_times(void **state)
{
    struct artifact a = plain;

    (void)state;
    filter.newer = filter.older = true;
    filter.newer_us = clock_us("2026-01-20T11:52:29.5");
    filter.older_us = filter.newer_us + 1;
    assert_true(artifact_filter_asks(&filter) && accepts(&a));
    filter.newer_us++;
    filter.older_us++;
    assert_false(accepts(&a));
    filter.newer_us -= 10;
    filter.older_us -= 2;
    assert_false(accepts(&a));
    a.created_at = "yesterday"; /* unknown: not lost */
    assert_true(accepts(&a));
    a.created_at = NULL;
    assert_true(accepts(&a));
}

static void test_all_conditions_must_hold(void **state)
{
    struct artifact a = plain;

    (void)state;
    assert_int_equal(kind_filter_add(&filter.kinds, "har", false, NULL, NULL), 0);
    assert_int_equal(artifact_filter_name(&filter, "*.har", NULL), 0);
    assert_int_equal(artifact_filter_steps(&filter, "2", NULL), 0);
    filter.larger = true;
    filter.larger_than = 10;
    assert_true(accepts(&a));
    a.artifact_type = "html";
    assert_false(accepts(&a));
    a = plain;
    a.bundle_key = "x.txt";
    assert_false(accepts(&a));
    a = plain;
    a.uri = "s3://b/03_0_stp_7/x.har";
    assert_false(accepts(&a));
    a = plain;
    a.file_size = 10;
    assert_false(accepts(&a));
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_filter),
        TEST(test_types),
        TEST(test_names),
        TEST(test_a_name_in_an_archive),
        TEST(test_bad_names),
        TEST(test_limits),
        TEST(test_an_expensive_name),
        TEST(test_steps),
        TEST(test_folders_that_are_no_steps),
        TEST(test_bad_steps),
        TEST(test_sizes),
        TEST(test_times),
        TEST(test_all_conditions_must_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
