/* SPDX-License-Identifier: MIT */
#include "format/payload_path.h"

#include "unit.h"

#include <string.h>

static void test_run(void **state)
{
    static const char *const none[] = { "",
                                        "data",
                                        "data/",
                                        "data//x",
                                        "data/tsk_1",
                                        "Data/tsk_1/x",
                                        "view/tsk_1/x",
                                        "/data/tsk_1/x",
                                        "manifest.json" };
    const char *path = "data/tsk_1/har/x.har";
    size_t len = 0;
    size_t i;

    (void)state;
    assert_ptr_equal(payload_path_run(path, &len), path + 5);
    assert_int_equal(len, 5);
    assert_ptr_not_equal(payload_path_run("data/tsk_1/", &len), NULL);
    for (i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_null(payload_path_run(none[i], &len));
}

static void test_below(void **state)
{
    (void)state;
    assert_string_equal(payload_path_below("data/tsk_1/run.json", "tsk_1"), "run.json");
    assert_string_equal(payload_path_below("data/tsk_1/a/b", "tsk_1"), "a/b");
    assert_null(payload_path_below("data/tsk_12/run.json", "tsk_1"));
    assert_null(payload_path_below("data/tsk_1/run.json", "tsk_12"));
    assert_null(payload_path_below("data/tsk_1", "tsk_1"));
    assert_null(payload_path_below("data//run.json", ""));
    assert_null(payload_path_below("view/tsk_1.js", "tsk_1"));
}

static void test_is(void **state)
{
    (void)state;
    assert_true(payload_path_is("data/x"));
    assert_true(payload_path_is("data/"));
    assert_false(payload_path_is("data"));
    assert_false(payload_path_is("database/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
