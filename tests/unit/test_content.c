/* SPDX-License-Identifier: MIT */
#include "mask/content.h"

#include "base/json.h"
#include "unit.h"

#include <string.h>

/* Mask a text twice over, as a copy does; the result must be freed by buf_clear. */
static int mask(const char *rules_text, const char *text, size_t len, struct buf *out)
{
    struct rules *rules =
        rules_text ? rules_parse(rules_text, strlen(rules_text), NULL) : rules_default(NULL);
    struct masker m;
    int is;

    assert_non_null(rules);
    buf_init(out, (size_t)64 << 20);
    assert_int_equal(masker_init(&m, rules, NULL), 0);
    m.paths = UINT64_MAX;
    assert_true(content_mask(&m, text, len, out, NULL) >= 0);
    assert_int_equal(masker_settle(&m, NULL), 0);
    buf_reset(out);
    is = content_mask(&m, text, len, out, NULL);
    if (is == CONTENT_MASKED) { /* a second pass changes nothing */
        struct buf again;

        buf_init(&again, (size_t)64 << 20);
        assert_int_equal(content_mask(&m, buf_text(out), out->len, &again, NULL), CONTENT_SAME);
        buf_clear(&again);
    }
    masker_clear(&m);
    rules_free(rules);
    return is;
}

/* {text, masked}; the same twice: nothing is masked. */
static void check_all(const char *rules_text, const char *const (*samples)[2], size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const char *text = samples[i][0];
        struct buf out;
        int is = mask(rules_text, text, strlen(text), &out);
        const char *got = is == CONTENT_MASKED ? buf_text(&out) : text;

        if (strcmp(got, samples[i][1]) != 0)
            print_error("%s\n  is masked as %s\n", text, got);
        assert_string_equal(got, samples[i][1]);
        if (json_check(text, strlen(text), NULL, NULL) == 0)
            assert_int_equal(json_check(got, strlen(got), NULL, NULL), 0);
        buf_clear(&out);
    }
}

#define CHECK(rules, samples) check_all(rules, samples, sizeof(samples) / sizeof(*samples))

/* With the character before it longer than the local part of an address. */
#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_texts(void **state)
{
    static const char *const samples[][2] = {
        { "", "" },
        { "nothing here", "nothing here" },
        { "to bob@example.org!", "to [redacted:emails]!" },
        { "bob%40example.org bob&#64;example.org", "[redacted:emails] [redacted:emails]" },
        { "bob%2540example.org", "[redacted:emails]" },
        { "x\\nbob@example.org", "x[redacted:emails]" },
        { "\xe3\x81\x82" LONG "@example.org", "[redacted:emails]" },
        { "pay 4111111111111111 now", "pay [redacted:cards] now" },
        { "/p?a=1&sig=0123abcd&b=2", "/p?a=1&sig=[redacted:urls]&b=2" },
        { "https://u:geheimnis@host/p", "https://[redacted:urls]@host/p" },
        { "<input type=password value='abc'>",
          "<input type=password value='[redacted:fields]'>" },
        { "<INPUT VALUE=abcdefgh1 TYPE=\"password\"> abcdefgh1",
          "<INPUT VALUE=[redacted:fields] TYPE=\"password\"> [redacted:fields]" },
        { "<input type=text value=abc>", "<input type=text value=abc>" },
        { "[redacted:emails]", "[redacted:emails]" },
        { "[redacted:other@example.org]", "[redacted:[redacted:emails]]" },
    };

    (void)state;
    CHECK(NULL, samples);
}

