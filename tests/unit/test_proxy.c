/* SPDX-License-Identifier: MIT */
#include "net/proxy.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static void test_local(void **state)
{
    (void)state;
    assert_true(proxy_is_local("localhost"));
    assert_true(proxy_is_local("LocalHost."));
    assert_true(proxy_is_local("api.localhost"));
    assert_true(proxy_is_local("127.0.0.1"));
    assert_true(proxy_is_local("127.9.8.7"));
    assert_true(proxy_is_local("[::1]"));
    assert_true(proxy_is_local("[::ffff:127.0.0.1]"));
    assert_false(proxy_is_local("localhost.example.org"));
    assert_false(proxy_is_local("127.0.0.1.example.org"));
    assert_false(proxy_is_local("128.0.0.1"));
    assert_false(proxy_is_local("[::2]"));
    assert_false(proxy_is_local(""));
}

static void test_exempt(void **state)
{
    (void)state;
    assert_true(proxy_exempt("*", "a.example"));
    assert_true(proxy_exempt("b.example, a.example", "a.example"));
    assert_true(proxy_exempt(".example", "a.Example"));
    assert_true(proxy_exempt("example.", "a.example."));
    assert_true(proxy_exempt("10.0.0.0/8 x", "10.1.2.3"));
    assert_true(proxy_exempt("192.168.1.0/25", "192.168.1.127"));
    assert_true(proxy_exempt("10.1.2.3", "10.1.2.3"));
    assert_true(proxy_exempt("fd00::/8", "[fd12::1]"));
    assert_true(proxy_exempt("[fd12::1]", "[fd12::1]"));
    assert_false(proxy_exempt("192.168.1.0/25", "192.168.1.128"));
    assert_false(proxy_exempt("ample", "a.example"));
    assert_false(proxy_exempt("a.example.org", "a.example"));
    assert_false(proxy_exempt("10.0.0.0/8x,10.0.0.0/99,10.0.0.0/,/,.", "10.1.2.3"));
    assert_false(proxy_exempt("", "a.example"));
}

static void test_environment(void **state)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY",  "https_proxy",
                                         "all_proxy",  "HTTPS_PROXY", "ALL_PROXY",
                                         "no_proxy",   "NO_PROXY" };
    const char *name = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)unsetenv(names[i]);
    assert_null(proxy_of("http://a.example:80", &name));
    (void)setenv("HTTP_PROXY", "http://p:1", 1); /* a header of a CGI program's client */
    assert_null(proxy_of("http://a.example:80", &name));
    (void)setenv("ALL_PROXY", "socks5h://p:2", 1);
    assert_string_equal(proxy_of("http://a.example:80", &name), "socks5h://p:2");
    assert_string_equal(name, "ALL_PROXY");
    (void)setenv("http_proxy", "http://p:3", 1);
    assert_string_equal(proxy_of("http://a.example:80", &name), "http://p:3");
    assert_string_equal(proxy_of("https://a.example:443", NULL), "socks5h://p:2");
    assert_null(proxy_of("http://127.0.0.1:8000", &name));
    assert_null(proxy_of("https://[::1]:443", &name));
    (void)setenv("NO_PROXY", "a.example", 1);
    assert_null(proxy_of("http://a.example:80", &name));
    (void)setenv("no_proxy", "b.example", 1); /* the lower-case variable takes precedence */
    assert_string_equal(proxy_of("http://a.example:80", &name), "http://p:3");
    assert_null(proxy_of("nonsense", &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_exempt),
        cmocka_unit_test(test_environment),
    };

    return RUN(tests);
}
