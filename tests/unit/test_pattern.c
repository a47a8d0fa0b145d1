/* SPDX-License-Identifier: MIT */
#include "mask/pattern.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static int on_match(void *ctx, size_t from, size_t to, struct err *err)
{
    char *out = ctx;

    (void)err;
    (void)snprintf(out + strlen(out), 400 - strlen(out), "%zu-%zu ", from, to);
    return 0;
}

static void check(enum pattern_kind kind, const char *text, const char *expected)
{
    char out[400] = "";

    assert_int_equal(pattern_find(kind, text, strlen(text), on_match, out, NULL), 0);
    if (strcmp(out, expected) != 0)
        print_error("%s: %s\n", text, out);
    assert_string_equal(out, expected);
}

static void test_emails(void **state)
{
    (void)state;
    check(PATTERN_EMAIL, "a.b+c@d-e.co.uk", "0-15 ");
    check(PATTERN_EMAIL, "<bob@example.org>, x@y.de.", "1-16 19-25 ");
    check(PATTERN_EMAIL, "a@b", "");
    check(PATTERN_EMAIL, "@example.org", "");
    check(PATTERN_EMAIL, "logo@2x.png", "");
    check(PATTERN_EMAIL, "jquery@3.6.0/dist", "");
    check(PATTERN_EMAIL, "a@-b.org", "");
    check(PATTERN_EMAIL, "a@b..org", "");
    check(PATTERN_EMAIL, "a@b.org@c.de", "0-7 ");
    check(PATTERN_EMAIL, "", "");
    check(PATTERN_EMAIL, "j\xc3\xbcrgen@m\xc3\xbcller.de", "0-18 ");
}

static void test_cards(void **state)
{
    (void)state;
    check(PATTERN_CARD, "4111111111111111", "0-16 ");
    check(PATTERN_CARD, "card 5500 0000 0000 0004, 12/27", "5-24 ");
    check(PATTERN_CARD, "5500-0000-0000-0004 12", "0-19 ");
    check(PATTERN_CARD, "3782 822463 10005", "0-17 ");
    check(PATTERN_CARD, "4111111111111112", "");
    check(PATTERN_CARD, "5500 0000-0000 0004", "");
    check(PATTERN_CARD, "0.4111111111111111", "");
    check(PATTERN_CARD, "14111111111111111", "");
    check(PATTERN_CARD, "id4111111111111111", "");
    check(PATTERN_CARD, "1700000000000", "");
    check(PATTERN_CARD, "41111111111111111111111111111111", "");
    check(PATTERN_CARD, "4111 1111 1111", "");
}

static void test_tokens(void **state)
{
    (void)state;
    check(PATTERN_TOKEN, "ghp_0123456789abcdefghij0123456789abcd", "0-38 ");
    check(PATTERN_TOKEN, "xghp_0123456789abcdefghij0123456789abcd", "");
    check(PATTERN_TOKEN, "AKIAIOSFODNN7EXAMPLE", "0-20 ");
    check(PATTERN_TOKEN, "AKIASHORT", "");
    check(PATTERN_TOKEN, "t=eyJhbGciOi.eyJzdWIiOi.c2ln;", "2-28 ");
    check(PATTERN_TOKEN, "eyJhbGciOi", "");
    check(PATTERN_TOKEN, "eyJhbGciOi.", "");
    check(PATTERN_TOKEN, "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\nx",
          "0-58 ");
    check(PATTERN_TOKEN, "-----BEGIN CERTIFICATE-----", "");
    check(PATTERN_TOKEN, "-----BEGIN RSA PRIVATE KEY-----\nMIIB", "0-36 ");
    check(PATTERN_TOKEN, "-", "");
}

/* Texts that are made to take long. */
static void test_linear(void **state)
{
    static const char *const pieces[] = { "@",  "a@",    "a.",   "aaaaaaaa@b-", "4",
                                          "4 ", "4111 ", "eyJ",  "eyJ.e",       "-----BEGIN ",
                                          "-",  "sk-",   "ghp_", "a@b.cc" };
    char *text = test_calloc((size_t)1 << 20, 1);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        size_t len = strlen(pieces[i]);
        size_t at;
        char out[400] = "";

        for (at = 0; at + len <= (size_t)1 << 20; at += len)
            memcpy(text + at, pieces[i], len);
        assert_int_equal(pattern_find(PATTERN_EMAIL, text, at, on_match, out, NULL), 0);
        assert_int_equal(pattern_find(PATTERN_CARD, text, at, on_match, out, NULL), 0);
        assert_int_equal(pattern_find(PATTERN_TOKEN, text, at, on_match, out, NULL), 0);
    }
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_cards),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_linear),
    };

    return RUN(tests);
}
