/* SPDX-License-Identifier: MIT */
/* The offline view: what is in it is inert. */
#include "unit.h"
#include "view/har.h"
#include "view/inert.h"
#include "view/page.h"
#include "view/row_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static size_t wants(const char *type, const char *media_type, uint64_t size)
{
    const struct page_file file = { "data/r/t/a", type, media_type, size };

    return page_wants(&file);
}

#define RUN_ROW(id, status)                                                                    \
    "{\"run_id\": \"" id "\", \"status\": \"" status "\", \"notes\": [], \"counts\": {}, "     \
    "\"prompt\": \"a prompt\", \"failure_reason\": \"</script>`${x}\\u2028\"}"

static void add_row(struct page *page, enum manifest_read_section section, const char *row)
{
    struct err err;

    if (page_row(page, section, row, strlen(row), &err) < 0)
        fail_msg("%s", err.text);
}

static void add_artifact(struct page *page, const char *run, const char *path, size_t size)
{
    char row[1000];

    (void)snprintf(
        row, sizeof(row),
        "{\"path\": \"%s\", \"run_id\": \"%s\", \"artifact_id\": \"a_1\", "
        "\"artifact_type\": \"html\", \"step_id\": null, \"created_at\": null, "
        "\"size\": %zu, \"sha256\": \"%064d\", \"media_type\": \"text/html\", "
        "\"duplicate_of\": null, \"link\": false, \"frame\": null, \"offset\": null}",
        path, run, size, 0);
    add_row(page, MANIFEST_READ_ARTIFACTS, row);
}

/* Add an HTML artifact with its row: size bytes of one character. */
static void add_html(struct page *page, const char *run, const char *path, char fill,
                     size_t size)
{
    const struct page_file file = { path, "html", "text/html", size };
    size_t len = page_wants(&file);
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, fill, len);
    assert_int_equal(page_text(page, &file, text, len, NULL), 0);
    free(text);
    add_artifact(page, run, path, size);
}

/* The nth sidecar; free it by buf_clear. */
static void sidecar_of(struct page *page, size_t n, struct buf *out)
{
    struct page_sidecar sidecar;

    buf_init(out, (size_t)1 << 28);
    assert_true(page_sidecar(page, n, &sidecar));
    assert_int_equal(page_put_sidecar(page, n, buf_put, out, NULL), 0);
    assert_int_equal(out->len, sidecar.size);
}

static void test_inert(void **state)
{
    static const char evil[] = "</script><script>alert(1)</script><!--<script>&`${x}\\";
    static const struct page_file log = { "data/run/l/\"><script>x_log", "a_log", "text/plain",
                                          sizeof(evil) };
    struct page *page = page_new("/tmp", NULL);
    struct buf out;
    struct buf again;
    struct buf side;

    (void)state;
    assert_non_null(page);
    buf_init(&out, (size_t)1 << 22);
    buf_init(&again, (size_t)1 << 22);
    assert_int_equal(page_text(page, &log, evil, strlen(evil), NULL), 0);
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("run", "</script>"));
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("../no", "completed"));
    assert_int_equal(page_settle(page, NULL), 0);
    assert_int_equal(page_write(page, "<b>\"&", false, buf_put, &out, NULL), 0);
    assert_int_equal(page_write(page, "<b>\"&", false, buf_put, &again, NULL), 0);
    assert_int_equal(out.len, again.len);
    assert_memory_equal(out.data, again.data, out.len);
    assert_null(strstr(buf_text(&out), "<b>"));
    assert_null(strstr(buf_text(&out), "alert(1)"));
    assert_int_equal(count_of(buf_text(&out), "</script>"), 2); /* rows, the script */
    assert_non_null(strstr(buf_text(&out), "default-src 'none'; script-src 'sha256-"));
    assert_non_null(strstr(buf_text(&out), "' 'strict-dynamic'; style-src"));
    sidecar_of(page, 0, &side);
    assert_non_null(strstr(buf_text(&side), "\\u003c/script>\\u003cscript>alert(1)"));
    assert_non_null(strstr(buf_text(&side), "[\"l/\\\">\\u003cscript>x_log\","
                                            "1,"));
    assert_null(strstr(buf_text(&side), "<"));
    assert_null(strstr(buf_text(&side), "$"));
    assert_null(strstr(buf_text(&side), "a prompt")); /* the record has it */
    assert_int_equal(count_of(buf_text(&side), "`"), 2);
    assert_false(page_sidecar(page, 1, &(struct page_sidecar){ 0 }));
    buf_reset(&again);
    assert_int_equal(page_write(page, "t", true, buf_put, &again, NULL), 0);
    assert_non_null(strstr(buf_text(&again), "data-sidecar=\"../no\">"));
    assert_null(strstr(buf_text(&again), "alert(1)</script>"));
    assert_int_equal(count_of(buf_text(&again), "</script>"), 4);
    buf_clear(&out);
    buf_clear(&again);
    buf_clear(&side);
    page_free(page);
}

