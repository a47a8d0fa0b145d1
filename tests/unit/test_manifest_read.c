/* SPDX-License-Identifier: MIT */
/* manifest.json, piece by piece. */
#include "base/clock.h"
#include "base/mem.h"
#include "format/manifest_read.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static const char sample[] =
    "{\"schema\": \"urn\", \"n\": [-1.5e3, true], \"previous\": {\"archive\": \"n1\", "
    "\"manifest_sha256\": "
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"},\n"
    "\"request\": {\"runs\": [{\"deep\": 1}], \"previous\": {\"x\": 1}, "
    "\"filter\": {\"filter\": {\"a\": [\"}\"]}}, \"x\": {\"filter\": {}}},\n"
    "\"runs\": [{\"run_id\": \"a]}\\\"\", \"notes\": [\"[{\"], \"counts\": {\"x\": 1}}, "
    "{\"b\": 2}],\n"
    "\"documents\": [], \"artifacts\": [{\"p\": \"\\\\\"}], \"missing\": [{}], "
    "\"totals\": {}}\n";

struct seen {
    unsigned count[MANIFEST_READ_MISSING + 1];
    char first_run[100];
    int answer;
};

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct seen *seen = ctx;

    (void)err;
    assert_int_equal(strlen(text), len);
    if (section == MANIFEST_READ_RUNS && !seen->count[section])
        (void)snprintf(seen->first_run, sizeof(seen->first_run), "%s", text);
    seen->count[section]++;
    return seen->answer;
}

static int feed(struct seen *seen, const char *text, size_t len, size_t piece)
{
    struct manifest_read rows;
    struct err err;
    size_t at;
    int rc = 0;

    memset(seen->count, 0, sizeof(seen->count));
    manifest_read_init(&rows, on_row, seen);
    for (at = 0; rc == 0 && at < len; at += piece)
        rc = manifest_read_feed(&rows, text + at, len - at < piece ? len - at : piece, &err);
    if (rc == 0)
        rc = manifest_read_end(&rows, &err);
    manifest_read_clear(&rows);
    return rc;
}

static void test_however_cut(void **state)
{
    struct seen seen = { .answer = 0 };
    size_t piece;

    (void)state;
    for (piece = 1; piece <= sizeof(sample); piece++) {
        assert_int_equal(feed(&seen, sample, sizeof(sample) - 1, piece), 0);
        assert_int_equal(seen.count[MANIFEST_READ_PREVIOUS], 1);
        assert_int_equal(seen.count[MANIFEST_READ_FILTER], 1);
        assert_int_equal(seen.count[MANIFEST_READ_RUNS], 2);
        assert_int_equal(seen.count[MANIFEST_READ_DOCUMENTS], 0);
        assert_int_equal(seen.count[MANIFEST_READ_ARTIFACTS], 1);
        assert_int_equal(seen.count[MANIFEST_READ_MISSING], 1);
        assert_string_equal(seen.first_run, "{\"run_id\": \"a]}\\\"\", \"notes\": [\"[{\"], "
                                            "\"counts\": {\"x\": 1}}");
    }
    seen.answer = 1;
    assert_int_equal(feed(&seen, sample, sizeof(sample) - 1, 7), 1);
    assert_int_equal(seen.count[MANIFEST_READ_PREVIOUS], 1);
}

static int stop_at_children(void *ctx, enum manifest_read_section section, const char *text,
                            size_t len, struct err *err)
{
    (void)ctx;
    (void)text;
    (void)len;
    (void)err;
    return section == MANIFEST_READ_CHILDREN;
}

static void test_a_callback_stops_at_any_row(void **state)
{
    static const char text[] = "{\"request\": {\"children\": true}, \"runs\": []}";
    struct manifest_read rows;
    struct err err;

    (void)state;
    manifest_read_init(&rows, stop_at_children, NULL);
    assert_int_equal(manifest_read_feed(&rows, text, strlen(text), &err), 1);
    manifest_read_clear(&rows);
}

/* Collect the values of the head. */
static int on_head(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                   struct err *err)
{
    char *out = ctx;
    size_t used = strlen(out);

    (void)err;
    (void)snprintf(out + used, 256 - used, "%d=%.*s;", (int)section, (int)len, text);
    return 0;
}

