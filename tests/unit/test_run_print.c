/* SPDX-License-Identifier: MIT */
/* The offline view: what is in it is inert. */
#include "unit.h"
#include "view/har.h"
#include "view/page.h"

#include <string.h>

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static void test_inert(void **state)
{
    static const char row[] = "{\"run_id\": \"</script>\"}";
    static const char evil[] = "</script><script>alert(1)</script><!--<script>&";
    struct page *page = page_new("/tmp", NULL);
    struct buf out;
    struct buf again;

    (void)state;
    assert_non_null(page);
    buf_init(&out, (size_t)1 << 22);
    buf_init(&again, (size_t)1 << 22);
    assert_int_equal(page_text(page, "data/\"><script>x", "llm_prompt", evil, strlen(evil),
                               strlen(evil) + 1, NULL),
                     0);
    assert_int_equal(page_row(page, MANIFEST_READ_RUNS, row, strlen(row), NULL), 0);
    assert_int_equal(page_row(page, MANIFEST_READ_RUNS, "{}", 2, NULL), 0);
    assert_int_equal(page_write(page, "<b>\"&", buf_put, &out, NULL), 0);
    assert_int_equal(page_write(page, "<b>\"&", buf_put, &again, NULL), 0);
    assert_int_equal(out.len, again.len);
    assert_memory_equal(out.data, again.data, out.len);
    assert_null(strstr(buf_text(&out), "alert(1)</script>"));
    assert_null(strstr(buf_text(&out), "<b>"));
    assert_null(strstr(buf_text(&out), "<!--"));
    assert_non_null(
        strstr(buf_text(&out), "\\u003c/script\\u003e\\u003cscript\\u003ealert(1)"));
    assert_non_null(
        strstr(buf_text(&out), "data-path=\"data/&#34;&#62;&#60;script&#62;x\" data-cut>"));
    assert_int_equal(count_of(buf_text(&out), "</script>"), 3); /* rows, the text, the script */
    assert_non_null(strstr(buf_text(&out), "default-src 'none'; script-src 'sha256-"));
    buf_clear(&out);
    buf_clear(&again);
    page_free(page);
}

static void test_wants(void **state)
{
    struct page *page = page_new("/tmp", NULL);

    (void)state;
    assert_int_equal(page_wants(page, "llm_prompt", "application/octet-stream", 5), 5);
    assert_int_equal(page_wants(page, "html_scrape", NULL, 1 << 30), PAGE_TEXT_MAX);
    assert_int_equal(page_wants(page, "har", NULL, 1 << 20), 1 << 20);
    assert_int_equal(page_wants(page, "har", NULL, (uint64_t)HAR_SIZE_MAX + 1), 0);
    assert_int_equal(page_wants(page, "visible_elements_tree", "application/json", 5), 0);
    assert_int_equal(page_wants(page, "screenshot", "image/png", 5), 0);
    assert_int_equal(page_wants(page, NULL, "text/json", 5), 5);
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
    assert_int_equal(har_rows(har, strlen(har), &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "{\"total\": 2, \"entries\": [[1768909949500.000, 12.500, \"GET\", "
                        "\"https://a/?x=1\", 404, \"text/html\", 7, \"\"],\n"
                        "[0.000, 0.000, \"\", \"\", 0, \"\", -1, \"\"]]}");
    assert_int_equal(har_rows("{\"log\": 3}", 10, &out, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_inert),
                                        cmocka_unit_test(test_wants),
                                        cmocka_unit_test(test_har) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
