/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/path.h"
#include "unit.h"

#include <string.h>

static void test_safe(void **state)
{
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        { "report.csv", "report.csv" },
        { "../../etc/passwd", "_.._etc_passwd" },
        { "..", "_" },
        { "", "_" },
        { " . hidden. ", "hidden" },
        { "a\\b:c*d?e\"f<g>h|i%j", "a_b_c_d_e_f_g_h_i_j" },
        { "tab\tnew\nline\x7f", "tab_new_line_" },
        { "\xe2\x80\xaegpj.exe", "_gpj.exe" },
        { "\xff\xfe", "__" },
        { "con", "_con" },
        { "NUL.txt", "_NUL.txt" },
        { "com1", "_com1" },
        { "COM\xc2\xb9.log", "_COM\xc2\xb9.log" },
        { "lpt9 .x", "_lpt9 .x" },
        { "console", "console" },
        { "caf\xc3\xa9", "caf\xc3\xa9" },
    };
    char out[PATH_NAME_MAX + 1];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(path_safe(out, cases[i].from), cases[i].to);
        assert_true(path_is_portable(out, strlen(out)));
    }
}

static void test_long_names_are_cut_between_characters(void **state)
{
    char name[1000];
    char out[PATH_NAME_MAX + 1];
    size_t i;

    (void)state;
    for (i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    name[i] = '\0';
    (void)path_safe(out, name + 0);
    assert_int_equal(strlen(out), PATH_NAME_MAX);
    assert_true(path_is_portable(out, strlen(out)));
}

static void test_portable(void **state)
{
    static const char *const bad[] = {
        "",     ".",   "..",      ".ssh",  "a.",   " a",   "a ",        "a/b",           "a:b",
        "a\\b", "nul", "NUL.txt", "a\x1b", "\xff", "a\tb", "a\xc2\x9b", "\xe2\x80\xae!",
    };
    char name[300];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(path_is_portable(bad[i], strlen(bad[i])));
    memset(name, 'n', sizeof(name));
    assert_true(path_is_portable(name, PATH_COMPONENT_MAX));
    assert_false(path_is_portable(name, PATH_COMPONENT_MAX + 1));
    assert_true(path_is_portable("a/b", 1)); /* only its first len bytes */
    assert_true(path_is_portable("caf\xc3\xa9~2.html", 12));
}

static void test_parts(void **state)
{
    char *dir;

    (void)state;
    assert_string_equal(path_base("a/b?c#d/e f"), "e f");
    assert_string_equal(path_ext("x.tar.zst"), ".zst");
    assert_string_equal(path_ext(".profile"), "");
    assert_string_equal(path_ext("name.toolongext"), "");
    assert_string_equal(path_ext("name.a b"), "");
    assert_true(path_ends("a.HTML", ".html"));
    assert_true(path_ends("dir/a.html", ".html"));
    assert_false(path_ends(".html", ".html"));
    assert_false(path_ends("a.html/", ".html"));
    assert_false(path_ends("html", ".html"));
    dir = path_dir("a/b/c");
    assert_string_equal(dir, "a/b");
    mem_free(dir);
    dir = path_dir("c");
    assert_string_equal(dir, ".");
    mem_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
        cmocka_unit_test(test_portable),
        cmocka_unit_test(test_parts),
    };

    return RUN(tests);
}
