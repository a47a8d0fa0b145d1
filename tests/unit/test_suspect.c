/* SPDX-License-Identifier: MIT */
#include "format/suspect.h"

#include "api/reason.h"
#include "unit.h"

#include <string.h>

#define SIGN_IN "<html><body><form>Sign in to go on</form></body></html>"
#define DOCTYPE "\n<!DOCTYPE html>\n<html lang=en><title>Sign in</title>"
#define STORE                                                                                  \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>"
#define AZURE "\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>X</Code></Error>"
#define PNG   "\x89PNG\r\n\x1a\n...."
#define EBML  "\x1a\x45\xdf\xa3\x84\x42\x82\x84webm"
#define MP4                                                                                    \
    "\0\0\0\x20"                                                                               \
    "ftypisom"
#define WEBP "RIFF\1\1\1\1WEBPVP8 "
#define ZSTD "\x28\xb5\x2f\xfd...."
#define OLE  "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

/* clang-format off */
static const struct {
    const char *ext;
    enum suspect_by by;
    const char *head;
    size_t len;
    bool suspect;
} cases[] = {
#define TYPE(ext, text, is) { ext, SUSPECT_BY_TYPE, text, sizeof(text) - 1, is }
#define NAME(ext, text, is) { ext, SUSPECT_BY_NAME, text, sizeof(text) - 1, is }
    /* pictures: any picture will do, since the server names some of them wrongly */
    TYPE("png", PNG, false), TYPE("png", "\xff\xd8\xff\xe0", false), TYPE("png", WEBP, false),
    TYPE("png", "BM....", false), TYPE("png", SIGN_IN, true), TYPE("png", STORE, true),
    TYPE("png", EBML, true), TYPE("png", "PK\x03\x04", true), TYPE("png", "x", true),
    TYPE("png", "", false),
    /* films and sound */
    TYPE("webm", EBML, false), TYPE("webm", MP4, false), TYPE("mp4", EBML, false),
    TYPE("mp4", "\0\0\0\x08" "wide....mdat", false), TYPE("webm", "OggS", false),
    TYPE("webm", SIGN_IN, true), TYPE("webm", STORE, true), TYPE("mp4", PNG, true),
    TYPE("webm", "\0\0\0\0\0\0\0\0\0\0\0\0", true),
    /* PDF and ZIP */
    TYPE("pdf", "%PDF-1.7", false), TYPE("pdf", "\xef\xbb\xbf\n%PDF-1.4", false),
    TYPE("pdf", SIGN_IN, true), TYPE("zip", "PK\x05\x06", false), TYPE("zip", STORE, true),
    /* JSON: any value of it; plain, or compressed at rest */
    TYPE("json", " {}", false), TYPE("json", "[1]", false), TYPE("json", "null", false),
    TYPE("json", "\"text\"", false), TYPE("json", "-1", false), TYPE("json", "NaN", false),
    TYPE("json", "\xef\xbb\xbf{}", false), TYPE("json", "  \n", false),
    TYPE("json", ZSTD, false), TYPE("har", ZSTD, false), TYPE("har", "\x1f\x8b\x08", false),
    TYPE("har", "{\"log\":", false), TYPE("har", SIGN_IN, true), TYPE("json", STORE, true),
    TYPE("json", "Bad gateway", true), TYPE("json", "\0\0\0\0", true),
    /* HTML: any page is accepted, also a login page; a store's error document is not */
    TYPE("html", SIGN_IN, false), TYPE("html", DOCTYPE, false), TYPE("html", "text", false),
    TYPE("html", "<?xml version=\"1.0\"?><html xmlns=\"x\">", false),
    TYPE("html", "<Errors>", false), TYPE("html", STORE, true), TYPE("html", AZURE, true),
    TYPE("html", "<Error><Code>AccessDenied", true), TYPE("html", "<?xml version", false),
    /* text: an element tree within a prompt is not a document */
    TYPE("txt", "<div id=\"AAAB\">", false), TYPE("txt", "<html id=\"AAAA\">", false),
    TYPE("txt", "\x1b[31mred", false), TYPE("txt", DOCTYPE, true), TYPE("txt", STORE, true),
    TYPE("log", "2026 [warning] <html>", false), TYPE("log", "\x1b[2m2026", false),
    TYPE("log", SIGN_IN, true), TYPE("log", DOCTYPE, true), TYPE("log", STORE, true),
    /* a ZIP is no text, unless a website names it so */
    TYPE("txt", "PK\x03\x04", true), TYPE("log", "PK\x03\x04", true),
    TYPE("html", "PK\x05\x06", true), TYPE("txt", "PK", false), NAME("csv", "PK\x03\x04", false),
    /* files named by a website */
    NAME("PDF", "%PDF-1.7", false), NAME("pdf", SIGN_IN, true), NAME("PNG", STORE, true),
    NAME("jpeg", PNG, false), NAME("zip", "PK\x03\x04", false), NAME("zip", SIGN_IN, true),
    NAME("xlsx", "PK\x03\x04", false), NAME("xlsx", OLE, false), NAME("docx", DOCTYPE, true),
    NAME("csv", "a,b\n", false), NAME("csv", "<b>,1", false), NAME("csv", SIGN_IN, true),
    NAME("csv", STORE, true), NAME("mp4", MP4, false), NAME("webm", "text", true),
    /* names that imply no format */
    NAME("json", "text", false), NAME("html", STORE, false), NAME("xml", STORE, false),
    NAME("txt", DOCTYPE, false), NAME("xls", SIGN_IN, false), NAME("bin", SIGN_IN, false),
    NAME("", SIGN_IN, false), TYPE("", SIGN_IN, false),
};
/* clang-format on */

