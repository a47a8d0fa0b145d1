/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include "unit.h"

#include <errno.h>

static struct err failed(int os)
{
    struct err err = { 0 };

    errno = os;
    (void)err_sys(&err, "cannot do it");
    return err;
}

static void test_whose_error_it_is(void **state)
{
    static const int own[] = { EMFILE, ENFILE, ENOMEM, EAGAIN };
    static const int of_a_file[] = { EIO, EACCES, ENOENT, ESTALE };
    struct err memory = { 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(own) / sizeof(*own); i++) {
        struct err err = failed(own[i]);

        assert_true(err_is_own(&err));
    }
    for (i = 0; i < sizeof(of_a_file) / sizeof(*of_a_file); i++) {
        struct err err = failed(of_a_file[i]);

        assert_false(err_is_own(&err));
    }
    (void)err_set(&memory, ERR_MEMORY, "out of memory");
    assert_true(err_is_own(&memory));
}

static void test_what_is_damage(void **state)
{
    struct err err = { 0 };

    (void)state;
    (void)err_set(&err, ERR_MISMATCH, "its SHA-256 differs");
    assert_true(err_is_damage(&err));
    (void)err_set(&err, ERR_FORMAT, "no tar");
    assert_true(err_is_damage(&err));
    err = failed(EIO);
    assert_false(err_is_damage(&err));
}

static void test_a_name_is_said_once(void **state)
{
    struct err err = { 0 };

    (void)state;
    (void)err_set(&err, ERR_FORMAT, "no tar");
    (void)err_wrap(&err, "'%s'", "a");
    (void)err_wrap(&err, "'%s'", "a");
    assert_string_equal(err.text, "'a': no tar");
    (void)err_wrap(&err, "'%s'", "b");
    assert_string_equal(err.text, "'b': 'a': no tar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_error_it_is),
        cmocka_unit_test(test_what_is_damage),
        cmocka_unit_test(test_a_name_is_said_once),
    };

    return RUN(tests);
}
