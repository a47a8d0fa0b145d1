/* SPDX-License-Identifier: MIT */
#include "catalog/volume_name.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static void test_what_a_name_says(void **state)
{
    struct volume_name name;
    char other[VOLUME_NAME];

    (void)state;
    assert_true(volume_name_parse(&name, "2026/11/skyarc-20261126T043746Z.tar.zst"));
    assert_string_equal(name.stem, "2026/11/skyarc-20261126T043746Z");
    assert_string_equal(name.top, "skyarc-20261126T043746Z");
    assert_string_equal(name.stamp, "20261126T043746Z");
    assert_int_equal(name.number, 1);
    assert_int_equal(name.revision, 0);
    assert_string_equal(name.suffix, ".tar.zst");
    assert_true(volume_name_parse(&name, "2026/11/skyarc-20261126T043746Z-3-r2.tar"));
    assert_string_equal(name.stem, "2026/11/skyarc-20261126T043746Z-3");
    assert_string_equal(name.top, "skyarc-20261126T043746Z-3-r2");
    assert_int_equal(name.number, 3);
    assert_int_equal(name.revision, 2);
    volume_name_revision(other, &name, 3);
    assert_string_equal(other, "2026/11/skyarc-20261126T043746Z-3-r3.tar");
    volume_name_revision(other, &name, 0);
    assert_string_equal(other, "2026/11/skyarc-20261126T043746Z-3.tar");
    assert_true(volume_name_parse(&name, "2026/11/skyarc-20261126T043746Z-r9.tar.gz"));
    assert_int_equal(name.number, 1);
    assert_int_equal(name.revision, 9);
}

static void test_names_that_are_none(void **state)
{
    static const char *const names[] = {
        "",
        "skyarc-20261126T043746Z.tar.zst",
        "2026/11/",
        "2026/11/skyarc-.tar",
        "2026/11/other-20261126T043746Z.tar",
        "2026/11/skyarc-20261126T043746Z",
        "2026/11/skyarc-20261126T043746Z.zip",
        "2026/11/skyarc-20261126T043746Z.tar.zst.partial",
        "2026/11/skyarc-20261126T043746Z-0.tar",
        "2026/11/skyarc-20261126T043746Z-01.tar",
        "2026/11/skyarc-20261126T043746Z-1234567890.tar",
        "2026/11/skyarc-20261126T043746Z-r.tar",
        "2026/11/skyarc-20261126T043746Z-r2-3.tar",
        "2026/11/skyarc-20261126T043746Z/../../x.tar",
        "../6/11/skyarc-20261126T043746Z.tar",
        "2026/../skyarc-20261126T043746Z.tar",
        "2026/1x/skyarc-20261126T043746Z.tar",
        "/026/11/skyarc-20261126T043746Z.tar",
        "2026/11/skyarc-20261126T043746Z20261126T043746Z20261126T043746Z.tar",
    };
    struct volume_name name;
    char lengthy[2 * VOLUME_NAME];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_false(volume_name_parse(&name, names[i]));
    memset(lengthy, '1', sizeof(lengthy));
    memcpy(lengthy, "2026/11/skyarc-", 15);
    lengthy[sizeof(lengthy) - 1] = '\0';
    assert_false(volume_name_parse(&name, lengthy));
    assert_true(volume_name_folder("2026", 0));
    assert_true(volume_name_folder("11", 1));
    assert_false(volume_name_folder("11", 0));
    assert_false(volume_name_folder("2026", 1));
    assert_false(volume_name_folder("..", 1));
}

static void test_the_older_one_first(void **state)
{
    static const char *const order[] = {
        "2026/11/skyarc-20261126T043746Z.tar",       "2026/11/skyarc-20261126T043746Z-2-r2.tar",
        "2026/11/skyarc-20261126T043746Z-2-r10.tar", "2026/11/skyarc-20261126T043746Z-10.tar",
        "2025/01/skyarc-20261126T043747Z.tar", /* the directory's name is not a time */
    };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < 5; i++) {
        for (k = 0; k < 5; k++) {
            int by = volume_name_compare(order[i], order[k]);

            assert_int_equal((by > 0) - (by < 0), (i > k) - (i < k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_name_says),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_the_older_one_first),
    };

    return RUN(tests);
}
