/* SPDX-License-Identifier: MIT */
#include "s3/version_list.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                   \
    "<?xml version=\"1.0\"?><ListVersionsResult "                                              \
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define END "</ListVersionsResult>"
#define VERSION(key, id, latest)                                                               \
    "<Version><Key>" key "</Key><VersionId>" id "</VersionId><IsLatest>" latest                \
    "</IsLatest><Size>7</Size></Version>"
#define MARKER(key, id, latest)                                                                \
    "<DeleteMarker><Key>" key "</Key><VersionId>" id "</VersionId><IsLatest>" latest           \
    "</IsLatest></DeleteMarker>"
#define MORE(key, id)                                                                          \
    "<IsTruncated>true</IsTruncated><NextKeyMarker>" key                                       \
    "</NextKeyMarker><NextVersionIdMarker>" id "</NextVersionIdMarker>"

/* The visited versions as "key,id,latest,marker,size;" */
struct seen {
    char text[2000];
};

static int visit(void *ctx, const struct version_listed *v, struct err *err)
{
    struct seen *seen = ctx;
    size_t len = strlen(seen->text);

    if (strcmp(v->id, "stop") == 0)
        return err_set(err, ERR_DENIED, "no further");
    (void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s,%s,%d,%d,%llu;", v->key,
                   v->id, v->latest, v->marker, (unsigned long long)v->size);
    return 0;
}

static int parse(struct version_page *page, const char *text, struct seen *seen,
                 struct err *err)
{
    *seen = (struct seen){ "" };
    return version_list_read(page, text, strlen(text), visit, seen, err);
}

static void test_pages(void **state)
{
    struct version_page page = { .prefix = "a" };
    struct seen seen;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        parse(&page,
              HEAD MORE("a%2F2", "v+3") VERSION("a/1", "v2", "true") MARKER("a/2", "m", "true")
                  VERSION("a%2F2", "null", "false") "<EncodingType>url</EncodingType>" END,
              &seen, &err),
        0);
    assert_string_equal(seen.text, "a/1,v2,1,0,7;a/2,m,1,1,0;a/2,null,0,0,7;");
    assert_true(page.more);
    assert_string_equal(page.key, "a/2");
    assert_string_equal(page.id, "v+3");
    assert_int_equal(parse(&page, HEAD VERSION("a/2", "v1", "false") END, &seen, &err), 0);
    assert_false(page.more);
    assert_int_equal(parse(&page, HEAD END, &seen, &err), 0);
    assert_string_equal(seen.text, "");
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int kind;
    } cases[] = {
        { HEAD VERSION("b/1", "v", "true") END, ERR_FORMAT }, /* outside the prefix */
        { HEAD VERSION("", "v", "true") END, ERR_FORMAT },    /* no key */
        { HEAD VERSION("a/1", "", "true") END, ERR_FORMAT },  /* no ID */
        { HEAD VERSION("a/1", "stop", "true") END, ERR_DENIED },
        { HEAD MORE("a/3", "v") END, ERR_FORMAT },                               /* empty */
        { HEAD MORE("a/0", "v") VERSION("a/1", "v", "true") END, ERR_FORMAT },   /* back */
        { HEAD MORE("a/1", "v9") VERSION("a/1", "v9", "true") END, ERR_FORMAT }, /* again */
        { HEAD MORE("", "") VERSION("a/1", "v9", "true") END, ERR_FORMAT },
        { HEAD "<Version><Key>a/1</Key><VersionId>v</VersionId><Size>-1</Size></Version>" END,
          ERR_FORMAT },
        { HEAD "<EncodingType>url</EncodingType>" VERSION("a%", "v", "true") END, ERR_FORMAT },
        { "<ListBucketResult></ListBucketResult>", ERR_FORMAT },
        { HEAD VERSION("a/1", "v", "true"), ERR_FORMAT },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct version_page page = { .prefix = "a", .key = "a/1", .id = "v9" };
        struct seen seen;
        struct err err = { 0 };

        if (parse(&page, cases[i].text, &seen, &err) == 0 || (int)err.kind != cases[i].kind)
            fail_msg("case %zu: %d %s", i, (int)err.kind, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_refused),
    };

    return RUN(tests);
}
