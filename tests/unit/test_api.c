/* SPDX-License-Identifier: MIT */
#include "api/artifact.h"
#include "api/kind.h"
#include "api/kind_tally.h"
#include "api/run.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static void test_artifacts(void **state)
{
    static const char text[] =
        "[{\"artifact_id\":\"a\",\"artifact_type\":\"html\",\"file_size\":7,\"archived\":true,"
        "\"checksum\":\"\",\"uri\":null,\"tomorrow\":[{}]},{\"artifact_id\":null},3,"
        "{\"artifact_id\":\"b\",\"file_size\":-1,\"artifact_type\":5}]";
    struct artifact_list list = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(artifact_list_parse(&list, text, strlen(text), &err), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.broken, 2);
    assert_string_equal(list.rows[0].artifact_type, "html");
    assert_true(list.rows[0].sized && list.rows[0].file_size == 7 && list.rows[0].archived);
    assert_null(list.rows[0].checksum);
    assert_null(list.rows[0].uri);
    assert_null(list.rows[1].artifact_type);
    assert_false(list.rows[1].sized);
    artifact_list_clear(&list);
    artifact_list_clear(&list);
    assert_int_equal(artifact_list_parse(&list, "{}", 2, &err), -1);
}

/* Texts that a row repeats are stored once, and only those. */
static void test_repeated_texts(void **state)
{
    static const char json[] =
        "[{\"artifact_id\":\"a\",\"run_id\":\"wr_1\",\"step_id\":\"s\",\"uri\":null,"
        "\"artifact_type\":\"unknown\"},"
        "{\"artifact_id\":\"b\",\"run_id\":\"wr_1\",\"step_id\":\"s2\",\"uri\":\"\","
        "\"artifact_type\":\"unknown\"},"
        "{\"artifact_id\":\"c\",\"run_id\":\"wr_1\",\"uri\":\"s3://b/c_html.html\","
        "\"artifact_type\":\"unknown\"},"
        "{\"artifact_id\":\"d\",\"run_id\":7,\"step_id\":\"s2\","
        "\"artifact_type\":\"unknown\"}]";
    struct artifact_list list = { 0 };
    struct artifact more = { .artifact_id = "e" };
    const struct artifact *a;
    int i;

    (void)state;
    assert_int_equal(artifact_list_parse(&list, json, strlen(json), NULL), 0);
    a = list.rows;
    assert_int_equal(list.count, 4);
    assert_string_equal(a[0].run_id, "wr_1");
    assert_ptr_equal(a[1].run_id, a[0].run_id);
    assert_ptr_equal(a[2].run_id, a[0].run_id);
    assert_null(a[3].run_id);
    assert_string_equal(a[0].step_id, "s");
    assert_string_equal(a[1].step_id, "s2");
    assert_null(a[2].step_id);
    assert_string_equal(a[3].step_id, "s2");
    assert_null(a[1].uri);
    assert_string_equal(a[1].artifact_type, "unknown");
    assert_string_equal(a[2].artifact_type, "html"); /* by its uri */
    assert_string_equal(a[3].artifact_type, "unknown");
    for (i = 0; i < 100; i++) /* more rows than there is room for */
        assert_int_equal(artifact_list_add(&list, &more, NULL), 0);
    assert_int_equal(list.count, 104);
    assert_string_equal(list.rows[3].artifact_id, "d");
    assert_string_equal(list.rows[103].artifact_id, "e");
    artifact_list_clear(&list);
    assert_int_equal(artifact_list_add(&list, &more, NULL), 0);
    artifact_list_clear(&list);
}