static void test_values_of_the_head(void **state)
{
    static const char text[] = "{\"created_at\": \"2026-01-20T11:52:29Z\", \"source\": null, "
                               "\"tool\": {\"source\": \"x\"},"
                               " \"request\": {\"source\": \"y\", \"children\": false, "
                               "\"created_at\": [\"z\"]}, \"artifacts\": []}";
    char got[256] = "";
    char want[256];
    struct manifest_read rows;
    struct err err;
    size_t i;

    (void)state;
    manifest_read_init(&rows, on_head, got);
    for (i = 0; i < strlen(text); i++)
        assert_int_equal(manifest_read_feed(&rows, text + i, 1, &err), 0);
    assert_int_equal(manifest_read_end(&rows, &err), 0);
    manifest_read_clear(&rows);
    (void)snprintf(want, sizeof(want), "%d=\"2026-01-20T11:52:29Z\";%d=null;%d=false;",
                   MANIFEST_READ_CREATED, MANIFEST_READ_SOURCE, MANIFEST_READ_CHILDREN);
    assert_string_equal(got, want);
}

static void test_no_manifest(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}}",
        "{} x",
        "]",
        "{\"runs\": [{}",
        "{}",
        "1",
        "null",
        "\"artifacts\"",
        /* another reader's manifest */
        "{\"artifacts\": [], \"artifacts\": []}",
        "{\"artifacts\": [], \"artif\\u0061cts\": []}",
        "{\"artifacts\": {}}",
        "{\"artifacts\": null}",
        "{\"artifacts\": [1]}",
        "{\"artifacts\": [[]]}",
        "{\"artifacts\": [\"x\"]}",
        "{\"artifacts\": [], \"previous\": []}",
        "{\"artifacts\": [], \"previous\": 1}",
        "{\"artifacts\": [], \"source\": {}}",
        "{\"artifacts\": [], \"created_at\": [\"x\"]}",
        "{\"artifacts\": [], \"source\": \"x\", \"source\": \"x\"}",
        "{\"artifacts\": [], \"source\": \"x\", \"sour\\u0063e\": \"x\"}",
        "{\"artifacts\": [], \"request\": {\"filter\": null}}",
        "{\"artifacts\": [], \"request\": {\"filter\": []}}",
        "{\"artifacts\": [], \"request\": {\"filter\": {}, \"filter\": {}}}",
        "{\"artifacts\": [], \"request\": {\"filter\": {}, \"f\\u0069lter\": {}}}",
        "{\"artifacts\": [], \"request\": {\"filter\": {}}, \"request\": {\"filter\": {}}}",
        /* no JSON */
        "{\"artifacts\": [],}",
        "{\"artifacts\": [] \"x\": 1}",
        "{\"artifacts\": [], \"x\": }",
        "{\"artifacts\": [], \"x\": 01}",
        "{\"artifacts\": [], \"x\": nul}",
        "{\"artifacts\" []}",
        "{\"artifacts\": [{},]}",
        "{\"artifacts\": [{} {}]}",
        "{\"artifacts\": [}",
        "{\"artifacts\": [], \"x\": {1: 2}}",
        "{\"artifacts\": [], \"x\": [1}",
        "{,\"artifacts\": []}",
        "{\"artifacts\": [], \"x\": \"\\q\"}",
        "{\"artifacts\": [], \"x\": \"\xff\"}",
        "{\"artifacts\": [], \"runs\": [{\"a\" 1}]}",
        "{\"artifacts\": [], \"missing\": [{]}]}",
        "{\"artifacts\": []} {}",
        "{\"artifacts\": []}1",
        "{:}",
        "{\"artifacts\":: []}",
    };
    struct seen seen = { .answer = 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(feed(&seen, bad[i], strlen(bad[i]), 1), -1);
        assert_int_equal(feed(&seen, bad[i], strlen(bad[i]), 1000), -1);
    }
    assert_int_equal(feed(&seen, "{\"artifacts\":[]}", 16, 3), 0);
    assert_int_equal(feed(&seen, "{\"artifacts\": [], \"a\0\": 1}", 27, 3), -1);
}

static int keep_filter(void *ctx, enum manifest_read_section section, const char *text,
                       size_t len, struct err *err)
{
    return section == MANIFEST_READ_FILTER ? buf_add(ctx, text, len, err) : 0;
}