static void test_documents(void **state)
{
    static const char *const samples[][2] = {
        { "{\"a\": \"bob@example.org\"}", "{\"a\": \"[redacted:emails]\"}" },
        { "{\"a\": \"x\\nbob@example.org\\t\"}", "{\"a\": \"x\\n[redacted:emails]\\t\"}" },
        { "{\"a\": \"bob\\u0040example.org\"}", "{\"a\": \"[redacted:emails]\"}" },
        { "{\"bob@example.org\": 1}", "{\"[redacted:emails]\": 1}" },
        { "{\"card\": 4111111111111111}", "{\"card\": \"[redacted:cards]\"}" },
        { "{\"password\": \"abc\"}", "{\"password\": \"[redacted:fields]\"}" },
        { "{\"password\": \"\", \"token\": null, \"pwd\": true}",
          "{\"password\": \"\", \"token\": null, \"pwd\": true}" },
        { "{\"password\": {\"type\": \"string\"}}", "{\"password\": {\"type\": \"string\"}}" },
        { "{\"credentials\": {\"a\": [\"x\", 7]}}",
          "{\"credentials\": {\"a\": [\"[redacted:fields]\", 7]}}" },
        { "{\"a\": \"{\\\"password\\\": \\\"abc\\\"}\"}",
          "{\"a\": \"{\\\"password\\\": \\\"[redacted:fields]\\\"}\"}" },
        { "[\"```json\\n{\\\"password\\\": \\\"x\\\"}\\n```\"]",
          "[\"```json\\n{\\\"password\\\": \\\"[redacted:fields]\\\"}\\n```\"]" },
        { "{\"cookies\": [{\"name\": \"a\", \"value\": \"b\"}]}",
          "{\"cookies\": [{\"name\": \"a\", \"value\": \"[redacted:cookies]\"}]}" },
        { "{\"headers\": [{\"name\": \"authorization\", \"value\": \"Basic dXNlcjpwYXNz\"},"
          "{\"name\": \"Accept\", \"value\": \"x\"}], \"headers2\": \"dXNlcjpwYXNz\"}",
          "{\"headers\": [{\"name\": \"authorization\", \"value\": \"[redacted:headers]\"},"
          "{\"name\": \"Accept\", \"value\": \"x\"}], \"headers2\": \"[redacted:headers]\"}" },
        { "{\"headers\": [{\"name\": \"Set-Cookie\", \"value\": \"a=geheim-42; "
          "Domain=shop.example; "
          "expires=Wed, 21 Oct 2026 07:28:00 GMT\"}], \"a\": \"shop.example geheim-42 21 Oct "
          "2026\"}",
          "{\"headers\": [{\"name\": \"Set-Cookie\", \"value\": \"[redacted:cookies]\"}], "
          "\"a\": "
          "\"shop.example [redacted:cookies] 21 Oct 2026\"}" },
        { "{\"content\": {\"text\": \"Ym9iQGV4YW1wbGUub3Jn\", \"encoding\": \"base64\"}}",
          "{\"content\": {\"text\": \"W3JlZGFjdGVkOmVtYWlsc10=\", \"encoding\": \"base64\"}}" },
        { "{\"content\": {\"text\": \"UEsDBA==\", \"encoding\": \"base64\"}}",
          "{\"content\": {\"text\": \"W3JlZGFjdGVkOnVubWFza2FibGVd\", \"encoding\": "
          "\"base64\"}}" },
        { "[{\"id\": \"AAB\", \"attributes\": {\"type\": \"password\"}}, {\"action_type\": "
          "\"input_text\", \"element_id\": \"AAB\", \"text\": \"abcd\"}, {\"element_id\": "
          "\"AAC\", "
          "\"text\": \"abcd\"}]",
          "[{\"id\": \"AAB\", \"attributes\": {\"type\": \"password\"}}, {\"action_type\": "
          "\"input_text\", \"element_id\": \"AAB\", \"text\": \"[redacted:typed]\"}, "
          "{\"element_id\": \"AAC\", \"text\": \"abcd\"}]" },
    };

    (void)state;
    CHECK(NULL, samples);
}

/* Documents after a byte order mark, and in lines. */
static void test_lines(void **state)
{
    static const char *const samples[][2] = {
        { "\xef\xbb\xbf{\"password\": 1}",
          "\xef\xbb\xbf{\"password\": \"[redacted:fields]\"}" },
        { "{\"password\": \"a\"}\nx a@b.cc\ny\n{\"cookies\": [{\"value\": \"b\"}]}\n",
          "{\"password\": \"[redacted:fields]\"}\nx [redacted:emails]\ny\n{\"cookies\": "
          "[{\"value\": \"[redacted:cookies]\"}]}\n" },
        { "{\"a\": ", "{\"a\": " },
        { "{\"attributes\": {\"type\": \"password\", \"value\": \"x\"}}",
          "{\"attributes\": {\"type\": \"password\", \"value\": \"[redacted:typed]\"}}" },
    };
    static const char cut[] =
        "{\"log\": {\"entries\": [{\"cookies\": [{\"name\": \"a\", \"value\": \"b";
    struct buf out;

    (void)state;
    CHECK(NULL, samples);
    assert_int_equal(mask(NULL, cut, sizeof(cut) - 1, &out), CONTENT_UNMASKABLE);
    buf_clear(&out);
}