static void test_joined_lists(void **state)
{
    static const char *const lists[][3] = {
        { "[]", "[]", "[]" },
        { "[{\"artifact_id\":\"a\"}]", "[]", "[{\"artifact_id\":\"a\"}]" },
        { "[{\"artifact_id\":\"a\"}, 3]",
          "[{\"artifact_id\":\"a\",\"x\":1},{\"artifact_id\":"
          "\"b\"}]",
          "[{\"artifact_id\":\"a\"},{\"artifact_id\":\"b\"}]" },
        { "[{\"artifact_id\":\"a\",\"signed_url\":\"http://h/a?sig=1\"}]",
          "[{\"artifact_id\":\"a\",\"signed_url\":\"http://h/a?sig=2\"}]",
          "[{\"artifact_id\":\"a\",\"signed_url\":\"http://h/a?sig=1\"}]" },
        { "[{\"artifact_id\":\"a\",\"file_size\":1}]",
          "[{\"artifact_id\":\"a\",\"file_size\":2}]",
          "[{\"artifact_id\":\"a\",\"file_size\":1},{\"artifact_id\":\"a\",\"file_size\":2}]" },
        { "[{\"artifact_id\":null}]", "[{}]", "[{\"artifact_id\":null},{}]" },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        struct buf parts[3];
        int k;

        for (k = 0; k < 3; k++)
            buf_init(&parts[k], 4096);
        assert_int_equal(buf_adds(&parts[0], lists[i][0], NULL), 0);
        assert_int_equal(buf_adds(&parts[1], lists[i][1], NULL), 0);
        assert_int_equal(artifact_list_join(&parts[2], parts, 2, NULL), 0);
        assert_string_equal(buf_text(&parts[2]), lists[i][2]);
        for (k = 0; k < 3; k++)
            buf_clear(&parts[k]);
    }
}

static void test_other_records(void **state)
{
    static const char workflow[] =
        "{\"workflow_run_id\":\"wr_1\",\"status\":\"failed\",\"outputs\":{\"a\":1},"
        "\"task_v2\":{\"task_id\":\"tsk_v2_1\",\"prompt\":\"buy\"},\"workflow_title\":\"T\","
        "\"workflow\":{\"workflow_permanent_id\":\"wpid_1\"},\"recording_urls\":[\"r\",3],"
        "\"script_run\":{\"script_id\":\"s_1\",\"script_revision_id\":\"sr_1\"},"
        "\"retry_pending\":true,\"attempts\":[{\"attempt_number\":1,\"status\":\"failed\"},9]}";
    static const char session[] = "{\"recordings\":[{\"url\":\"u\",\"file_size\":3}],"
                                  "\"downloaded_files\":[{\"url\":\"v\"}]}";
    struct run run = { 0 };

    (void)state;
    assert_int_equal(run_parse(&run, workflow, strlen(workflow), NULL), 0);
    assert_string_equal(run.run_id, "wr_1");
    assert_string_equal(run.output_json, "{\"a\":1}");
    assert_string_equal(run.task_v2_id, "tsk_v2_1");
    assert_string_equal(run.prompt, "buy");
    assert_string_equal(run.title, "T");
    assert_string_equal(run.workflow_permanent_id, "wpid_1");
    assert_string_equal(run.script_revision_id, "sr_1");
    assert_int_equal(run.recording_count, 1);
    assert_int_equal(run.unread, 1);
    assert_int_equal(run.attempt_count, 2);
    assert_int_equal(run.attempts[0].number, 1);
    assert_true(run_is_terminal(run.status) && !run_is_over(&run));
    run_clear(&run);
    assert_int_equal(run_parse(&run, session, strlen(session), NULL), 0);
    assert_int_equal(run.session_recordings, 1);
    assert_string_equal(run.recordings[0].url, "u");
    assert_int_equal(run.file_count, 1);
    run_clear(&run);
}

static void test_runs(void **state)
{
    static const char text[] =
        "{\"run_id\":\"r\",\"status\":\"timed_out\",\"output\":\"text\",\"errors\":[1, 2],"
        "\"screenshot_urls\":[\"u\",null,\"v\"],\"downloaded_files\":[{\"url\":\"w\",\"file_"
        "size\":3}],"
        "\"step_count\":4,\"script_run\":{\"x\":1}}";
    struct run run = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(run_parse(&run, text, strlen(text), &err), 0);
    assert_string_equal(run.run_id, "r");
    assert_string_equal(run.output_json, "\"text\"");
    assert_string_equal(run.errors_json, "[1, 2]");
    assert_int_equal(run.screenshot_count, 2);
    assert_int_equal(run.unread, 0);
    assert_string_equal(run.screenshot_urls[1], "v");
    assert_int_equal(run.file_count, 1);
    assert_true(run.files[0].sized && run.counted && run.step_count == 4);
    assert_true(run_is_terminal(run.status));
    assert_false(run_is_terminal("running"));
    assert_false(run_is_terminal(NULL));
    run_clear(&run);
    assert_int_equal(run_parse(&run, "[]", 2, &err), -1);
    assert_true(run_id_valid("tsk_v2_123-x"));
    assert_false(run_id_valid(""));
    assert_false(run_id_valid("a/b"));
}