static int to_buf(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return buf_add(ctx, bytes, len, err);
}

/* Write a manifest with this filter, and read the filter back; text gets its JSON. */
static void turn(const struct manifest_filter *filter, struct buf *text)
{
    static struct jsonw w;
    struct manifest_head head = { .tool = "t", .source = "s", .filter = *filter };
    struct manifest_totals totals = { 0 };
    struct manifest_read rows;
    struct buf whole;

    buf_init(&whole, 1 << 20);
    jsonw_init(&w, to_buf, &whole);
    manifest_begin(&w, &head);
    manifest_documents(&w);
    manifest_artifacts(&w);
    manifest_missing(&w);
    assert_int_equal(manifest_end(&w, &totals, NULL), 0);
    manifest_read_init(&rows, keep_filter, text);
    assert_int_equal(manifest_read_feed(&rows, buf_text(&whole), whole.len, NULL), 0);
    assert_int_equal(manifest_read_end(&rows, NULL), 0);
    manifest_read_clear(&rows);
    buf_clear(&whole);
}

static void test_a_filter_is_read_as_written(void **state)
{
    char *types[] = { (char[]){ "har" }, (char[]){ "html" } };
    char *names[] = { (char[]){ "*.p\"ng" }, (char[]){ "\xc3\xa4[a-z]?" } };
    struct manifest_filter filter = { .types = types,
                                      .type_count = 2,
                                      .excluded = types,
                                      .excluded_count = 1,
                                      .names = names,
                                      .name_count = 2,
                                      .steps = names + 1,
                                      .step_count = 1,
                                      .larger_than = 0,
                                      .smaller_than = (uint64_t)1 << 40,
                                      .newer_us = 0,
                                      .older_us = 1768909949276851 };
    struct manifest_filter none = { .larger_than = MANIFEST_NONE,
                                    .smaller_than = MANIFEST_NONE,
                                    .newer_us = CLOCK_NONE,
                                    .older_us = CLOCK_NONE };
    struct region *region = region_new(NULL);
    struct manifest_filter back;
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    turn(&filter, &text);
    assert_int_equal(manifest_read_filter(&back, buf_text(&text), text.len, region, NULL), 0);
    assert_true(back.type_count == 2 && back.excluded_count == 1 && back.name_count == 2 &&
                back.step_count == 1);
    assert_string_equal(back.types[1], "html");
    assert_string_equal(back.excluded[0], "har");
    assert_string_equal(back.names[0], names[0]);
    assert_string_equal(back.steps[0], names[1]);
    assert_true(back.larger_than == 0 && back.smaller_than == filter.smaller_than);
    assert_true(back.newer_us == 0 && back.older_us == filter.older_us);
    buf_reset(&text);
    turn(&none, &text); /* no filter: none is written */
    assert_int_equal(text.len, 0);
    none.smaller_than = 7;
    turn(&none, &text);
    assert_int_equal(manifest_read_filter(&back, buf_text(&text), text.len, region, NULL), 0);
    assert_true(!back.type_count && !back.name_count && back.smaller_than == 7 &&
                back.larger_than == MANIFEST_NONE && back.newer_us == CLOCK_NONE);
    buf_clear(&text);
    region_free(region);
}

