/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "viewer/access.h"

#include <string.h>

static struct access made(void)
{
    struct access access;
    struct err err;

    assert_int_equal(access_init(&access, 4711, &err), 0);
    return access;
}

static void test_tokens(void **state)
{
    struct access a = made();
    struct access b = made();

    (void)state;
    assert_int_equal(strlen(a.token), ACCESS_TOKEN - 1);
    assert_string_not_equal(a.token, b.token);
    assert_string_equal(a.cookie, "skyarc-4711");
}

static void test_the_first_url(void **state)
{
    struct access a = made();
    struct access_request request = {
        .method = "GET", .host = "127.0.0.1:4711", .path = "/", .token = a.token
    };

    (void)state;
    assert_int_equal(access_check(&a, &request), ACCESS_FIRST);
    request.host = "LocalHost:4711";
    assert_int_equal(access_check(&a, &request), ACCESS_FIRST);
    request.path = "/data/tsk_1/x.png"; /* the token is only for the page */
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
}

static void test_the_cookie(void **state)
{
    struct access a = made();
    struct access b = made();
    struct access_request request = { .method = "HEAD",
                                      .host = "localhost:4711",
                                      .path = "/x" };

    (void)state;
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
    request.cookie = b.token;
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
    request.cookie = "";
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
    request.cookie = a.token;
    assert_int_equal(access_check(&a, &request), ACCESS_GRANTED);
}

static void test_who_is_not_asked(void **state)
{
    static const char *const hosts[] = { NULL,
                                         "",
                                         "127.0.0.1",
                                         "localhost",
                                         "127.0.0.1:4712",
                                         "evil.example:4711",
                                         "127.0.0.1:47110",
                                         "127.0.0.1:4711.evil.example" };
    struct access a = made();
    struct access_request request = { .method = "GET", .path = "/", .cookie = a.token };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        request.host = hosts[i];
        assert_int_equal(access_check(&a, &request), ACCESS_FOREIGN);
    }
}

static void test_methods(void **state)
{
    static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "get", "" };
    struct access a = made();
    struct access_request request = { .host = "127.0.0.1:4711",
                                      .path = "/",
                                      .cookie = a.token };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        request.method = methods[i];
        assert_int_equal(access_check(&a, &request), ACCESS_METHOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),     cmocka_unit_test(test_the_first_url),
        cmocka_unit_test(test_the_cookie), cmocka_unit_test(test_who_is_not_asked),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
