/* SPDX-License-Identifier: MIT */
#include "api/fetch_url.h"
#include "unit.h"

#define SKYVERN "https://a.example/f?kid=1&expiry=1767225600&sig="
#define WHOLE   "0123456789012345678901234567890123456789012"

static struct engine *engine;

static int set_up(void **state)
{
    struct engine_opts opts = { .agent = "test", .jobs = 1 };

    (void)state;
    engine = engine_new(&opts, NULL);
    return engine ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    engine_free(engine);
    return 0;
}

static void test_the_facts_of_a_url(void **state)
{
    struct fetch_url url;
    const struct origin *origin;

    (void)state;
    assert_true(fetch_url_parse(&url, SKYVERN WHOLE, engine, true));
    assert_string_equal(url.text, SKYVERN WHOLE);
    assert_string_equal(url.origin->name, "https://a.example:443");
    assert_int_equal(url.expiry, INT64_C(1767225600000));
    assert_true(url.is_signed);
    origin = url.origin;
    assert_true(fetch_url_parse(&url, "https://A.example:443/g", engine, true));
    assert_ptr_equal(url.origin, origin);
    assert_int_equal(url.expiry, EXPIRY_NEVER);
    assert_false(url.is_signed);
}

static void test_what_cannot_be_used_is_no_url(void **state)
{
    static const char *const bad[] = {
        NULL,
        "",
        "ftp://a.example/f",
        "https://a.example/f g",
        "https://a.example/f\ng",
        "https://",
        "http://a.example/f", /* not secure */
        SKYVERN "0123",       /* its signature is truncated */
    };
    struct fetch_url url;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_true(fetch_url_parse(&url, "https://a.example/f", engine, true));
        assert_false(fetch_url_parse(&url, bad[i], engine, true));
        assert_null(url.text);
        assert_null(url.origin);
        assert_int_equal(url.expiry, EXPIRY_NEVER);
        assert_false(url.is_signed);
    }
    assert_true(fetch_url_parse(&url, "http://a.example/f", engine, false));
}

static void test_urls_of_a_content_endpoint(void **state)
{
    static const struct {
        const char *text;
        bool is_content;
    } urls[] = {
        { "https://a.example/v1/artifacts/a_1/content?kid=1&expiry=1767225600&sig=" WHOLE,
          true },
        { "https://a.example/v1/artifacts/a_1/content?artifact_name=x", true },
        { "https://a.example/skyvern/v1/artifacts/a_1/content", true },
        { "https://a.example/v1/artifacts/a_1/content/more", false },
        { "https://a.example/v1/artifacts/content", false },
        { "https://a.example/v1/artifacts//content", false },
        { "https://a.example/f?to=/v1/artifacts/a_1/content", false },
        { SKYVERN WHOLE, false },
    };
    struct fetch_url url;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        assert_true(fetch_url_parse(&url, urls[i].text, engine, true));
        assert_int_equal(url.is_content, urls[i].is_content);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_facts_of_a_url),
        cmocka_unit_test(test_urls_of_a_content_endpoint),
        cmocka_unit_test(test_what_cannot_be_used_is_no_url),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
