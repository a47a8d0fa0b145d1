/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "viewer/access.h"

#include <stdio.h>
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
        .method = "GET", .host = "127.0.0.1:4711", .path = a.folder, .token = a.token
    };
    char below[ACCESS_FOLDER + 8];

    (void)state;
    assert_int_equal(strlen(a.folder), ACCESS_FOLDER);
    assert_int_equal(access_check(&a, &request), ACCESS_FIRST);
    request.host = "LocalHost:4711";
    assert_int_equal(access_check(&a, &request), ACCESS_FIRST);
    (void)snprintf(below, sizeof(below), "%sdata/x", a.folder);
    request.path = below; /* the token is only for the page */
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
    assert_string_equal(access_below(below), "/data/x");
    request.path = "/";
    assert_int_equal(access_check(&a, &request), ACCESS_FORBIDDEN);
    request.path = "/favicon.ico";
    assert_int_equal(access_check(&a, &request), ACCESS_ICON);
}

/* The verdict of a Cookie header: the token between two texts. */
static enum access_verdict with_cookie(const struct access *a, const char *before,
                                       const char *token, const char *after)
{
    char header[512];
    struct access_request request = {
        .method = "HEAD", .host = "localhost:4711", .path = a->folder, .cookie = header
    };

    (void)snprintf(header, sizeof(header), "%s%s%s", before, token, after);
    return access_check(a, &request);
}

static void test_the_cookie(void **state)
{
    static const char *const good[][2] = {
        { "skyarc-4711=", "" },
        { "a=b; skyarc-4711=", "" },
        { "skyarc-4711=", "; a=b" },
        { "a={\"x\":1}; skyarc-4711=", "" },
        { "skyarc-4711=old;skyarc-4711=", "" },
        { "a=\"; ;;=; skyarc-4711=", " ;" },
    };
    static const char *const bad[][2] = {
        { "", "" },
        { "skyarc-471=", "" },
        { "skyarc-47110=", "" },
        { "xskyarc-4711=", "" },
        { "skyarc-4711=", "x" },
        { "skyarc-4711=x", "" },
        { "skyarc-4711 =", "" },
        { "a=skyarc-4711=", "" },
    };
    struct access a = made();
    struct access b = made();
    struct access_request none = { .method = "GET",
                                   .host = "localhost:4711",
                                   .path = a.folder };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_int_equal(with_cookie(&a, good[i][0], a.token, good[i][1]), ACCESS_GRANTED);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(with_cookie(&a, bad[i][0], a.token, bad[i][1]), ACCESS_FORBIDDEN);
    assert_int_equal(with_cookie(&a, "skyarc-4711=", b.token, ""), ACCESS_FORBIDDEN);
    assert_int_equal(with_cookie(&a, "skyarc-4711=", "", ""), ACCESS_FORBIDDEN);
    assert_int_equal(with_cookie(&a, "skyarc-4711", "", ""), ACCESS_FORBIDDEN);
    assert_int_equal(access_check(&a, &none), ACCESS_FORBIDDEN);
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
    struct access_request request = { .method = "GET", .path = a.folder };
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
