/* SPDX-License-Identifier: MIT */
#include "provenance/request_line.h"

#include "base/clock.h"
#include "base/mem.h"
#include "unit.h"

#include <string.h>

static const struct request_asked asked = { .run = "wr_1",
                                            .method = "GET",
                                            .path = "/v1/runs/wr_1",
                                            .at = 1768909949276,
                                            .took = 12,
                                            .attempt = 2,
                                            .status = 200,
                                            .bytes = 7 };
static const struct request_answer unknown = { .rows = REQUEST_LINE_NONE,
                                               .expected = REQUEST_LINE_NONE };

/* A request's line, ended by a NUL instead of its end. */
static const char *line_of(struct buf *out, const struct request_asked *what,
                           const struct request_answer *answer)
{
    struct buf members;

    buf_init(&members, 1 << 20);
    buf_init(out, 1 << 20);
    assert_int_equal(request_line_members(&members, what, NULL), 0);
    assert_int_equal(request_line_request(out, 5, 1, buf_text(&members), answer, NULL), 0);
    buf_clear(&members);
    assert_int_equal(out->data[out->len - 1], '\n');
    out->data[--out->len] = '\0';
    return out->data;
}

static void test_request(void **state)
{
    struct request_line line;
    struct buf out;
    const char *text = line_of(&out, &asked, &unknown);

    (void)state;
    assert_string_equal(
        text, "{\"line\": \"request\", \"number\": 5, \"session\": 1, \"run_id\": \"wr_1\", "
              "\"method\": \"GET\", \"path\": \"/v1/runs/wr_1\", \"attempt\": 2, "
              "\"asked_at\": \"2026-01-20T11:52:29.276Z\", \"took_ms\": 12, "
              "\"http_status\": 200, \"failure\": null, \"bytes\": 7, \"sha256\": null, "
              "\"rows\": null, \"rows_expected\": null}");
    assert_int_equal(request_line_read(&line, text, strlen(text), NULL), 0);
    assert_int_equal(line.kind, REQUEST_LINE_REQUEST);
    assert_int_equal(line.number, 5);
    assert_int_equal(line.status, 200);
    assert_string_equal(line.run, "wr_1");
    assert_false(line.summed);
    request_line_clear(&line);
    request_line_clear(&line);
    buf_clear(&out);
}

/* Nothing in a path or a run's ID ends the string, the line, or the JSON. */
static void test_hostile_texts(void **state)
{
    static const char *const texts[] = { "/\"}\n{\"line\": \"record\"", "/\\", "/\x01\x1b[31m",
                                         "/\xff\xfe", "/\xe2\x80\xae gnp" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct request_asked hostile = asked;
        struct request_line line;
        struct buf out;
        const char *text;

        hostile.path = hostile.run = texts[i];
        hostile.error = texts[i];
        text = line_of(&out, &hostile, &unknown);
        assert_null(strchr(text, '\n'));
        assert_null(strchr(text, '\x1b'));
        assert_null(strstr(text, "\xe2\x80\xae"));
        assert_int_equal(request_line_read(&line, text, strlen(text), NULL), 0);
        assert_int_equal(line.kind, REQUEST_LINE_REQUEST);
        assert_int_equal(line.number, 5);
        request_line_clear(&line);
        buf_clear(&out);
    }
}

