/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "s3/object_page.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                   \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                             \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
#define URL        "<EncodingType>url</EncodingType>"
#define ENTRY(key) "<Contents><Key>" key "</Key><Size>1</Size></Contents>"
#define MORE(token)                                                                            \
    "<IsTruncated>true</IsTruncated><NextContinuationToken>" token "</NextContinuationToken>"
#define END "</ListBucketResult>"

/* The visited objects as "key,size,etag,time;" */
struct seen {
    char text[2000];
    int stop_at; /* number of the object whose visit fails; 0: none */
    int count;
};

static int visit(void *ctx, const struct object_listed *object, struct err *err)
{
    struct seen *seen = ctx;

    (void)snprintf(seen->text + strlen(seen->text), sizeof(seen->text) - strlen(seen->text),
                   "%s,%llu,%s,%lld;", object->key, (unsigned long long)object->size,
                   object->etag,
                   object->modified_ms == CLOCK_NONE ? -1LL : (long long)object->modified_ms);
    if (++seen->count == seen->stop_at)
        return err_set(err, ERR_DENIED, "no further");
    return 0;
}

static int parse(struct object_page *page, const char *text, struct seen *seen, struct err *err)
{
    *seen = (struct seen){ .stop_at = seen->stop_at };
    return object_page_read(page, text, strlen(text), visit, seen, err);
}

static void test_pages(void **state)
{
    struct object_page page = { .prefix = "a" };
    struct seen seen = { .stop_at = 0 };
    struct err err = { 0 };

    (void)state;
    if (parse(&page,
              HEAD "<IsTruncated>false</IsTruncated><Contents><Key>a/1</Key><LastModified>"
                   "2026-01-20T11:52:29.276Z</LastModified><ETag>&quot;x&quot;</ETag><Size>"
                   "18446744073709551615</Size><Owner><ID>me</ID></Owner></Contents>" ENTRY(
                       "a/2") END,
              &seen, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(seen.text, "a/1,18446744073709551615,\"x\",1768909949276;a/2,1,,-1;");
    assert_false(page.more);
    assert_string_equal(page.last, "a/2");
    assert_int_equal(parse(&page, HEAD MORE("t+1=") ENTRY("a/3") END, &seen, &err), 0);
    assert_true(page.more);
    assert_string_equal(page.token, "t+1=");
    assert_int_equal(parse(&page, HEAD END, &seen, &err), 0);
    assert_false(page.more);
    assert_string_equal(page.token, "");
    assert_string_equal(seen.text, "");
}

/* Keys are decoded if the page says so, wherever it does. */
static void test_encodings(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        { HEAD URL ENTRY("a+b%2Bc") END, "a b+c,1,,-1;" },
        { HEAD ENTRY("a%20%25") URL END, "a %,1,,-1;" },
        { HEAD URL ENTRY("a%0A%c3%A4%FF") END, "a\n\xc3\xa4\xff,1,,-1;" },
        { HEAD URL ENTRY("a%3C%26amp%3B") END, "a<&amp;,1,,-1;" },
        { HEAD ENTRY("a+b%20") END, "a+b%20,1,,-1;" },
        { HEAD ENTRY("a ") END, "a ,1,,-1;" },
        { HEAD "<EncodingType>other</EncodingType>" ENTRY("a%20") END, "a%20,1,,-1;" },
    };
    struct seen seen = { .stop_at = 0 };
    struct err err = { 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct object_page page = { .prefix = "a" };

        if (parse(&page, cases[i].text, &seen, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_string_equal(seen.text, cases[i].want);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        { HEAD, "invalid XML" },
        { "<Error><Code>x</Code></Error>", "is no list" },
        { "<html><ListBucketResult/></html>", "is no list" },
        { HEAD ENTRY("b") END, "which was not asked for" },
        { HEAD ENTRY("A") END, "which was not asked for" },
        { HEAD ENTRY("a/2") ENTRY("a/1") END, "not in the order" },
        { HEAD ENTRY("a/2") ENTRY("a/2") END, "not in the order" },
        { HEAD ENTRY("a/0") END, "not in the order" }, /* it begins after a/1 */
        { HEAD URL ENTRY("a/3") ENTRY("a/%32") END, "not in the order" },
        { HEAD ENTRY("") END, "without a key" },
        { HEAD "<Contents><Size>1</Size></Contents>" END, "without a key" },
        { HEAD "<Contents><Key>a/2</Key></Contents>" END, "without a size" },
        { HEAD "<Contents><Key>a/2</Key><Size>-1</Size></Contents>" END, "invalid size" },
        { HEAD "<Contents><Key>a/2</Key><Size>x</Size></Contents>" END, "invalid size" },
        { HEAD "<Contents><Key>a/2</Key><Size>18446744073709551616</Size></Contents>" END,
          "invalid size" },
        { HEAD URL ENTRY("a/2%") END, "encoded wrongly" },
        { HEAD URL ENTRY("a/2%4") END, "encoded wrongly" },
        { HEAD URL ENTRY("a/2%4x") END, "encoded wrongly" },
        { HEAD URL ENTRY("a/2%00b") END, "encoded wrongly" },
        { HEAD ENTRY("a/2") "<IsTruncated>true</IsTruncated>" END, "without a continuation" },
        { HEAD ENTRY("a/2") MORE("before") END, "repeats its continuation token" },
    };
    struct seen seen = { .stop_at = 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct object_page page = { .prefix = "a", .last = "a/1", .token = "before" };
        struct err err = { 0 };

        if (parse(&page, cases[i].text, &seen, &err) == 0)
            fail_msg("accepted: %s", cases[i].text);
        assert_int_equal(err.kind, ERR_FORMAT);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%s: %s", cases[i].text, err.text);
    }
}

static void test_limits(void **state)
{
    struct object_page page = { .prefix = "a" };
    struct seen seen = { .stop_at = 2 };
    struct err err = { 0 };
    char text[8000];
    unsigned i;

    (void)state;
    assert_int_equal(parse(&page, HEAD ENTRY("a/1") ENTRY("a/2") ENTRY("a/3") END, &seen, &err),
                     -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_string_equal(seen.text, "a/1,1,,-1;a/2,1,,-1;");

    seen.stop_at = 0;
    (void)snprintf(text, sizeof(text),
                   HEAD "<Contents><Key>b%0*d</Key><Size>1</Size></Contents>" END,
                   LOCATION_KEY_MAX - 1, 0);
    page.prefix = "";
    assert_int_equal(parse(&page, text, &seen, &err), 0);
    (void)snprintf(text, sizeof(text),
                   HEAD "<Contents><Key>c%0*d</Key><Size>1</Size></Contents>" END,
                   LOCATION_KEY_MAX, 0);
    assert_int_equal(parse(&page, text, &seen, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);

    /* empty pages, each with another token */
    for (i = 1; i < OBJECT_PAGE_EMPTY; i++) {
        (void)snprintf(text, sizeof(text), HEAD MORE("t%u") END, i);
        assert_int_equal(parse(&page, text, &seen, &err), 0);
    }
    assert_int_equal(parse(&page, HEAD MORE("last") END, &seen, &err), -1);
    assert_non_null(strstr(err.text, "in a row without an object"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
    };

    return RUN(tests);
}