static void test_own_rules(void **state)
{
    static const char rules[] =
        "{\"skyarc_rules\": 1, \"base\": \"none\", \"paths\": [{\"name\": \"p\", \"path\": "
        "\"$.a[*].b\"}], \"patterns\": [{\"name\": \"r\", \"regex\": \"id=(\\\\d+)\"}], "
        "\"words\": [{\"name\": \"w\", \"text\": \"(x)\"}]}";
    static const char *const samples[][2] = {
        { "{\"a\": [{\"b\": 1, \"c\": 1}, {\"b\": {\"d\": [\"x\", false]}}]}",
          "{\"a\": [{\"b\": \"[redacted:p]\", \"c\": 1}, {\"b\": {\"d\": [\"[redacted:p]\", "
          "false]}}]}" },
        { "id=123 id=x (x) bob@example.org",
          "id=[redacted:r] id=x [redacted:w] bob@example.org" },
        { "id%3D123", "id%3D[redacted:r]" },
    };

    (void)state;
    CHECK(rules, samples);
}

/* A value of one place is masked in all others, in all encodings. */
static void test_learnt(void **state)
{
    static const char text[] =
        "{\"password\": \"gehe\\\"im-42/7\", \"a\": \"gehe\\\"im-42/7\", \"b\": "
        "\"gehe%22im-42%2F7\", \"c\": \"<i title='gehe&quot;im-42/7'>\", \"d\": "
        "\"eHhnZWhlImltLTQyLzd5\", \"e\": \"{\\\"f\\\": \\\"gehe\\\\\\\"im-42/7\\\"}\"}";
    struct buf out;

    (void)state;
    assert_int_equal(mask(NULL, text, sizeof(text) - 1, &out), CONTENT_MASKED);
    assert_null(strstr(buf_text(&out), "im-42"));
    assert_null(strstr(buf_text(&out), "Imlt"));
    assert_int_equal(json_check(buf_text(&out), out.len, NULL, NULL), 0);
    buf_clear(&out);
}

static void test_kinds(void **state)
{
    static const char zip[] = "PK\x03\x04 bob@example.org";
    static const char png[] = "\x89PNG\r\n\x1a\n0000 bob@example.org";
    static const char nul[] = "text\0bob@example.org";
    static const char gz[] = "\x1f\x8b\x08\x00 damaged";
    struct buf out;

    (void)state;
    assert_int_equal(mask(NULL, zip, sizeof(zip) - 1, &out), CONTENT_UNMASKABLE);
    buf_clear(&out);
    assert_int_equal(mask(NULL, png, sizeof(png) - 1, &out), CONTENT_SAME);
    buf_clear(&out);
    assert_int_equal(mask(NULL, nul, sizeof(nul) - 1, &out), CONTENT_UNMASKABLE);
    buf_clear(&out);
    assert_int_equal(mask(NULL, gz, sizeof(gz) - 1, &out), CONTENT_UNMASKABLE);
    buf_clear(&out);
}

/* Deep, long and malformed texts. */
static void test_hostile(void **state)
{
    static const char *const pieces[] = { "[",          "{\"a\":",
                                          "\\",         "%25",
                                          "&amp;",      "\\\\u005c",
                                          "\xff",       "<input type=password value=",
                                          "a@b.cc",     "YWFhYWFhYWFhYWFhYWFhYWFhYWFh",
                                          "[redacted:", "password: x\n",
                                          "?sig=",      "\"",
                                          "```\n{" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct buf text;
        struct buf out;

        buf_init(&text, (size_t)1 << 20);
        while (text.len < (size_t)200 << 10)
            assert_int_equal(buf_adds(&text, pieces[i], NULL), 0);
        assert_true(mask(NULL, buf_text(&text), text.len, &out) >= 0);
        buf_clear(&out);
        buf_clear(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),     cmocka_unit_test(test_documents),
        cmocka_unit_test(test_own_rules), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_learnt),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_hostile),
    };

    return RUN(tests);
}