static void test_any_bytes_are_one_string(void **state)
{
    struct buf out;
    char all[3 * 256];
    size_t i;

    (void)state;
    for (i = 0; i < 256; i++)
        all[i] = (char)i;
    for (i = 0; i < 256; i++) {
        all[256 + 2 * i] = (char)0xc2;
        all[257 + 2 * i] = (char)i;
    }
    buf_init(&out, (size_t)1 << 20);
    assert_int_equal(inert_json(&out, all, sizeof(all), NULL), 0);
    for (i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.data[i];

        assert_null(strchr("<`$\x7f", c ? c : '<'));
        assert_true(c >= 0x20 || c == '\n' || c == '\r' || c == '\t');
        assert_false(c == 0xc2 && i + 1 < out.len && (unsigned char)out.data[i + 1] >= 0x80 &&
                     (unsigned char)out.data[i + 1] < 0xa0);
    }
    assert_non_null(strstr(out.data, "\\u0085"));
    buf_reset(&out);
    assert_int_equal(inert_json(&out, "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80", 11, NULL),
                     0);
    assert_string_equal(buf_text(&out), "\\u2028\\u2029\xe2\x80\xaa\xe2\x80");
    buf_clear(&out);
}

static void test_wants(void **state)
{
    static const struct page_file record = { "data/r/records/a.json", NULL, NULL, 100 };
    static const struct page_file large = { "data/r/run.json", NULL, NULL,
                                            PAGE_RECORD_MAX + 1 };
    static const struct page_file other = { "data/r/artifacts.json", NULL, NULL, 100 };

    (void)state;
    assert_int_equal(wants("llm_prompt", "text/plain", 5), 5);
    assert_int_equal(wants("llm_request", "application/json", 5), 0); /* shown from its file */
    assert_int_equal(wants("html_scrape", "", 1 << 30), PAGE_TEXT_MAX);
    assert_int_equal(wants("skyvern_log_raw", "", 1 << 10), 1 << 10);
    assert_int_equal(wants("har", "", 1 << 20), 1 << 20);
    assert_int_equal(wants("har", "", (uint64_t)HAR_SIZE_MAX + 1), 0);
    assert_int_equal(wants("visible_elements_tree", "application/json", 5), 5);
    assert_int_equal(wants("screenshot", "image/png", 5), 0);
    assert_int_equal(wants(NULL, "text/html", 5), 0);
    assert_int_equal(page_wants(&record), 100);
    assert_int_equal(page_wants(&large), 0);
    assert_int_equal(page_wants(&other), 0);
}

static void test_failed_runs_and_last_steps_first(void **state)
{
    struct page *page = page_new("/tmp", NULL);
    struct buf ok;
    struct buf bad;

    (void)state;
    assert_non_null(page);
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("ok", "completed"));
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("bad", "failed"));
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("worse", "failed"));
    /* the budget of all is 1/PAGE_SHARE: room for two texts; the first failed run has 64 KiB
     * and more besides */
    add_artifact(page, "ok", "data/ok/recording/x.webm", (size_t)44 << 20);
    add_html(page, "ok", "data/ok/html/20260120T115231Z_a.html", 'o', 200000);
    add_html(page, "worse", "data/worse/html/20260120T115230Z_a.html", 'p', 200000);
    add_html(page, "worse", "data/worse/html/20260120T115232Z_b.html", 'q', 150000);
    add_html(page, "worse", "data/worse/html/20260120T115231Z_c.html", 'r', 150000);
    add_html(page, "bad", "data/bad/html/20260120T115231Z_a.html", 's', 300000);
    assert_int_equal(page_settle(page, NULL), 0);
    sidecar_of(page, 0, &ok);
    assert_null(strstr(buf_text(&ok), "oooo"));
    sidecar_of(page, 1, &bad);
    assert_non_null(strstr(buf_text(&bad), "_a.html\",1,\"ssss")); /* it is cut */
    buf_clear(&bad);
    sidecar_of(page, 2, &bad);
    assert_non_null(strstr(buf_text(&bad), "qqqq"));
    assert_non_null(strstr(buf_text(&bad), "rrrr"));
    assert_null(strstr(buf_text(&bad), "pppp"));
    assert_int_equal(count_of(buf_text(&bad), "0000,0,0,\"a_1\",0,\"\"]"), 3); /* all rows */
    buf_clear(&ok);
    buf_clear(&bad);
    page_free(page);
}

