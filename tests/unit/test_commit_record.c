/* SPDX-License-Identifier: MIT */
#include "volumes/commit_record.h"

#include "unit.h"

#include <string.h>

#define NAME "2026/11/skyarc-20261124T020000Z.tar.zst"

/* Read a text as the record of NAME; returns the kind of the error, ERR_NONE for none. */
static enum err_kind read_text(const char *text, struct commit_record *record)
{
    struct err err = { 0 };

    return commit_record_read(record, NAME, text, strlen(text), &err) < 0 ? err.kind : ERR_NONE;
}

static void test_read(void **state)
{
    struct commit_record record;

    (void)state;
    assert_int_equal(read_text("{\"version\": 1, \"volume\": \"" NAME
                               "\", \"size\": 42, \"sha256\": \"ab\","
                               " \"etag\": null, \"later\": [1], \"runs\": [{}]}",
                               &record),
                     ERR_NONE);
    assert_int_equal(record.size, 42);
    assert_string_equal(record.sha256, "ab");
    assert_string_equal(record.etag, "");
    assert_string_equal(record.tail_sha256, "");
}

static void test_what_is_no_record(void **state)
{
    static const struct {
        const char *text;
        enum err_kind kind;
    } cases[] = {
        { "", ERR_FORMAT },
        { "{", ERR_FORMAT },
        { "[]", ERR_FORMAT },
        { "{\"version\": 1, \"volume\": \"" NAME "\"}", ERR_FORMAT },
        { "{\"version\": 1, \"volume\": \"" NAME "\", \"size\": -1}", ERR_FORMAT },
        { "{\"version\": \"1\", \"volume\": \"" NAME "\", \"size\": 1}", ERR_FORMAT },
        { "{\"version\": 2, \"volume\": \"" NAME "\", \"size\": 1}", ERR_LIMIT },
        { "{\"version\": 1, \"volume\": \"other\", \"size\": 1}", ERR_MISMATCH },
    };
    struct commit_record record;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(read_text(cases[i].text, &record), cases[i].kind);
}

static void test_texts_that_are_too_long(void **state)
{
    char text[1024] = "{\"version\": 1, \"volume\": \"" NAME "\", \"size\": 1, \"etag\": \"";
    struct commit_record record;
    size_t len = strlen(text);

    (void)state;
    memset(text + len, 'x', 500);
    memcpy(text + len + 500, "\"}", 3);
    assert_int_equal(read_text(text, &record), ERR_NONE);
    assert_string_equal(record.etag, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_what_is_no_record),
        cmocka_unit_test(test_texts_that_are_too_long),
    };

    return RUN(tests);
}
