/* SPDX-License-Identifier: MIT */
#include "s3/location.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        const char *bucket;
        const char *key;
    } good[] = {
        { "s3://abc", "abc", "" },
        { "s3://abc/", "abc", "" },
        { "s3://a.b-c_D/x/y.tar.zst", "a.b-c_D", "x/y.tar.zst" },
        { "s3://abc/dir/", "abc", "dir/" },
        { "s3://abc/a%20b+c d?e#f\xc3\xa4", "abc", "a%20b+c d?e#f\xc3\xa4" },
        { "s3://abc/..a/b../.c", "abc", "..a/b../.c" },
    };
    static const char *const bad[] = {
        "abc",
        "S3://abc/x",
        "s3:/abc/x",
        "s3://ab/x",
        "s3://-abc/x",
        "s3://a c/x",
        "s3://a:b/x",
        "s3://a@bcd/x",
        "s3://abc//x",
        "s3://abc/x//y",
        "s3://abc/.",
        "s3://abc/..",
        "s3://abc/x/../y",
        "s3://abc/x/./y",
        "s3://abc/x\ny",
        "s3://\xc3\xa4\xc3\xa4/x",
        "s3://abc?x",
        "s3://",
    };
    struct location location;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(location_parse(&location, good[i].text, NULL), 0);
        assert_string_equal(location.bucket, good[i].bucket);
        assert_string_equal(location.key, good[i].key);
    }
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err_clear(&err);
        if (location_parse(&location, bad[i], &err) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

static void test_lengths(void **state)
{
    char text[LOCATION_KEY_MAX + 100];
    struct location location;

    (void)state;
    (void)snprintf(text, sizeof(text), "s3://%064d/x", 1);
    assert_int_equal(location_parse(&location, text, NULL), -1);
    (void)snprintf(text, sizeof(text), "s3://%063d/x", 1);
    assert_int_equal(location_parse(&location, text, NULL), 0);
    (void)snprintf(text, sizeof(text), "s3://abc/%01024d", 1);
    assert_int_equal(location_parse(&location, text, NULL), 0);
    (void)snprintf(text, sizeof(text), "s3://abc/%01025d", 1);
    assert_int_equal(location_parse(&location, text, NULL), -1);
}

static void check(const char *url, enum location_style style, const char *region,
                  const char *bucket, const char *key, const char *want, const char *host)
{
    struct location_endpoint endpoint = { .url = url, .style = style };
    struct location_url out = { 0 };
    struct err err = { 0 };

    (void)snprintf(endpoint.region, sizeof(endpoint.region), "%s", region);
    if (location_url(&out, &endpoint, bucket, key, "", &err) < 0)
        fail_msg("%s: %s", url ? url : "aws", err.text);
    assert_string_equal(buf_text(&out.url), want);
    assert_string_equal(out.host, host);
    location_url_clear(&out);
    location_url_clear(&out);
}

static void test_aws(void **state)
{
    (void)state;
    check(NULL, LOCATION_AUTO, "eu-west-1", "runs", "a b",
          "https://runs.s3.eu-west-1.amazonaws.com/a%20b", "runs.s3.eu-west-1.amazonaws.com");
    /* the certificate covers one label only */
    check(NULL, LOCATION_AUTO, "eu-west-1", "my.runs", "a",
          "https://s3.eu-west-1.amazonaws.com/my.runs/a", "s3.eu-west-1.amazonaws.com");
    check(NULL, LOCATION_AUTO, "us-east-1", "Runs", "a",
          "https://s3.us-east-1.amazonaws.com/Runs/a", "s3.us-east-1.amazonaws.com");
    check(NULL, LOCATION_PATH, "cn-north-1", "runs", "",
          "https://s3.cn-north-1.amazonaws.com.cn/runs", "s3.cn-north-1.amazonaws.com.cn");
    check(NULL, LOCATION_VIRTUAL, "eusc-de-east-1", "runs", "",
          "https://runs.s3.eusc-de-east-1.amazonaws.eu/",
          "runs.s3.eusc-de-east-1.amazonaws.eu");
}

static void test_endpoints(void **state)
{
    (void)state;
    check("http://127.0.0.1:7070", LOCATION_AUTO, "x", "runs", "a/b%+?#\xc3\xa4",
          "http://127.0.0.1:7070/runs/a/b%25%2B%3F%23%C3%A4", "127.0.0.1:7070");
    check("http://[::1]:7070/", LOCATION_AUTO, "x", "runs", "a", "http://[::1]:7070/runs/a",
          "[::1]:7070");
    check("http://[::1]", LOCATION_AUTO, "x", "runs", "a", "http://[::1]/runs/a", "[::1]");
    check("https://h:443/", LOCATION_AUTO, "x", "runs", "a", "https://h/runs/a", "h");
    check("http://h:443", LOCATION_AUTO, "x", "runs", "a", "http://h:443/runs/a", "h:443");
    check("http://h:80", LOCATION_AUTO, "x", "runs", "a", "http://h/runs/a", "h");
    check("https://H.Example.com/store/s3//", LOCATION_AUTO, "x", "runs", "a",
          "https://h.example.com/store/s3/runs/a", "h.example.com");
    check("https://h/p", LOCATION_VIRTUAL, "x", "runs", "a", "https://runs.h/p/a", "runs.h");
    check("https://h", LOCATION_VIRTUAL, "x", "runs", "", "https://runs.h/", "runs.h");
}

static void test_bad_endpoints(void **state)
{
    static const char *const bad[] = {
        "",
        "h",
        "ftp://h",
        "https://",
        "https:///x",
        "http://h?x",
        "http://h#x",
        "http://h/?x",
        "http://u:geheim@h",
        "http://u@h/x",
        "http://h/a b",
        "http://h/a\\b",
        "http://h\\@x",
        "http://h x",
        "http://h\xc3\xa4",
        "http://h/\xc3\xa4",
        "http://h/@x",
        "http://h:99999",
        "http://[::1",
        "http://h/x\ny",
    };
    struct location_url out = { 0 };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct location_endpoint endpoint = { .url = bad[i], .region = "x" };

        err_clear(&err);
        if (location_url(&out, &endpoint, "runs", "a", "", &err) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.kind, ERR_SYSTEM);
        assert_null(strstr(err.text, "geheim"));
        location_url_clear(&out);
    }
}

static void test_regions(void **state)
{
    (void)state;
    assert_true(aws_region_is_valid("us-east-1"));
    assert_true(aws_region_is_valid("auto"));
    assert_false(aws_region_is_valid(""));
    assert_false(aws_region_is_valid("EU"));
    assert_false(aws_region_is_valid("a.b"));
    assert_false(aws_region_is_valid("a/b"));
    assert_false(aws_region_is_valid("-a"));
    assert_false(aws_region_is_valid("a-"));
    assert_false(aws_region_is_valid(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_aws),       cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_regions),   cmocka_unit_test(test_bad_endpoints),
    };

    return RUN(tests);
}
