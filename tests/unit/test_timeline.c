/* SPDX-License-Identifier: MIT */
#include "api/timeline.h"
#include "base/buf.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static const char text[] =
    "[{\"type\":\"block\",\"block\":{\"workflow_run_id\":\"wr_1\",\"task_id\":\"tsk_a\"},"
    "\"children\":[{\"block\":{\"workflow_run_id\":\"wr_1\",\"block_workflow_run_id\":\"wr_2\"}"
    ","
    "\"children\":[{\"block\":{\"workflow_run_id\":\"wr_3\",\"task_id\":\"tsk_b\"}}]}]},"
    "{\"block\":{\"workflow_run_id\":\"wr_1\",\"task_id\":\"tsk_a\",\"block_type\":"
    "\"workflow_trigger\",\"output\":{\"workflow_run_id\":\"wr_2\"}}},"
    "{\"block\":{\"block_type\":\"code\",\"output\":{\"workflow_run_id\":\"wr_9\"}}},"
    "{\"type\":\"thought\",\"thought\":{\"task_id\":\"tsk_v2_1\",\"workflow_run_id\":\"wr_1\"}}"
    ","
    "{\"block\":{\"workflow_run_id\":\"../x\",\"task_id\":5}}, 7, null]";

static void test_children(void **state)
{
    struct timeline t = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(timeline_parse(&t, text, strlen(text), "tsk_v2_1", "wr_1", &err), 0);
    assert_int_equal(t.child_count, 2);
    assert_string_equal(t.children[0], "wr_2");
    assert_string_equal(t.children[1], "wr_3");
    assert_int_equal(t.task_count, 1); /* tsk_b belongs to another run */
    assert_string_equal(t.tasks[0], "tsk_a");
    assert_false(t.cut);
    timeline_clear(&t);
    timeline_clear(&t);
    assert_int_equal(timeline_parse(&t, "{}", 2, "a", NULL, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(timeline_parse(&t, "[", 1, "a", NULL, &err), -1);
}

static void check_other(const char *json, const char *id, const char *want)
{
    struct region *region = region_new(NULL);
    const char *other;

    assert_int_equal(timeline_other(&other, json, strlen(json), id, region, NULL), 0);
    if (want)
        assert_string_equal(other, want);
    else
        assert_null(other);
    region_free(region);
}

static void test_other(void **state)
{
    (void)state;
    check_other(text, "tsk_v2_1", "wr_1");
    check_other(text, "wr_1", "tsk_v2_1");
    check_other("[{\"block\":{\"workflow_run_id\":\"wr_1\"}}]", "tsk_v2_1", "wr_1");
    check_other("[{\"block\":{\"workflow_run_id\":\"wr_1\"}},{\"block\":{\"workflow_run_id\":"
                "\"wr_2\"}}]",
                "tsk_v2_1", NULL);
    check_other("[{\"block\":{\"workflow_run_id\":\"wr_1\"}}]", "wr_1", NULL);
    check_other("[]", "wr_1", NULL);
}

static void test_bounds(void **state)
{
    struct timeline t = { 0 };
    struct buf json;
    int i;

    (void)state;
    buf_init(&json, (size_t)1 << 20);
    for (i = 0; i < TIMELINE_MAX + 5; i++)
        assert_int_equal(buf_addf(&json, NULL,
                                  "%c{\"block\":{\"workflow_run_id\":\"wr_%d\",\"task_id\":"
                                  "\"tsk_%d\"}}",
                                  i ? ',' : '[', i, i),
                         0);
    assert_int_equal(buf_adds(&json, "]", NULL), 0);
    assert_int_equal(timeline_parse(&t, buf_text(&json), json.len, "wr_x", NULL, NULL), 0);
    assert_true(t.cut);
    assert_int_equal(t.child_count, TIMELINE_MAX);
    timeline_clear(&t);
    buf_clear(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_bounds),
    };

    return RUN(tests);
}
