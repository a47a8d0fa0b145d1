/* SPDX-License-Identifier: MIT */
#include "s3/object_lock.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS   " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static int hold(const char *text, struct err *err)
{
    return object_lock_read_hold(text, strlen(text), err);
}

static void test_holds(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(hold(HEAD "<LegalHold" NS "><Status>ON</Status></LegalHold>", &err), 1);
    assert_int_equal(hold("<LegalHold><Status> OFF\n</Status></LegalHold>", &err), 0);
    assert_int_equal(hold("<LegalHold><Status>on</Status></LegalHold>", &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(hold("<LegalHold/>", &err), -1);
    assert_int_equal(hold("<LegalHold><A><Status>ON</Status></A></LegalHold>", &err), -1);
    assert_int_equal(hold("<LegalHold><Status>ON</Status>", &err), -1);
    assert_int_equal(hold("<!DOCTYPE a><LegalHold><Status>ON</Status></LegalHold>", &err), -1);
    assert_int_equal(hold("", &err), -1);
}

static int retention(const char *text, struct object_retention *out, struct err *err)
{
    return object_lock_read_retention(text, strlen(text), out, err);
}

static void test_retentions(void **state)
{
    struct object_retention got = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(retention(HEAD "<Retention" NS "><Mode>COMPLIANCE</Mode><RetainUntilDate>"
                                    "2026-01-20T11:52:29.276Z</RetainUntilDate></Retention>",
                               &got, &err),
                     0);
    assert_int_equal(got.mode, OBJECT_LOCK_COMPLIANCE);
    assert_true(got.until_ms == 1768909949276);
    assert_int_equal(retention("<Retention><RetainUntilDate>2026-01-20T11:52:29Z"
                               "</RetainUntilDate><Mode>GOVERNANCE</Mode></Retention>",
                               &got, &err),
                     0);
    assert_int_equal(got.mode, OBJECT_LOCK_GOVERNANCE);
    assert_int_equal(retention("<Retention><Mode>FOREVER</Mode><RetainUntilDate>"
                               "2026-01-20T11:52:29Z</RetainUntilDate></Retention>",
                               &got, &err),
                     -1);
    assert_int_equal(retention("<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>soon"
                               "</RetainUntilDate></Retention>",
                               &got, &err),
                     -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(retention("<Retention><Mode>GOVERNANCE</Mode></Retention>", &got, &err),
                     -1);
    assert_int_equal(retention("<Error><Code>x</Code></Error>", &got, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_retentions),
    };

    return RUN(tests);
}
