/* SPDX-License-Identifier: MIT */
#include "format/safe_name.h"

#include "unit.h"

#include <string.h>

static void test_names_that_may_be_written(void **state)
{
    static const char *const good[] = { "a", "a/manifest.json", "a/data/r/x y",
                                        "a/data/r/\xc3\xa9t\xc3\xa9.html", "a/b..c/d" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_null(safe_name_refused(good[i]));
}

static void test_names_that_may_not(void **state)
{
    static const char *const bad[] = { "",         "/",      "/etc/passwd", "..",       "../x",
                                       "a/../x",   "a/..",   "a//b",        "a/",       "./a",
                                       "a/./b",    ".",      "a/.hidden",   "a/..b",    "a\nb",
                                       "a/\x1b[m", "a/b\\c", "a/\xff",      "a/b\x7f/c" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_non_null(safe_name_refused(bad[i]));
    assert_non_null(strstr(safe_name_refused("a/.hidden"), "starts with a dot"));
    assert_non_null(strstr(safe_name_refused("a/../x"), "leads out"));
    assert_non_null(strstr(safe_name_refused("a/x\ny"), "not portable"));
}

static void test_limits(void **state)
{
    char path[SAFE_NAME_PATH_MAX + 2];
    size_t i;

    (void)state;
    for (i = 0; i < SAFE_NAME_PATH_MAX; i++)
        path[i] = i % 100 == 99 ? '/' : 'x';
    path[SAFE_NAME_PATH_MAX - 1] = 'x';
    path[SAFE_NAME_PATH_MAX] = '\0';
    assert_null(safe_name_refused(path));
    path[SAFE_NAME_PATH_MAX] = 'x';
    path[SAFE_NAME_PATH_MAX + 1] = '\0';
    assert_non_null(safe_name_refused(path));
    for (i = 0; i < SAFE_NAME_DEPTH_MAX; i++)
        memcpy(path + 2 * i, "x/", 2);
    path[2 * SAFE_NAME_DEPTH_MAX - 1] = '\0';
    assert_null(safe_name_refused(path));
    memcpy(path + 2 * SAFE_NAME_DEPTH_MAX - 1, "/x", 3);
    assert_non_null(safe_name_refused(path));
}

static void test_tops_and_payload(void **state)
{
    (void)state;
    assert_true(safe_name_top("skyarc-2026", 11));
    assert_true(safe_name_top("a/b", 1)); /* exactly the maximum length */
    assert_false(safe_name_top("a/b", 3));
    assert_false(safe_name_top("..", 2));
    assert_false(safe_name_top("", 0));
    assert_null(safe_name_not_payload("data/r/x"));
    assert_non_null(safe_name_not_payload("data/../x"));
    assert_non_null(safe_name_not_payload("manifest.json"));
    assert_non_null(safe_name_not_payload("database/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_may_be_written),
        cmocka_unit_test(test_names_that_may_not),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tops_and_payload),
    };

    return RUN(tests);
}