/* A filter that is not understood is an error: it would accept less, or more, than it did. */
static void test_bad_filters(void **state)
{
    static const char lists[] = "\"types\": [], \"excluded_types\": [], \"names\": []";
    static const char *const bad[] = {
        "{}",
        "{%s}",
        "{%s, \"steps\": null}",
        "{%s, \"steps\": \"1\"}",
        "{%s, \"steps\": [1]}",
        "{%s, \"steps\": [[]]}",
        "{%s, \"steps\": [], \"newer_than\": \"soon\"}",
        "{%s, \"steps\": [], \"older_than\": \"\"}",
        "{%s, \"steps\": [], \"older_than\": 5}",
        "{%s, \"steps\": [], \"larger_than\": \"5\"}",
        "{%s, \"steps\": [], \"smaller_than\": -1}",
        "{%s, \"steps\": [], \"smaller_than\": []}",
    };
    struct region *region = region_new(NULL);
    struct manifest_filter filter;
    char text[300];
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *rest = strstr(bad[i], "%s");

        (void)snprintf(text, sizeof(text), "{%s%s", rest ? lists : "", rest ? rest + 2 : "}");
        assert_int_equal(manifest_read_filter(&filter, text, strlen(text), region, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
    }
    region_free(region);
}

/* The memory for a row is limited, also if the row never ends. */
static void test_longest_row(void **state)
{
    static const char head[] = "{\"artifacts\": [";
    static const char row[] = "{\"a\": \"";
    static const char end[] = "\"}";
    static const char tail[] = "]}";
    struct seen seen = { .answer = 0 };
    size_t more;

    (void)state;
    for (more = 0; more < 2; more++) {
        size_t fill = MANIFEST_READ_ROW_MAX + more - strlen(row) - strlen(end);
        struct buf text;

        buf_init(&text, 2 * MANIFEST_READ_ROW_MAX);
        assert_int_equal(buf_add(&text, head, strlen(head), NULL), 0);
        assert_int_equal(buf_add(&text, row, strlen(row), NULL), 0);
        while (fill--)
            assert_int_equal(buf_add(&text, "x", 1, NULL), 0);
        assert_int_equal(buf_add(&text, end, strlen(end), NULL), 0);
        assert_int_equal(buf_add(&text, tail, strlen(tail), NULL), 0);
        assert_int_equal(feed(&seen, text.data, text.len, 65536), more ? -1 : 0);
        assert_int_equal(seen.count[MANIFEST_READ_ARTIFACTS], !more);
        buf_clear(&text);
    }
}

static void test_names(void **state)
{
    static const char good[] =
        "{\"archive\": \"n1\", \"manifest_sha256\": "
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}";
    static const char bad[] = "{\"archive\": \"n1\", \"manifest_sha256\": \"0123\"}";
    struct region *region = region_new(NULL);
    struct manifest_read_name name;
    struct err err;

    (void)state;
    assert_int_equal(
        manifest_read_name(&name, MANIFEST_READ_PREVIOUS, good, strlen(good), region, &err), 0);
    assert_string_equal(name.name, "n1");
    assert_int_equal(name.sha256[1], 0x23);
    assert_int_equal(
        manifest_read_name(&name, MANIFEST_READ_DOCUMENTS, good, strlen(good), region, &err),
        -1);
    assert_int_equal(
        manifest_read_name(&name, MANIFEST_READ_PREVIOUS, bad, strlen(bad), region, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
    region_free(region);
}

static void test_notes_of_a_run(void **state)
{
    static const char noted[] = "{\"run_id\": \"r\", \"notes\": [1, \"a-b\", {\"x\": \"c\"}, "
                                "[\"d\"], \"e\\u0066\", \"\", null]}";
    static const char *const none[] = { "{\"run_id\": \"r\"}",
                                        "{\"run_id\": \"r\", \"notes\": []}",
                                        "{\"run_id\": \"r\", \"notes\": [null, 1]}",
                                        "{\"run_id\": \"r\", \"notes\": \"a-b\"}" };
    struct region *region = region_new(NULL);
    struct manifest_read_run run;
    struct err err;
    size_t i;

    (void)state;
    assert_int_equal(manifest_read_run(&run, noted, strlen(noted), region, &err), 0);
    assert_int_equal(run.note_count, 3);
    assert_true(manifest_read_noted(&run, "a-b"));
    assert_true(manifest_read_noted(&run, "ef"));
    assert_true(manifest_read_noted(&run, ""));
    assert_false(manifest_read_noted(&run, "a"));
    assert_false(manifest_read_noted(&run, "c"));
    assert_false(manifest_read_noted(&run, "d"));
    for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
        assert_int_equal(manifest_read_run(&run, none[i], strlen(none[i]), region, &err), 0);
        assert_int_equal(run.note_count, 0);
        assert_false(manifest_read_noted(&run, "a-b"));
    }
    region_free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_however_cut),
                                        cmocka_unit_test(test_a_callback_stops_at_any_row),
                                        cmocka_unit_test(test_values_of_the_head),
                                        cmocka_unit_test(test_no_manifest),
                                        cmocka_unit_test(test_a_filter_is_read_as_written),
                                        cmocka_unit_test(test_bad_filters),
                                        cmocka_unit_test(test_longest_row),
                                        cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_notes_of_a_run) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
