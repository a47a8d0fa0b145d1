/* SPDX-License-Identifier: MIT */
#include "story/action.h"

#include "base/buf.h"
#include "base/clock.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct actions *set_up(struct actions *actions)
{
    *actions = (struct actions){ .region = region_new(NULL) };
    assert_non_null(actions->region);
    return actions;
}

static void tear_down(struct actions *actions)
{
    actions_clear(actions);
    assert_null(actions->at);
    assert_int_equal(actions->count, 0);
    actions_clear(actions);
    region_free(actions->region);
}

static int record(struct actions *actions, const char *text, struct err *err)
{
    return actions_add_record(actions, text, strlen(text), err);
}

static int timeline(struct actions *actions, const char *text, struct err *err)
{
    return actions_add_timeline(actions, text, strlen(text), err);
}

static int answer(struct actions *actions, const char *text)
{
    struct err err;

    return actions_add_answer(actions, "stp_1", text, strlen(text), &err);
}

/* The types of the actions, joined. */
static const char *types(const struct actions *actions)
{
    static char out[512];
    size_t i;

    *out = '\0';
    for (i = 0; i < actions->count; i++)
        (void)snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "",
                       actions->at[i].type);
    return out;
}

static void assert_action(const struct action *action, const char *step, const char *type,
                          const char *element, const char *why)
{
    assert_string_equal(action->step_id, step);
    assert_string_equal(action->type, type);
    assert_string_equal(action->element, element);
    assert_string_equal(action->why, why);
}

static void test_a_record(void **state)
{
    struct actions a;
    struct err err;

    (void)state;
    set_up(&a);
    assert_int_equal(
        record(&a,
               "[{\"step_id\":\"stp_1\",\"action_type\":\"click\",\"element_id\":\"AAb\","
               "\"id\":\"other\",\"intention\":\"opens it\",\"reasoning\":\"it is there\","
               "\"step_order\":3,\"action_order\":4,\"created_at\":\"2026-01-20T11:52:20\","
               "\"started_at\":\"2026-01-20T11:52:29.000001\"}]",
               &err),
        0);
    assert_int_equal(a.count, 1);
    assert_action(&a.at[0], "stp_1", "click", "AAb", "opens it");
    assert_int_equal(a.at[0].at_us, clock_us("2026-01-20T11:52:29.000001"));
    assert_int_equal(a.at[0].step_order, 3);
    assert_int_equal(a.at[0].action_order, 4);
    tear_down(&a);
}

/* Of several members that can say the same, the first that is not empty is used. */
static void test_other_members(void **state)
{
    struct actions a;
    struct err err;

    (void)state;
    set_up(&a);
    assert_int_equal(
        record(&a,
               "[{\"element_id\":\"\",\"id\":\"b\",\"intention\":null,"
               "\"user_detail_query\":\"\",\"reasoning\":\"r\","
               "\"created_at\":\"2026-01-20T11:52:20Z\"},"
               "{\"id\":\"c\",\"user_detail_query\":\"q\",\"reasoning\":\"r\"},"
               "{\"step_id\":12,\"element_id\":-7.50,\"action_type\":\"x\\u0000y\"}]",
               &err),
        0);
    assert_int_equal(a.count, 3);
    assert_action(&a.at[0], "", "", "b", "r");
    assert_int_equal(a.at[0].at_us, clock_us("2026-01-20T11:52:20Z"));
    assert_action(&a.at[1], "", "", "c", "q");
    assert_action(&a.at[2], "12", "x\xef\xbf\xbdy", "-7.50", "");
    tear_down(&a);
}

/* Values of other types than expected say nothing. */
static void test_wrong_types(void **state)
{
    static const char *const nothing[] = { "null",
                                           "7",
                                           "true",
                                           "\"a\"",
                                           "{}",
                                           "[]",
                                           "[null,7,[],\"a\",false]",
                                           "{\"actions\":[{\"action_type\":\"click\"}]}" };
    struct actions a;
    struct err err;
    size_t i;

    (void)state;
    set_up(&a);
    for (i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
        assert_int_equal(record(&a, nothing[i], &err), 0);
        assert_int_equal(timeline(&a, nothing[i], &err), 0);
        assert_int_equal(a.count, 0);
    }
    assert_int_equal(
        record(&a,
               "[{},{\"step_id\":[1],\"action_type\":{\"a\":1},\"element_id\":true,"
               "\"reasoning\":null,\"started_at\":{},\"created_at\":[],"
               "\"step_order\":\"3\",\"action_order\":-1},"
               "{\"step_order\":1e3,\"action_order\":9223372036854775808,"
               "\"started_at\":\"soon\",\"created_at\":\"2026-01-20\"}]",
               &err),
        0);
    assert_int_equal(a.count, 3);
    for (i = 0; i < 3; i++) {
        assert_action(&a.at[i], "", "", "", "");
        assert_int_equal(a.at[i].at_us, CLOCK_NONE);
        assert_int_equal(a.at[i].step_order, 0);
        assert_int_equal(a.at[i].action_order, 0);
    }
    tear_down(&a);
}