static void test_record(void **state)
{
    struct request_answer answer = { .summed = true, .rows = 3, .expected = 4 };
    uint8_t sha256[SHA256_SIZE];
    struct json_value page = { 0 };
    struct request_line line;
    struct buf out;
    uint64_t number;
    bool summed;

    (void)state;
    memset(answer.sha256, 0xab, SHA256_SIZE);
    buf_init(&out, 1 << 20);
    assert_int_equal(
        request_line_record(&out, "data/wr_1/run.json", "wr_1", answer.sha256, true, NULL), 0);
    assert_int_equal(request_line_page(&out, true, 7, &answer, NULL), 0);
    assert_int_equal(request_line_page(&out, false, 8, &unknown, NULL), 0);
    assert_int_equal(request_line_end(&out, NULL), 0);
    assert_int_equal(request_line_read(&line, out.data, out.len - 1, NULL), 0);
    assert_int_equal(line.kind, REQUEST_LINE_RECORD);
    assert_string_equal(line.record, "data/wr_1/run.json");
    assert_true(line.joined);
    assert_int_equal(json_count(line.pages), 2);
    page = json_next(line.pages, page);
    assert_true(request_line_page_of(page, &number, &summed, sha256) && summed);
    assert_int_equal(number, 7);
    assert_memory_equal(sha256, answer.sha256, SHA256_SIZE);
    page = json_next(line.pages, page);
    assert_true(request_line_page_of(page, &number, &summed, sha256) && !summed);
    assert_false(request_line_page_of(line.pages, &number, &summed, sha256));
    request_line_clear(&line);
    buf_clear(&out);
}

static void test_header(void **state)
{
    struct request_header header = { .service = "https://api.example.org",
                                     .clock = -1500,
                                     .sessions = 2 };
    struct request_line line;
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(request_line_header(&out, &header, NULL), 0);
    assert_non_null(
        strstr(out.data, "\"clock_offset_ms\": -1500, \"sessions\": 2, \"lost\": 0"));
    assert_int_equal(request_line_read(&line, out.data, out.len - 1, NULL), 0);
    assert_int_equal(line.kind, REQUEST_LINE_HEADER);
    request_line_clear(&line);
    buf_reset(&out);
    header.clock = CLOCK_NONE;
    header.version = "abc";
    assert_int_equal(request_line_header(&out, &header, NULL), 0);
    assert_non_null(
        strstr(out.data, "\"service_version\": \"abc\", \"clock_offset_ms\": null"));
    buf_clear(&out);
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"line\": 1}",
        "{\"line\": \"other\"}",
        "{\"line\": \"header\"}",
        "{\"line\": \"request\", \"number\": 0, \"run_id\": null, \"http_status\": null, "
        "\"sha256\": null}",
        "{\"line\": \"request\", \"number\": -1, \"run_id\": null, \"http_status\": null, "
        "\"sha256\": null}",
        "{\"line\": \"request\", \"number\": 1, \"run_id\": 4, \"http_status\": null, "
        "\"sha256\": null}",
        "{\"line\": \"request\", \"number\": 1, \"run_id\": null, \"http_status\": null, "
        "\"sha256\": \"00\"}",
        "{\"line\": \"run\"}",
        "{\"line\": \"record\", \"run_id\": \"a\", \"path\": \"b\"}"
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct request_line line;
        struct err err;

        assert_int_equal(request_line_read(&line, texts[i], strlen(texts[i]), &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        request_line_clear(&line);
    }
}

static int count_line(void *ctx, const char *text, size_t len, struct err *err)
{
    (void)err;
    assert_int_equal(strlen(text), len);
    ++*(size_t *)ctx;
    return 0;
}

static void test_lines(void **state)
{
    struct request_lines lines;
    char *much = mem_new(REQUEST_LINE_MAX + 2, NULL);
    size_t count = 0;
    struct err err;

    (void)state;
    assert_non_null(much);
    request_lines_init(&lines, count_line, &count);
    assert_int_equal(request_lines_put(&lines, "a\nb", 3, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(request_lines_end(&lines, &err), -1); /* b has no end yet */
    assert_int_equal(request_lines_put(&lines, "\n\n", 2, &err), 0);
    assert_int_equal(count, 3);
    assert_int_equal(request_lines_end(&lines, &err), 0);
    memset(much, 'x', REQUEST_LINE_MAX + 1);
    assert_int_equal(request_lines_put(&lines, much, REQUEST_LINE_MAX + 1, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    request_lines_clear(&lines);
    request_lines_clear(&lines);
    mem_free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),   cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_record),    cmocka_unit_test(test_header),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_lines),
    };

    return RUN(tests);
}
