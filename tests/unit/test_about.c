/* SPDX-License-Identifier: MIT */
#include "view/about.h"

#include "unit.h"

#include <string.h>

static void check(const struct about *about, const char *want)
{
    struct buf out;
    struct err err;

    buf_init(&out, 4096);
    assert_int_equal(about_put(about, &out, &err), 0);
    assert_string_equal(buf_text(&out), want);
    buf_clear(&out);
}

static void source(struct about *about, const char *text)
{
    about_source(about, text, strlen(text));
}

static void created(struct about *about, const char *text)
{
    about_created(about, text, strlen(text));
}

static void test_one_archive(void **state)
{
    struct about about = { .artifacts = 3, .bytes = 5000000000, .missing = 1 };

    (void)state;
    source(&about, "\"http://a\"");
    created(&about, "\"2026-01-20T11:52:29Z\"");
    check(&about,
          "{\"source\": \"http://a\", \"created\": \"2026-01-20T11:52:29Z\", "
          "\"filter\": false, \"artifacts\": 3, \"bytes\": 5000000000, \"missing\": 1}");
}

static void test_several_archives(void **state)
{
    struct about about = { .filtered = true };

    (void)state;
    source(&about, "\"http://a\"");
    created(&about, "\"2026-01-21T00:00:00Z\"");
    source(&about, "\"http://a\"");
    created(&about, "\"2026-01-20T00:00:00Z\"");
    check(&about, "{\"source\": \"http://a\", \"created\": \"2026-01-21T00:00:00Z\", "
                  "\"filter\": true}");
    source(&about, "\"http://b\""); /* not of one service */
    check(&about, "{\"source\": null, \"created\": \"2026-01-21T00:00:00Z\", "
                  "\"filter\": true}");
    source(&about, "\"http://b\"");
    check(&about, "{\"source\": null, \"created\": \"2026-01-21T00:00:00Z\", "
                  "\"filter\": true}");
}

static void test_hostile_values(void **state)
{
    char large[ABOUT_VALUE_MAX + 2];
    struct about about = { 0 };

    (void)state;
    memset(large, 'x', sizeof(large));
    large[0] = large[ABOUT_VALUE_MAX - 1] = '"';
    large[ABOUT_VALUE_MAX] = '\0';
    source(&about, large);
    created(&about, "{\"a\": 1}");
    check(&about, "{\"source\": null, \"created\": null, \"filter\": false}");
    about = (struct about){ 0 };
    source(&about, "\"</script>`${x}\"");
    created(&about, "null");
    check(&about, "{\"source\": \"\\u003c/script>\\u0060\\u0024{x}\", \"created\": null, "
                  "\"filter\": false}");
    about = (struct about){ 0 };
    source(&about, "");
    check(&about, "{\"source\": null, \"created\": null, \"filter\": false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_archive),
        cmocka_unit_test(test_several_archives),
        cmocka_unit_test(test_hostile_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