/* Of duplicate keys the last one counts, as in json. */
static void test_duplicate_keys(void **state)
{
    struct actions a;
    struct err err;

    (void)state;
    set_up(&a);
    assert_int_equal(record(&a, "[{\"action_type\":\"a\",\"action_type\":\"b\"}]", &err), 0);
    assert_string_equal(types(&a), "b");
    tear_down(&a);
}

static void test_not_json(void **state)
{
    static const char *const bad[] = { "",           " ",          "[",
                                       "[{}",        "[{]",        "[{}]x",
                                       "[\"\xff\"]", "[\"\xc3\"]", "[{\"step_id\":\"a\nb\"}]",
                                       "[01]" };
    struct actions a;
    struct err err;
    size_t i;

    (void)state;
    set_up(&a);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err_clear(&err);
        assert_int_equal(record(&a, bad[i], &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        err_clear(&err);
        assert_int_equal(timeline(&a, bad[i], &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_int_equal(answer(&a, bad[i]), 0); /* models answer with anything */
    }
    assert_int_equal(actions_add_record(&a, "[{}\0]", 5, &err), -1); /* a NUL is no space */
    assert_int_equal(a.count, 0);
    tear_down(&a);
}

/* Blocks have the newest action first; those nested in one come after its own. */
static void test_a_timeline(void **state)
{
    struct actions a;
    struct err err;

    (void)state;
    set_up(&a);
    assert_int_equal(
        timeline(&a,
                 "[{\"block\":{\"actions\":[{\"action_type\":\"e\"},{\"action_type\":\"d\"}]},"
                 "\"children\":[{\"block\":{\"actions\":[{\"action_type\":\"c\"}]}},"
                 "{\"children\":[{\"block\":{\"actions\":[{\"action_type\":\"b\"}]}}]}]},"
                 "{\"thought\":{},\"block\":null,\"children\":null},7,"
                 "{\"block\":{\"actions\":[{\"action_type\":\"a\"},3]},\"children\":\"x\"}]",
                 &err),
        0);
    assert_string_equal(types(&a), "a b c d e");
    assert_int_equal(timeline(&a,
                              "[{\"block\":{\"actions\":[{\"action_type\":\"g\"},"
                              "{\"action_type\":\"f\"}]}}]",
                              &err),
                     0);
    assert_string_equal(types(&a), "a b c d e f g"); /* what was there stays as it is */
    tear_down(&a);
}

/* The most nested blocks that JSON's own limit lets through; deeper ones are an error. */
static void test_depth(void **state)
{
    static const size_t levels[] = { 1, 31, 62, 63, 64, 200, 100000 };
    struct actions a;
    struct buf text;
    struct err err;
    size_t i;
    size_t k;

    (void)state;
    set_up(&a);
    buf_init(&text, (size_t)16 << 20);
    for (i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        buf_reset(&text);
        for (k = 0; k < levels[i]; k++)
            assert_int_equal(buf_adds(&text, "[{\"block\":{},\"children\":", NULL), 0);
        assert_int_equal(buf_adds(&text, "[]", NULL), 0);
        for (k = 0; k < levels[i]; k++)
            assert_int_equal(buf_adds(&text, "}]", NULL), 0);
        err_clear(&err);
        assert_int_equal(actions_add_timeline(&a, text.data, text.len, &err),
                         levels[i] < 64 ? 0 : -1);
        assert_int_equal(err.kind, levels[i] < 64 ? ERR_NONE : ERR_LIMIT);
    }
    assert_int_equal(a.count, 0);
    buf_clear(&text);
    tear_down(&a);
}

static void test_an_answer(void **state)
{
    struct actions a;

    (void)state;
    set_up(&a);
    assert_int_equal(answer(&a, "[{\"action_type\":\"click\"}]"), 0);
    assert_int_equal(answer(&a, "{\"actions\":{\"action_type\":\"click\"}}"), 0);
    assert_int_equal(answer(&a, "{\"choices\":[{\"message\":{\"content\":\"{}\"}}]}"), 0);
    assert_int_equal(a.count, 0);
    assert_int_equal(answer(&a, "{\"actions\":[7,{\"action_type\":\"click\",\"id\":\"AAb\","
                                "\"step_id\":\"stp_9\"}]}"),
                     0);
    assert_int_equal(a.count, 1);
    assert_action(&a.at[0], "stp_1", "click", "AAb", ""); /* not the step that it names */
    tear_down(&a);
}

static void test_sort(void **state)
{
    struct actions a;
    struct err err;

    (void)state;
    set_up(&a);
    actions_sort(&a);
    assert_int_equal(record(&a,
                            "[{\"action_type\":\"f\",\"step_order\":9223372036854775807},"
                            "{\"action_type\":\"d\",\"step_order\":1,\"action_order\":2},"
                            "{\"action_type\":\"a\"},{\"action_type\":\"b\"},"
                            "{\"action_type\":\"e\",\"step_order\":1,\"action_order\":2},"
                            "{\"action_type\":\"c\",\"step_order\":1,\"action_order\":1}]",
                            &err),
                     0);
    actions_sort(&a);
    assert_string_equal(types(&a), "a b c d e f");
    actions_sort(&a);
    assert_string_equal(types(&a), "a b c d e f");
    tear_down(&a);
}

static void test_too_many(void **state)
{
    struct actions a;
    struct buf text;
    struct err err;
    size_t i;

    (void)state;
    set_up(&a);
    buf_init(&text, (size_t)16 << 20);
    assert_int_equal(buf_adds(&text, "[{}", NULL), 0);
    for (i = 1; i < ACTIONS_MAX; i++)
        assert_int_equal(buf_adds(&text, ",{}", NULL), 0);
    assert_int_equal(buf_adds(&text, "]", NULL), 0);
    assert_int_equal(actions_add_record(&a, text.data, text.len, &err), 0);
    assert_int_equal(a.count, ACTIONS_MAX);
    assert_int_equal(record(&a, "[]", &err), 0);
    assert_int_equal(record(&a, "[{}]", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    err_clear(&err);
    assert_int_equal(timeline(&a, "[{\"block\":{\"actions\":[{}]}}]", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(answer(&a, "{\"actions\":[{}]}"), -1);
    assert_int_equal(a.count, ACTIONS_MAX);
    buf_clear(&text);
    tear_down(&a);
}

#define LENGTHY 70000 /* more than a region allocates at once */

static int add_all_kinds(struct actions *a, const char *lengthy, struct err *err)
{
    static const char two[] = "[{\"block\":{\"actions\":[{\"action_type\":\"wait\"}]}}]";
    static const char three[] = "{\"actions\":[{\"action_type\":\"scroll\",\"id\":\"x\"}]}";

    return actions_add_record(a, lengthy, strlen(lengthy), err) < 0 ||
                   actions_add_timeline(a, two, sizeof(two) - 1, err) < 0 ||
                   actions_add_answer(a, "stp_2", three, sizeof(three) - 1, err) < 0
               ? -1
               : 0;
}

/* Whichever allocation fails, the result is whole or an error. */
static void test_no_memory(void **state)
{
    char lengthy[2 * LENGTHY + 100] = "[{\"action_type\":\"click\",\"element_id\":";
    unsigned long nth;
    int stay;

    (void)state;
    memset(lengthy + strlen(lengthy), '7', LENGTHY); /* a number */
    (void)strcat(lengthy, ",\"reasoning\":\"");
    memset(lengthy + strlen(lengthy), 'x', LENGTHY);
    (void)strcat(lengthy, "\"}]");
    for (stay = 0; stay < 2; stay++) {
        int rc = -1;

        for (nth = 1; rc < 0 && nth < 200; nth++) {
            struct actions a;
            struct err err;

            set_up(&a);
            err_clear(&err);
            mem_fail_at(nth, stay);
            rc = add_all_kinds(&a, lengthy, &err);
            mem_fail_at(0, 0);
            if (rc < 0) {
                assert_int_equal(err.kind, ERR_MEMORY);
            } else {
                assert_string_equal(types(&a), "click wait scroll");
                assert_int_equal(strlen(a.at[0].element), LENGTHY);
                assert_int_equal(strlen(a.at[0].why), LENGTHY);
            }
            tear_down(&a);
        }
        assert_int_equal(rc, 0);
        assert_true(nth > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record),    cmocka_unit_test(test_other_members),
        cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_not_json),    cmocka_unit_test(test_a_timeline),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_sort),        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_memory),
    };

    return RUN(tests);
}
