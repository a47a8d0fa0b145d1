/* SPDX-License-Identifier: MIT */
#include "story/contrast.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct story_step step(const char *does, const char *on, const char *status)
{
    return (struct story_step){ .id = "",
                                .title = "",
                                .does = does,
                                .on = on,
                                .actions_known = true,
                                .elements_known = true,
                                .status = status };
}

static enum contrast of(struct story_step a, struct story_step b)
{
    enum contrast contrast = contrast_of(&a, &b);

    assert_int_equal(contrast_of(&b, &a), contrast);
    return contrast;
}

static void test_a_step(void **state)
{
    const struct story_step one = step("click", "AAb", "completed");

    (void)state;
    assert_int_equal(of(one, step("click", "AAb", "completed")), CONTRAST_NONE);
    assert_int_equal(of(one, step("click", "AAb", "failed")), CONTRAST_STATUS);
    assert_int_equal(of(one, step("click", "AAc", "completed")), CONTRAST_ELEMENT);
    assert_int_equal(of(one, step("click", "", "completed")), CONTRAST_ELEMENT);
    assert_int_equal(of(one, step("click click", "AAb", "completed")), CONTRAST_ACTIONS);
    assert_int_equal(of(one, step("Click", "AAb", "completed")), CONTRAST_ACTIONS);
    assert_int_equal(of(one, step("", "AAb", "completed")), CONTRAST_ACTIONS);
    assert_int_equal(of(step("", "", ""), step("", "", "")), CONTRAST_NONE);
}

/* What is not recorded of one run makes no step different, but hides no difference. */
static void test_not_recorded(void **state)
{
    const struct story_step one = step("click", "AAb", "completed");
    struct story_step bare = step("", "", "");

    (void)state;
    bare.actions_known = bare.elements_known = false;
    assert_int_equal(of(one, bare), CONTRAST_UNKNOWN);
    assert_int_equal(of(bare, bare), CONTRAST_NONE);
    assert_int_equal(of(one, step("click", "AAb", "")), CONTRAST_UNKNOWN);
    assert_int_equal(of(one, step("click", "AAc", "")), CONTRAST_ELEMENT);
    bare.status = "failed";
    assert_int_equal(of(one, bare), CONTRAST_STATUS);
    bare = step("click", "", "completed");
    bare.elements_known = false;
    assert_int_equal(of(one, bare), CONTRAST_UNKNOWN);
}

/* The first of several differences is told: actions, then elements, then the status. */
static void test_several_differences(void **state)
{
    (void)state;
    assert_int_equal(of(step("a", "b", "c"), step("x", "y", "z")), CONTRAST_ACTIONS);
    assert_int_equal(of(step("a", "b", "c"), step("a", "y", "z")), CONTRAST_ELEMENT);
}

/* What is told beside a step, and its ID, time and title, make no difference. */
static void test_no_difference(void **state)
{
    struct story_step a = step("click", "AAb", "completed");
    struct story_step b = a;

    (void)state;
    b.id = "stp_2";
    b.number = 2;
    b.title = "CLICK AAb, \"another reason\"";
    b.from_us = 1;
    b.to_us = 2;
    b.picture = "b.png";
    b.picture_sha256[0] = 1;
    assert_int_equal(of(a, b), CONTRAST_NONE);
}

static void test_no_such_step(void **state)
{
    const struct story_step a = step("", "", "");

    (void)state;
    assert_int_equal(contrast_of(&a, NULL), CONTRAST_ONLY);
    assert_int_equal(contrast_of(NULL, &a), CONTRAST_ONLY);
    assert_int_equal(contrast_of(NULL, NULL), CONTRAST_NONE);
}

static void test_words(void **state)
{
    static const struct {
        enum contrast contrast;
        const char *word;
        const char *text;
    } cases[] = { { CONTRAST_ACTIONS, "actions", "other actions" },
                  { CONTRAST_ELEMENT, "element", "another element" },
                  { CONTRAST_STATUS, "status", "another status" },
                  { CONTRAST_ONLY, "only", "only in one run" },
                  { CONTRAST_UNKNOWN, "unknown", "not recorded of one run" } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(contrast_word(cases[i].contrast), cases[i].word);
        assert_string_equal(contrast_text(cases[i].contrast), cases[i].text);
    }
    assert_null(contrast_word(CONTRAST_NONE));
    assert_string_equal(contrast_text(CONTRAST_NONE), "");
}

static void test_pictures(void **state)
{
    struct story_step a = step("", "", "");
    struct story_step b = a;

    (void)state;
    b.picture_sha256[SHA256_SIZE - 1] = 1; /* says nothing without a picture */
    assert_false(contrast_pictures(&a, &b));
    b.picture = "b.png";
    assert_false(contrast_pictures(&a, &b));
    assert_false(contrast_pictures(&b, &a));
    a.picture = "a.png";
    assert_true(contrast_pictures(&a, &b));
    assert_true(contrast_pictures(&b, &a));
    memcpy(b.picture_sha256, a.picture_sha256, SHA256_SIZE);
    assert_false(contrast_pictures(&a, &b));
    assert_false(contrast_pictures(&a, NULL));
    assert_false(contrast_pictures(NULL, &a));
    assert_false(contrast_pictures(NULL, NULL));
}

/* A story whose steps have these statuses, each a letter. */
static struct run_story *story_of(const char *statuses)
{
    struct run_story *story = run_story_new(NULL);
    char text[1024] = "[";
    struct err err;
    size_t i;

    assert_non_null(story);
    for (i = 0; statuses[i]; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                       "%s{\"step_id\":\"s%zu\",\"status\":\"%c\"}", i ? "," : "", i,
                       statuses[i]);
    (void)strcat(text, "]");
    assert_int_equal(run_story_text(story, "data/wr_1/records/steps-tsk_1.json", NULL, text,
                                    strlen(text), &err),
                     0);
    assert_int_equal(run_story_settle(story, &err), 0);
    assert_int_equal(run_story_steps(story), strlen(statuses));
    return story;
}

static void test_first(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t first; /* "" has no steps: nothing is known of them */
    } cases[] = { { "", "", 0 },       { "", "a", 1 },      { "a", "a", 1 },
                  { "aa", "a", 1 },    { "aab", "aac", 2 }, { "abc", "xbc", 0 },
                  { "abc", "axy", 1 }, { "ab", "abcd", 2 }, { "abcd", "abcd", 4 } };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct run_story *a = story_of(cases[i].a);
        struct run_story *b = story_of(cases[i].b);

        assert_int_equal(contrast_first(a, b), cases[i].first);
        assert_int_equal(contrast_first(b, a), cases[i].first);
        assert_int_equal(contrast_first(a, a), strlen(cases[i].a));
        assert_int_equal(contrast_unknown(a, b), !*cases[i].a && *cases[i].b);
        run_story_free(a);
        run_story_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step),       cmocka_unit_test(test_several_differences),
        cmocka_unit_test(test_not_recorded), cmocka_unit_test(test_no_difference),
        cmocka_unit_test(test_no_such_step), cmocka_unit_test(test_words),
        cmocka_unit_test(test_pictures),     cmocka_unit_test(test_first),
    };

    return RUN(tests);
}