static void test_more_texts_than_are_buffered(void **state)
{
    struct page *page = page_new("/tmp", NULL);
    char path[100];
    struct buf side;
    int i;

    (void)state;
    assert_non_null(page);
    assert_int_equal(page_failed(page, "bad", NULL), 0);
    add_html(page, "bad", "data/bad/html/20200120T115231Z_a.html", 'b', 1000);
    for (i = 0; i < 900; i++) { /* 225 MiB */
        (void)snprintf(path, sizeof(path), "data/ok/html/2026%06d_a.html", (i * 7) % 900);
        add_html(page, "ok", path, (char)('a' + i % 26), PAGE_TEXT_MAX);
    }
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("ok", "completed"));
    add_row(page, MANIFEST_READ_RUNS, RUN_ROW("bad", "failed"));
    assert_int_equal(page_settle(page, NULL), 0);
    sidecar_of(page, 1, &side);
    assert_non_null(strstr(buf_text(&side), "bbbb"));
    buf_clear(&side);
    sidecar_of(page, 0, &side);
    for (i = 0; i < 900; i++) { /* the last ones, as many as the budget allows: 225 MiB / 128 */
        (void)snprintf(path, sizeof(path), "[\"html/2026%06d_a.html\",0,\"", i);
        assert_int_equal(strstr(buf_text(&side), path) != NULL, i >= 900 - 7);
    }
    buf_clear(&side);
    page_free(page);
}

static void row_is(const struct manifest_read_artifact *row, const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    assert_int_equal(row_json_artifact(&out, row, NULL), 0);
    assert_string_equal(buf_text(&out), want);
    buf_clear(&out);
}

static void test_rows_of_artifacts(void **state)
{
    struct manifest_read_artifact row = {
        .path = "data/r_1/screenshot/20260120T115229.276851Z_a_7.png",
        .run_id = "r_1",
        .artifact_id = "a_7",
        .artifact_type = "screenshot",
        .created_at = "2026-01-20T11:52:29.276851",
        .media_type = "image/png",
        .size = 5
    };

    (void)state;
    row_is(&row, "[\"screenshot/20260120T115229.276851Z_a_7.png\",5,1]");
    row.step_id = "stp";
    row.created_at = NULL;
    row_is(&row, "[\"screenshot/20260120T115229.276851Z_a_7.png\",5,1,\"stp\",0,0,\"\"]");
    row.suspect = true;
    row.media_type = NULL;
    row.run_id = "r_"; /* the path is of another run */
    row_is(&row,
           "[\"data/r_1/screenshot/20260120T115229.276851Z_a_7.png\",5,0,\"stp\",0,0,\"\","
           "\"x\"]");
    row = (struct manifest_read_artifact){ .path = "data/r/data/b.txt", .run_id = "r" };
    row_is(&row,
           "[\"data/r/data/b.txt\",0,0,0,0,\"\",\"\"]"); /* not taken for one of its run */
}

/* A page of 2,000 runs, each with all that a row may have. */
static void test_a_page_of_many_runs(void **state)
{
    struct page *page = page_new("/tmp", NULL);
    char row[1000];
    char words[201];
    struct buf out;
    int i;

    (void)state;
    assert_non_null(page);
    memset(words, 'w', 200);
    words[200] = '\0';
    for (i = 0; i < 2000; i++) {
        (void)snprintf(row, sizeof(row),
                       "{\"run_id\": \"tsk_v2_%018d\", \"other_run_id\": \"wr_%018d\", "
                       "\"status\": \"failed\", \"run_type\": \"task_v2\", \"notes\": [], "
                       "\"counts\": {}, \"created_at\": \"2026-01-20T11:52:29.276851\", "
                       "\"title\": \"%s\", \"failure_reason\": \"%s\"}",
                       i, i, words, words);
        add_row(page, MANIFEST_READ_RUNS, row);
    }
    assert_int_equal(page_settle(page, NULL), 0);
    buf_init(&out, (size_t)1 << 22);
    assert_int_equal(page_write(page, "t", false, buf_put, &out, NULL), 0);
    assert_true(out.len < (size_t)400 << 10);
    assert_non_null(strstr(buf_text(&out),
                           "[\"tsk_v2_000000000000001999\",\"failed\",\"task_v2\","
                           "\"2026-01-20T11:52:29\",0,\"wr_000000000000001999\"]"));
    buf_clear(&out);
    page_free(page);
}

