/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "net/url.h"
#include "unit.h"

static void test_origins(void **state)
{
    char out[URL_ORIGIN_MAX];

    (void)state;
    assert_int_equal(url_origin(out, "HTTPS://Api.Example/x?y", NULL), 0);
    assert_string_equal(out, "https://api.example:443");
    assert_int_equal(url_origin(out, "http://[::1]:8000", NULL), 0);
    assert_string_equal(out, "http://[::1]:8000");
    assert_int_equal(url_origin(out, "http://good.example@evil.example/", NULL), 0);
    assert_string_equal(out, "http://evil.example:80");
    assert_int_equal(url_origin(out, "file:///etc/passwd", NULL), -1);
    assert_int_equal(url_origin(out, "//x", NULL), -1);
    assert_int_equal(url_origin(out, "", NULL), -1);
}

static void test_bases(void **state)
{
    static const char *const same[] = { "https://h.example/", "https://h.example/v1",
                                        "https://h.example/api/v1/", "https://h.example/v1//",
                                        "https://h.example?x=1" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
        char *base = url_base(same[i], NULL);

        assert_string_equal(base, "https://h.example");
        mem_free(base);
    }
    assert_null(url_base("https://u:p@h.example", NULL));
    assert_null(url_base("h.example:x:y", NULL));
}

static void test_queries(void **state)
{
    char out[64];

    (void)state;
    assert_true(url_query("http://h/p?a=1&b=x%20y%2Bz+w#c=3", "b", out, sizeof(out)));
    assert_string_equal(out, "x y+z w");
    assert_false(url_query("http://h/p?a=1#b=2", "b", out, sizeof(out)));
    assert_false(url_query("http://h/p?A=1", "a", out, sizeof(out)));
    assert_false(url_query("http://h/p?a=%00", "a", out, sizeof(out)));
    assert_false(url_query("http://h/p?a=12345", "a", out, 4));
}

static void test_shown(void **state)
{
    char out[URL_SHOWN_MAX];

    (void)state;
    assert_string_equal(url_shown(out, "https://u:p@h/x y\n?sig=secret#f"),
                        "https://h/x y\\x0a");
    assert_string_equal(url_shown(out, "nonsense"), "nonsense");
}

static void test_hosts(void **state)
{
    char host[URL_ORIGIN_MAX];

    (void)state;
    assert_true(url_host(host, "https://api.example:443"));
    assert_string_equal(host, "api.example");
    assert_true(url_host(host, "http://[::1]:8000"));
    assert_string_equal(host, "[::1]");
    assert_false(url_host(host, "http://:80"));
    assert_false(url_host(host, "http://host"));
    assert_false(url_host(host, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins), cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_bases),   cmocka_unit_test(test_queries),
        cmocka_unit_test(test_shown),
    };

    return RUN(tests);
}
