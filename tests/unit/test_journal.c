/* SPDX-License-Identifier: MIT */
#include "writer/journal.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST "{\"skyarc_journal\": 1, \"request\": \"one\"}"
#define OTHER   "{\"skyarc_journal\": 1, \"request\": \"two\"}"
#define KEY     "the user's own key"

static char dir[64];
static char path[128];
static struct buf text; /* of the journal's file: see load */

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/skyarc-journal-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/j", dir);
    buf_init(&text, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_clear(&text);
    (void)unlink(path);
    return rmdir(dir);
}

static void load(void)
{
    buf_reset(&text);
    assert_int_equal(file_load(path, stop_never(), &text, NULL), 0);
}

static struct journal *begin(const char *request, const char *key)
{
    struct journal *journal = journal_open(path, request, key, NULL);

    assert_non_null(journal);
    return journal;
}

static void add(struct journal *journal, const char *file, uint64_t size)
{
    struct journal_row row = { .path = file,
                               .run_id = "r",
                               .artifact_id = "a \"quoted\"\n",
                               .via = "signed-url",
                               .listed = "7 ",
                               .http_status = 200,
                               .attempts = 3,
                               .fetched_at = 12345678901234,
                               .size = size,
                               .mismatch = true };

    memset(row.sha256, 0xa5, SHA256_SIZE);
    if (size == 2) {
        row.duplicate_of = "data/first";
        row.notes = "holds-more from-zip";
        row.encoded = true;
        row.encoded_size = 9;
        memset(row.encoded_sha256, 0x5a, SHA256_SIZE);
    }
    assert_int_equal(journal_add(journal, &row, NULL), 0);
}

static void test_rows_come_back(void **state)
{
    struct journal *journal = begin(REQUEST, NULL);
    const struct journal_row *row;

    (void)state;
    add(journal, "data/first", 1);
    add(journal, "data/second", 2);
    load();
    assert_null(strstr(buf_text(&text), "data/first")); /* it was not flushed */
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    journal = begin(REQUEST, NULL);
    row = journal_find(journal, "data/first");
    assert_non_null(row);
    assert_string_equal(row->artifact_id, "a \"quoted\"\n");
    assert_string_equal(row->via, "signed-url");
    assert_string_equal(row->listed, "7 ");
    assert_null(row->duplicate_of);
    assert_null(row->notes);
    assert_int_equal(row->http_status, 200);
    assert_int_equal(row->attempts, 3);
    assert_int_equal(row->fetched_at, 12345678901234);
    assert_int_equal(row->sha256[31], 0xa5);
    assert_true(row->mismatch);
    assert_false(row->encoded);
    assert_false(row->proven);
    row = journal_find(journal, "data/second");
    assert_non_null(row);
    assert_string_equal(row->duplicate_of, "data/first");
    assert_string_equal(row->notes, "holds-more from-zip");
    assert_true(row->encoded);
    assert_int_equal(row->encoded_size, 9);
    assert_int_equal(row->encoded_sha256[0], 0x5a);
    assert_null(journal_find(journal, "data"));
    add(journal, "data/first", 5); /* written again: the last one counts */
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    journal = begin(REQUEST, NULL);
    assert_int_equal(journal_find(journal, "data/first")->size, 5);
    add(journal, "data/third", 3);
    assert_int_equal(journal_flush(journal, NULL), 0);
    assert_int_equal(journal_flush(journal, NULL),
                     0); /* what is written is not written again */
    load();
    assert_null(strstr(strstr(buf_text(&text), "data/third") + 1, "data/third"));
    journal_free(journal, true);
    assert_int_equal(access(path, F_OK), -1);
    journal_free(NULL, true);
}

static void test_another_request_begins_anew(void **state)
{
    struct journal *journal = begin(REQUEST, NULL);

    (void)state;
    add(journal, "data/first", 1);
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    journal = begin(OTHER, NULL);
    assert_null(journal_find(journal, "data/first"));
    journal_free(journal, false);
    load();
    assert_string_equal(buf_text(&text), OTHER "\n"); /* the former rows are gone */
}

static void test_a_torn_line_is_cut(void **state)
{
    struct journal *journal = begin(REQUEST, NULL);

    (void)state;
    add(journal, "data/first", 1);
    add(journal, "data/second", 2);
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    load();
    assert_int_equal(truncate(path, (off_t)text.len - 3), 0);
    journal = begin(REQUEST, NULL);
    assert_non_null(journal_find(journal, "data/first"));
    assert_null(journal_find(journal, "data/second"));
    add(journal, "data/third", 3); /* on a line of its own */
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    journal = begin(REQUEST, NULL);
    assert_non_null(journal_find(journal, "data/third"));
    journal_free(journal, false);
}

/* A row is authenticated by a MAC with the user's key, over the request as well. */
static void test_proof(void **state)
{
    static const char *const keys[] = { KEY, "another key", NULL };
    struct journal *journal = begin(REQUEST, KEY);
    struct journal *parsed;
    char *digit;
    size_t i;

    (void)state;
    add(journal, "data/first", 1);
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    load();
    for (i = 0; i < 3; i++) {
        parsed = journal_parse(buf_text(&text), text.len, REQUEST, keys[i], NULL);
        assert_non_null(parsed);
        assert_non_null(
            journal_find(parsed, "data/first")); /* it is a valid row without a MAC */
        assert_int_equal(journal_find(parsed, "data/first")->proven, i == 0);
        journal_free(parsed, false);
    }
    digit = strstr(buf_text(&text), "\"attempts\": 3") + 12;
    assert_int_equal(*digit, '3');
    *digit = '4';
    parsed = journal_parse(buf_text(&text), text.len, REQUEST, KEY, NULL);
    assert_int_equal(journal_find(parsed, "data/first")->attempts, 4);
    assert_false(journal_find(parsed, "data/first")->proven);
    journal_free(parsed, false);
    *digit = '3';
    memcpy(strstr(buf_text(&text), "one"), "two", 3); /* its MAC is of another request */
    parsed = journal_parse(buf_text(&text), text.len, OTHER, KEY, NULL);
    assert_non_null(journal_find(parsed, "data/first"));
    assert_false(journal_find(parsed, "data/first")->proven);
    journal_free(parsed, false);
}