static void test_har(void **state)
{
    static const char har[] =
        "{\"log\": {\"entries\": [{\"startedDateTime\": \"2026-01-20T11:52:29.5Z\", \"time\": "
        "12.5, "
        "\"request\": {\"method\": \"GET\", \"url\": \"https://a/?x=1\"}, \"response\": "
        "{\"status\": "
        "404, \"content\": {\"size\": 7, \"mimeType\": \"text/html\"}}}, 3]}}";
    struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(har_rows(har, strlen(har), SIZE_MAX, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "{\"total\": 2, \"entries\": [[1768909949500.000, 12.500, \"GET\", "
                        "\"https://a/?x=1\", 404, \"text/html\", 7, \"\"],\n"
                        "[0.000, 0.000, \"\", \"\", 0, \"\", -1, \"\"]]}");
    assert_int_equal(har_rows("{\"log\": 3}", 10, SIZE_MAX, &out, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    assert_int_equal(har_rows(har, strlen(har), 10, &out, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    buf_clear(&out);
}

/* Rows end at HAR_TEXT_MAX bytes; the total is that of the file. */
static void test_har_of_long_urls(void **state)
{
    char url[HAR_URL_MAX + 1];
    struct buf har;
    struct buf out;
    int i;

    (void)state;
    memset(url, 'u', HAR_URL_MAX);
    url[HAR_URL_MAX] = '\0';
    buf_init(&har, HAR_SIZE_MAX);
    buf_init(&out, HAR_SIZE_MAX);
    assert_int_equal(buf_adds(&har, "{\"log\":{\"entries\":[3", NULL), 0);
    for (i = 1; i < 3000; i++)
        assert_int_equal(buf_addf(&har, NULL, ",{\"request\":{\"url\":\"%s\"}}", url), 0);
    assert_int_equal(buf_adds(&har, "]}}", NULL), 0);
    assert_int_equal(har_rows(har.data, har.len, SIZE_MAX, &out, NULL), 0);
    assert_memory_equal(out.data, "{\"total\": 3000, ", 16);
    assert_true(out.len > HAR_TEXT_MAX - 4096 && out.len < HAR_TEXT_MAX + 4096);
    buf_clear(&har);
    buf_clear(&out);
}

/* In which part of a run's data a text is served. */
static void test_parts(void **state)
{
    static const struct page_file files[] = {
        { "data/tsk_1/run.json", NULL, NULL, 10 },
        { "data/tsk_1/recording/a.webm", "recording", "video/webm", 10 },
        { "data/tsk_1/har/a.har", "har", "application/json", 10 },
        { "data/tsk_1/skyvern_log/a.log", "skyvern_log", "text/plain", 10 },
        { "data/tsk_1/llm_response/a.json", "llm_response", "application/json", 10 },
        { "data/tsk_1/llm_prompt/a.txt", "llm_prompt", "text/plain", 10 },
        { "data/tsk_1/html_action/a.html", "html_action", "text/html", 10 },
        { "data/tsk_1/x/a.txt", NULL, "text/plain", 10 },
    };
    static const enum page_part parts[] = { PAGE_PART_RECORDS, PAGE_PART_LINES, PAGE_PART_LINES,
                                            PAGE_PART_LINES,   PAGE_PART_LINES, PAGE_PART_TEXTS,
                                            PAGE_PART_TEXTS,   PAGE_PART_TEXTS };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(files) / sizeof(*files); i++)
        assert_int_equal(page_part_of(&files[i]), parts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_inert),
                                        cmocka_unit_test(test_any_bytes_are_one_string),
                                        cmocka_unit_test(test_failed_runs_and_last_steps_first),
                                        cmocka_unit_test(test_more_texts_than_are_buffered),
                                        cmocka_unit_test(test_wants),
                                        cmocka_unit_test(test_rows_of_artifacts),
                                        cmocka_unit_test(test_a_page_of_many_runs),
                                        cmocka_unit_test(test_har),
                                        cmocka_unit_test(test_har_of_long_urls),
                                        cmocka_unit_test(test_parts) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