static void test_filters(void **state)
{
    struct kind_filter filter = { 0 };
    const char *stranger;

    (void)state;
    assert_true(kind_filter_match(&filter, NULL));
    assert_int_equal(
        kind_filter_add(&filter, " Recordings,html-scrape,", false, &stranger, NULL), 0);
    assert_null(stranger);
    assert_int_equal(kind_filter_add(&filter, "audio", true, &stranger, NULL), 0);
    assert_true(kind_filter_match(&filter, "session_replay"));
    assert_true(kind_filter_match(&filter, "html_scrape"));
    assert_false(kind_filter_match(&filter, "audio"));
    assert_false(kind_filter_match(&filter, "har"));
    assert_true(kind_filter_match(&filter, NULL)); /* it may be a recording */
    assert_false(filter.unknown);
    assert_int_equal(kind_filter_add(&filter, "brand_new", false, &stranger, NULL), 0);
    assert_string_equal(stranger, "brand_new");
    assert_true(filter.unknown && kind_filter_match(&filter, "brand_new"));
    assert_int_equal(kind_filter_add(&filter, "a b/c", false, &stranger, NULL), -1);
    kind_filter_clear(&filter);
    assert_int_equal(kind_filter_add(&filter, "har,all,html,newer", false, &stranger, NULL), 0);
    assert_string_equal(stranger, "newer");
    assert_false(kind_filter_narrows(&filter) || filter.unknown);
    assert_true(kind_filter_match(&filter, "brand_new") && kind_filter_match(&filter, NULL));
    assert_int_equal(kind_filter_add(&filter, "har", true, NULL, NULL), 0);
    assert_true(kind_filter_match(&filter, "brand_new") && !kind_filter_match(&filter, "har"));
    assert_int_equal(kind_filter_add(&filter, "all", true, NULL, NULL), 0);
    assert_true(kind_filter_narrows(&filter));
    assert_false(kind_filter_match(&filter, "brand_new") || kind_filter_match(&filter, NULL));
    kind_filter_clear(&filter);
    assert_string_equal(kind_nearest("screenshoots"), "screenshots");
    assert_null(kind_nearest("zzzzzzz"));
}

static void test_a_tally(void **state)
{
    struct kind_tally tally = { .count = 0 };
    char text[KIND_TALLY_TEXT];
    char name[80];
    unsigned i;

    (void)state;
    assert_string_equal(kind_tally_text(&tally, text), "no artifacts");
    kind_tally_add(&tally, "har");
    kind_tally_add(&tally, NULL);
    kind_tally_add(&tally, "recording");
    kind_tally_add(&tally, "recording");
    kind_tally_add(&tally, "a\x1b[31m");
    assert_string_equal(kind_tally_text(&tally, text),
                        "recording (2), a\\x1b[31m (1), har (1), no type (1)");
    for (i = 0; i < 500; i++) { /* more types than there is room for, with long names */
        (void)snprintf(name, sizeof(name), "%03u%057u", i, 0U);
        kind_tally_add(&tally, name);
    }
    assert_true(tally.count <= KIND_TALLY_TYPES);
    assert_true(strlen(kind_tally_text(&tally, text)) < KIND_TALLY_TEXT);
    assert_non_null(strstr(text, " others"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_artifacts),      cmocka_unit_test(test_runs),
        cmocka_unit_test(test_repeated_texts), cmocka_unit_test(test_joined_lists),
        cmocka_unit_test(test_other_records),  cmocka_unit_test(test_filters),
        cmocka_unit_test(test_a_tally),
    };

    return RUN(tests);
}
