/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "net/xml.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* The visited elements as "path=text;" */
struct seen {
    char text[2000];
    int stop_at; /* number of the element whose visit fails; 0: none */
    int count;
};

static int visit(void *ctx, const char *path, const char *text, struct err *err)
{
    struct seen *seen = ctx;

    (void)snprintf(seen->text + strlen(seen->text), sizeof(seen->text) - strlen(seen->text),
                   "%s=%s;", path, text);
    if (++seen->count == seen->stop_at)
        return err_set(err, ERR_DENIED, "no further");
    return 0;
}

static void check(const char *text, const char *want)
{
    struct seen seen = { "", 0, 0 };
    struct err err = { 0 };

    if (xml_parse(text, strlen(text), visit, &seen, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(seen.text, want);
}

static void test_documents(void **state)
{
    (void)state;
    check("<a/>", "a=;");
    check("\n  <?xml version=\"1.0\"?><a><b> x y </b><c><d>1</d></c></a>",
          "a/b=x y;a/c/d=1;a/c=;a=;");
    check("<a>&lt;&amp;&#228;<![CDATA[<b>]]></a>", "a=<&\xc3\xa4<b>;");
    check("<a xmlns=\"http://s3\"><b x=\"1\">2</b></a>", "a/b=2;a=;");
    check("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe4</a>", "a=\xc3\xa4;");
}

static void test_exact(void **state)
{
    static const char text[] = "<a>\n<b> x y </b> </a>";
    struct seen seen = { "", 0, 0 };

    (void)state;
    assert_int_equal(xml_parse_exact(text, strlen(text), visit, &seen, NULL), 0);
    assert_string_equal(seen.text, "a/b= x y ;a= ;");
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&x;</a>",
        "<a>\xff</a>",
        "<a>\1</a>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<!DOCTYPE a><a/>",
    };
    struct seen seen = { "", 0, 0 };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err_clear(&err);
        if (xml_parse(bad[i], strlen(bad[i]), visit, &seen, &err) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.kind, ERR_FORMAT);
    }
    assert_int_equal(xml_parse("<a\0/>", 5, visit, &seen, NULL), -1);
}

static void test_limits(void **state)
{
    char text[ELEMENT_TEXT_MAX + 100];
    struct seen seen = { "", 0, 0 };
    struct err err = { 0 };
    size_t i;

    (void)state;
    (void)snprintf(text, sizeof(text), "<a>%0*d</a>", ELEMENT_TEXT_MAX, 1);
    assert_int_equal(xml_parse(text, strlen(text), visit, &seen, &err), 0);
    (void)snprintf(text, sizeof(text), "<a>%0*d</a>", ELEMENT_TEXT_MAX + 1, 1);
    assert_int_equal(xml_parse(text, strlen(text), visit, &seen, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    for (*text = '\0', i = 0; i < ELEMENT_PATH_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "<a>");
    assert_int_equal(xml_parse(text, strlen(text), visit, &seen, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    seen = (struct seen){ "", 1, 0 };
    assert_int_equal(xml_parse("<a><b/><c/></a>", 15, visit, &seen, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_string_equal(seen.text, "a/b=;");
}

/* Whichever allocation of the parser fails, an error is returned. */
static void test_no_memory(void **state)
{
    static const char text[] = "<a><b>some text</b><c/></a>";
    struct seen seen = { "", 0, 0 };
    unsigned long n;
    int rc = -1;

    (void)state;
    for (n = 1; rc < 0 && n < 1000; n++) {
        struct err err = { 0 };

        mem_fail_at(n, 0);
        rc = xml_parse(text, strlen(text), visit, &seen, &err);
        mem_fail_at(0, 0);
        if (rc < 0)
            assert_int_not_equal(err.kind, ERR_NONE);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 3);
}

static void test_escape(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(xml_escape(&out, "a<b>&\"'\xc3\xa4", NULL), 0);
    assert_string_equal(buf_text(&out), "a&lt;b&gt;&amp;&quot;'\xc3\xa4");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_exact),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_escape),
    };

    return RUN(tests);
}