/* Notes come back in their order, but only those that this user wrote for this request. */
static void test_notes(void **state)
{
    static const char *const notes[] = { "{\"a\": \"}\"}", "{}", "{\"b\": {\"c\": [1]}}" };
    static const char forged[] = "{\"request_log\": {\"forged\": 1}}\n"
                                 "{\"request_log\": {}} 00\n{\"request_log\": 3}\n";
    struct journal *journal = begin(REQUEST, KEY);
    const struct journal_note *note;
    size_t i;

    (void)state;
    assert_null(journal_notes(journal));
    for (i = 0; i < 3; i++) {
        assert_int_equal(journal_note(journal, notes[i], strlen(notes[i]), NULL), 0);
        add(journal, "data/first", 1);
    }
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    assert_true(journal_is_of(path, REQUEST));
    assert_false(journal_is_of(path, OTHER));
    assert_false(journal_is_of(dir, REQUEST));
    load();
    assert_int_equal(buf_adds(&text, forged, NULL), 0);
    journal = journal_parse(buf_text(&text), text.len, REQUEST, KEY, NULL);
    assert_non_null(journal_find(journal, "data/first"));
    for (i = 0, note = journal_notes(journal); i < 3; i++, note = note->next) {
        assert_non_null(note);
        assert_int_equal(note->len, strlen(notes[i]));
        assert_string_equal(note->json, notes[i]);
    }
    assert_null(note);
    journal_free(journal, false);
    journal = journal_parse(buf_text(&text), text.len, REQUEST, "another key", NULL);
    assert_null(journal_notes(journal));
    journal_free(journal, false);
}

/* Notes that nobody flushes are written when they are many. */
static void test_many_notes(void **state)
{
    struct journal *journal = begin(REQUEST, KEY);
    const struct journal_note *note;
    size_t count = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 50000; i++)
        assert_int_equal(journal_note(journal, "{\"asked\": 1}", 12, NULL), 0);
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    journal = begin(REQUEST, KEY);
    for (note = journal_notes(journal); note; note = note->next)
        count++;
    assert_int_equal(count, 50000);
    journal_free(journal, false);
}

static void test_lines_that_are_no_rows(void **state)
{
    static const char *const lines[] = { "",
                                         "{}",
                                         "[]",
                                         "null",
                                         "{",
                                         "\xff\xfe",
                                         "{\"path\": \"data/x\"}",
                                         "{\"path\": 1, \"run_id\": \"r\"}" };
    struct journal *journal;
    size_t i;

    (void)state;
    assert_int_equal(buf_adds(&text, REQUEST "\n", NULL), 0);
    for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_int_equal(buf_addf(&text, NULL, "%s\n", lines[i]), 0);
    assert_int_equal(
        buf_adds(
            &text,
            "{\"path\": \"data/y\", \"run_id\": \"r\", \"artifact_id\": \"a\", \"via\": \"v\","
            " \"size\": 1, \"sha256\": \"00000000000000000000000000000000"
            "00000000000000000000000000000000\"}\n",
            NULL),
        0);
    journal = journal_parse(buf_text(&text), text.len, REQUEST, KEY, NULL);
    assert_non_null(journal);
    assert_null(journal_find(journal, "data/x"));
    assert_non_null(journal_find(journal, "data/y")); /* rows after them count */
    assert_false(journal_find(journal, "data/y")->proven);
    journal_free(journal, false);
}

/* A journal is read in pieces; each row lies in one or across two of them. */
static void test_a_long_journal(void **state)
{
    const unsigned count = 3000;
    struct journal *journal = begin(REQUEST, KEY);
    struct pagefile *file = pagefile_new(-1, NULL);
    char name[64];
    size_t len;
    unsigned i;

    (void)state;
    buf_clear(&text);
    buf_init(&text, 4 << 20);
    for (i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "data/%u", i);
        add(journal, name, i);
        assert_int_equal(i % 100 ? 0 : journal_flush(journal, NULL), 0);
    }
    assert_int_equal(journal_flush(journal, NULL), 0);
    journal_free(journal, false);
    load();
    len = text.len;
    assert_true(len > 2 * (256 << 10));
    journal = journal_load_on(file, path, REQUEST, KEY, NULL);
    assert_non_null(journal);
    for (i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "data/%u", i);
        assert_non_null(journal_find(journal, name));
        assert_int_equal(journal_find(journal, name)->size, i);
        assert_true(journal_find(journal, name)->proven);
    }
    journal_free(journal, false);
    journal = journal_load_on(file, path, OTHER, KEY, NULL);
    assert_null(journal_first(journal));
    journal_free(journal, false);
    load();
    assert_int_equal(text.len, len); /* unchanged */
    assert_null(journal_load_on(file, dir, REQUEST, KEY, NULL));
    journal = begin(REQUEST, KEY);
    assert_non_null(journal_find(journal, "data/2999"));
    journal_free(journal, true);
    pagefile_free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_come_back),
        TEST(test_another_request_begins_anew),
        TEST(test_a_torn_line_is_cut),
        TEST(test_proof),
        TEST(test_lines_that_are_no_rows),
        TEST(test_a_long_journal),
        TEST(test_notes),
        TEST(test_many_notes),
    };

    return RUN(tests);
}