static void test_cases(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (suspect_content(cases[i].ext, cases[i].by, cases[i].head, cases[i].len) !=
            cases[i].suspect)
            fail_msg("case %zu: '%s' with '%.20s'", i, cases[i].ext, cases[i].head);
    }
    assert_false(suspect_content(NULL, SUSPECT_BY_TYPE, SIGN_IN, sizeof(SIGN_IN) - 1));
}

static void test_zip(void **state)
{
    static const char zip[] = "PK\x03\x04";

    (void)state;
    assert_true(suspect_zip("png", zip, 4));
    assert_true(suspect_zip("bin", zip, 4));
    assert_true(suspect_zip("", zip, 4));
    assert_true(suspect_zip(NULL, zip, 4));
    assert_false(suspect_zip("ZIP", zip, 4));
    assert_false(suspect_zip("xlsx", zip, 4));
    assert_false(suspect_zip("bin", PNG, sizeof(PNG) - 1));
    assert_false(suspect_zip("bin", zip, 0));
}

/* Truncated anywhere: no read beyond the end. */
static void test_cut(void **state)
{
    size_t i;
    size_t n;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (n = 0; n <= cases[i].len; n++) {
            char *head = test_malloc(n ? n : 1);

            memcpy(head, cases[i].head, n);
            (void)suspect_content(cases[i].ext, cases[i].by, head, n);
            test_free(head);
        }
    }
}

/* Whether a HAR is whole, read in pieces of each size. */
static void test_har(void **state)
{
    static const struct {
        const char *text;
        bool whole;
    } hars[] = {
        { "{\"log\": {\"entries\": []}}", true },
        { "\xef\xbb\xbf \n{ \"a\" : [1, {\"b\": \"}\\\"{\"}], \"log\"\n:{}}\r\n", true },
        { "{\"log\": 1, \"log2\": \"\\\\\"}", true },
        { "{\"error\":\"no access\"}", false },
        { "{\"error\": {\"log\": 1}}", false },
        { "{\"error\": \"log\"}", false },
        { "{\"error\": \"\\\"log\\\": {}\"}", false },
        { "{\"error\": [\"log\", {\"log\": 1}, \"log\"]}", false },
        { "{\"lo\": 1, \"logs\": 2, \"Log\": 3, \"\\log\": 4}", false },
        { "{\"log\": {\"entries\": []}", false },
        { "{\"log\": \"}", false },
        { "{\"log\": {}]", false },
        { "{\"log\": {}}{\"log\": {}}", false },
        { "{\"log\": {}}x", false },
        { "[{\"log\": {}}]", false },
        { "\"log\": {}", false },
        { "{\"log\"}", false },
        { "{}", false },
        { " ", false },
        { "", false },
    };
    size_t i;
    size_t step;

    (void)state;
    for (i = 0; i < sizeof(hars) / sizeof(*hars); i++) {
        size_t len = strlen(hars[i].text);

        for (step = 1; step <= len + 1; step++) {
            struct suspect_har har = { 0 };
            size_t at;

            for (at = 0; at < len; at += step)
                suspect_har_add(&har, hars[i].text + at, len - at < step ? len - at : step);
            if (suspect_har_whole(&har) != hars[i].whole)
                fail_msg("%s, by %zu", hars[i].text, step);
        }
    }
    /* no beginning of a HAR is whole */
    for (i = 0; i < strlen(hars[0].text); i++) {
        struct suspect_har har = { 0 };

        suspect_har_add(&har, hars[0].text, i);
        assert_false(suspect_har_whole(&har));
    }
}

/* The note and the catalog's reason are the same word. */
static void test_note_and_reason(void **state)
{
    int a;
    int b;

    (void)state;
    assert_string_equal(SUSPECT_NOTE, reason_word(REASON_SUSPECT_CONTENT));
    for (a = REASON_NONE + 1; a < REASON_COUNT; a++) {
        assert_non_null(reason_word((enum reason)a));
        for (b = REASON_NONE + 1; b < a; b++)
            assert_string_not_equal(reason_word((enum reason)a), reason_word((enum reason)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_zip),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_har),
        cmocka_unit_test(test_note_and_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
