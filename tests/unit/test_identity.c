/* SPDX-License-Identifier: MIT */
#include "client/identity.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static const char *other_of(const char *id, const struct run *record)
{
    static char other[RUN_ID_MAX + 1];

    *other = '\0';
    identity_take(other, id, record);
    return other;
}

static void test_records(void **state)
{
    (void)state;
    assert_string_equal(other_of("tsk_v2_1", &(struct run){ .run_id = "tsk_v2_1",
                                                            .app_url = "http://x/runs/wr_2" }),
                        "wr_2");
    assert_string_equal(other_of("wr_2", &(struct run){ .run_id = "tsk_v2_1" }), "tsk_v2_1");
    assert_string_equal(
        other_of("wr_2", &(struct run){ .run_id = "wr_2", .task_v2_id = "tsk_v2_1" }),
        "tsk_v2_1");
    assert_string_equal(other_of("wr_2", &(struct run){ .run_id = "wr_2" }), "");
    assert_string_equal(other_of("wr_2", &(struct run){ .run_id = "wr_3" }), "");
    assert_string_equal(other_of("tsk_1", &(struct run){ .app_url = "http://x/tasks/wr_2" }),
                        "");
    assert_string_equal(other_of("tsk_v2_1", &(struct run){ .app_url = "wr_2" }), "");
    assert_string_equal(other_of("tsk_v2_1", &(struct run){ .app_url = "http://x/wr_../y" }),
                        "");
    assert_string_equal(other_of("tsk_v2_1", &(struct run){ .app_url = "http://x/" }), "");
    assert_string_equal(other_of("tsk_v2_1", &(struct run){ .app_url = "http://x?/wr_2" }), "");
}

static void test_pages(void **state)
{
    static const char *const ends[] = {
        "", "/", "?tab=1", "/overview", "/overview/?a=/wr_3", "#/wr_3"
    };
    char url[64];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        (void)snprintf(url, sizeof(url), "http://x/runs/wr_2%s", ends[i]);
        assert_string_equal(other_of("tsk_v2_1", &(struct run){ .app_url = url }), "wr_2");
    }
}

static void test_names(void **state)
{
    char other[RUN_ID_MAX + 1] = "";
    char lengthy[RUN_ID_MAX + 10] = "wr_";

    (void)state;
    memset(lengthy + 3, 'a', sizeof(lengthy) - 4);
    identity_take_name(other, "tsk_v2_1", lengthy);
    identity_take_name(other, "tsk_v2_1", NULL);
    identity_take_name(other, "tsk_v2_1", "tsk_v2_2");
    assert_string_equal(other, "");
    identity_take_name(other, "tsk_v2_1", "wr_1");
    identity_take_name(other, "tsk_v2_1", "wr_2"); /* the first one stays */
    assert_string_equal(other, "wr_1");
    assert_true(identity_pair("wr_1", "tsk_v2_1") && identity_pair("tsk_v2_1", "wr_1"));
    assert_false(identity_pair("wr_1", "wr_2") || identity_pair("tsk_1", "wr_2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_names),
    };

    return RUN(tests);
}
