/* SPDX-License-Identifier: MIT */
#include "story/run_story.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "story/action.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define AT(second) "2026-01-20T11:52:" second
#define RECORDS    "data/wr_1/records/"

static struct run_story *story;

static int set_up(void **state)
{
    (void)state;
    story = run_story_new(NULL);
    return story ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    run_story_free(story);
    story = NULL;
    return 0;
}

static int text(const char *path, const char *type, const char *bytes)
{
    struct err err;

    return run_story_text(story, path, type, bytes, strlen(bytes), &err);
}

static void steps(const char *bytes)
{
    assert_int_equal(text(RECORDS "steps-tsk_1.json", NULL, bytes), 0);
}

static void actions(const char *bytes)
{
    assert_int_equal(text(RECORDS "actions-tsk_1.json", NULL, bytes), 0);
}

static void artifact(const char *path, const char *type, const char *step, const char *at,
                     uint8_t digest)
{
    const struct manifest_read_artifact row = { .path = path,
                                                .run_id = "wr_1",
                                                .artifact_type = type,
                                                .step_id = step,
                                                .created_at = at,
                                                .sha256 = { digest } };
    struct err err;

    assert_int_equal(run_story_artifact(story, &row, &err), 0);
}

static void row(const char *bytes, int rc)
{
    struct err err;

    assert_int_equal(run_story_row(story, MANIFEST_READ_RUNS, bytes, strlen(bytes), &err), rc);
    if (rc < 0)
        assert_int_equal(err.kind, ERR_FORMAT);
}

static void settle(size_t count)
{
    struct err err;
    size_t i;

    assert_int_equal(run_story_settle(story, &err), 0);
    assert_int_equal(run_story_steps(story), count);
    for (i = 0; i < count; i++)
        assert_int_equal(run_story_step(story, i)->number, i + 1);
}

/* The IDs of the steps, joined. */
static const char *order(void)
{
    static char out[512];
    size_t i;

    *out = '\0';
    for (i = 0; i < run_story_steps(story); i++)
        (void)snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "",
                       run_story_step(story, i)->id);
    return out;
}

static void assert_step(size_t i, const char *status, const char *does, const char *on,
                        const char *title)
{
    const struct story_step *step = run_story_step(story, i);

    assert_string_equal(step->status, status);
    assert_string_equal(step->does, does);
    assert_string_equal(step->on, on);
    assert_string_equal(step->title, title);
}

static bool is_utf8(const char *s)
{
    size_t len = strlen(s);
    size_t n;

    for (; len; s += n, len -= n) {
        n = text_utf8_next(s, len);
        if (!n)
            return false;
    }
    return true;
}

static void test_nothing(void **state)
{
    const struct run_facts *facts = run_story_facts(story);

    (void)state;
    run_story_free(NULL);
    settle(0);
    assert_string_equal(facts->run_id, "");
    assert_string_equal(facts->status, "");
    assert_string_equal(facts->title, "");
    assert_string_equal(facts->failure_reason, "");
    assert_null(facts->output);
    assert_int_equal(facts->created_us, CLOCK_NONE);
    assert_int_equal(facts->started_us, CLOCK_NONE);
    assert_int_equal(facts->finished_us, CLOCK_NONE);
    assert_int_equal(facts->errors, 0);
    assert_null(facts->first_errors[0]);
}

static void test_the_row(void **state)
{
    const struct run_facts *facts = run_story_facts(story);
    static const char missing[] = "{\"run_id\":\"wr_9\",\"reason\":\"gone\"}";
    struct err err;

    (void)state;
    assert_int_equal(
        run_story_row(story, MANIFEST_READ_MISSING, missing, sizeof(missing) - 1, &err), 0);
    assert_string_equal(facts->run_id, "");
    row("{\"run_id\":\"wr_1\",\"status\":\"failed\",\"title\":\"Fetch\",\"failure_reason\":"
        "\"no\","
        "\"output\":\"{\\\"a\\\": 1}\",\"created_at\":\"" AT("20") "\",\"finished_at\":\"" AT(
            "30") "\"}",
        0);
    row("{\"run_id\":\"wr_1\",\"status\":\"running\"}", 0); /* of an older archive */
    assert_string_equal(facts->run_id, "wr_1");
    assert_string_equal(facts->status, "failed");
    assert_string_equal(facts->title, "Fetch");
    assert_string_equal(facts->failure_reason, "no");
    assert_string_equal(facts->output, "{\"a\": 1}");
    assert_int_equal(facts->created_us, clock_us(AT("20")));
    assert_int_equal(facts->finished_us, clock_us(AT("30")));
}

static void test_a_poor_row(void **state)
{
    const struct run_facts *facts = run_story_facts(story);

    (void)state;
    row("", -1);
    row("[]", -1);
    row("{\"status\":\"failed\"}", -1);
    row("{\"run_id\":\"wr_1\"", -1);
    row("{\"run_id\":\"wr_1\",\"status\":null,\"output\":null,\"created_at\":\"soon\"}", 0);
    assert_string_equal(facts->run_id, "wr_1");
    assert_string_equal(facts->status, "");
    assert_null(facts->output);
    assert_int_equal(facts->created_us, CLOCK_NONE);
}

static void test_the_record(void **state)
{
    const struct run_facts *facts = run_story_facts(story);

    (void)state;
    assert_int_equal(text("data/wr_1/run.json", NULL, "{\"started_at\":\"" AT("21") "\"}"), 0);
    assert_int_equal(facts->started_us, clock_us(AT("21")));
    assert_int_equal(text("data/wr_1/run.json", NULL, "{\"started_at\":7}"), 0);
    assert_int_equal(text("data/wr_1/run.json", NULL, "[\"started_at\"]"), 0);
    assert_int_equal(facts->started_us, clock_us(AT("21")));
}

/* Steps are in the order of time, whichever of record, artifact and action is the earliest. */
static void test_order_of_time(void **state)
{
    (void)state;
    artifact("x", "html_action", "s3", AT("23"), 0);
    steps("[{\"step_id\":\"s4\",\"status\":\"failed\",\"created_at\":\"" AT(
        "24") "\"},"
              "{\"step_id\":\"s3\",\"status\":\"completed\",\"created_at\":\"" AT(
                  "29") "\"},"
                        "{\"step_id\":\"s1\",\"created_at\":\"" AT("21") "\"}]");
    actions("[{\"step_id\":\"s2\",\"action_type\":\"wait\",\"started_at\":\"" AT(
        "22") "\"},"
              "{\"step_id\":\"s4\",\"action_type\":\"click\",\"started_at\":\"" AT(
                  "28") "\"}]");
    settle(4);
    assert_string_equal(order(), "s1 s2 s3 s4");
    assert_step(0, "", "", "", "");
    assert_step(1, "", "wait", "", "WAIT");
    assert_step(2, "completed", "", "", "");
    assert_step(3, "failed", "click", "", "CLICK");
    assert_int_equal(run_story_step(story, 2)->from_us, clock_us(AT("23")));
    assert_int_equal(run_story_step(story, 2)->to_us, clock_us(AT("29")));
    assert_int_equal(run_story_step(story, 3)->to_us, clock_us(AT("28")));
}

/* A step without any time stays where its record is, whichever artifact came first. */
static void test_no_time(void **state)
{
    (void)state;
    artifact("x", "html_action", "s3", NULL, 0);
    artifact("y", "html_action", "s9", NULL, 0); /* which no record has */
    artifact("z", "html_action", "s1", "soon", 0);
    steps("[{\"step_id\":\"s1\"},{\"step_id\":\"s4\",\"created_at\":\"" AT(
        "24") "\"},"
              "{\"step_id\":\"s3\"},{\"step_id\":\"s2\",\"created_at\":\"" AT("22") "\"}]");
    settle(5);
    assert_string_equal(order(), "s1 s2 s9 s4 s3");
    assert_int_equal(run_story_step(story, 0)->from_us, CLOCK_NONE);
    assert_int_equal(run_story_step(story, 0)->to_us, CLOCK_NONE);
}

/* A step that is tried again is another step, with the same number at the service. */
static void test_attempts(void **state)
{
    (void)state;
    steps(
        "[{\"step_id\":\"b\",\"order\":0,\"retry_index\":1,\"status\":\"completed\","
        "\"created_at\":\"" AT("25") "\"},{\"step_id\":\"a\",\"order\":0,\"retry_index\":0,"
                                     "\"status\":\"failed\",\"created_at\":\"" AT("21") "\"}]");
    actions(
        "[{\"step_id\":\"b\",\"step_order\":0,\"action_type\":\"click\",\"element_id\":\"2\"},"
        "{\"step_id\":\"a\",\"step_order\":0,\"action_type\":\"click\",\"element_id\":\"1\"}]");
    settle(2);
    assert_step(0, "failed", "click", "1", "CLICK 1");
    assert_step(1, "completed", "click", "2", "CLICK 2");
}

static void test_steps_of_several_tasks(void **state)
{
    (void)state;
    steps("[{\"step_id\":\"b\",\"created_at\":\"" AT("25") "\"}]");
    assert_int_equal(text(RECORDS "steps-tsk_0.json", NULL,
                          "[{\"step_id\":\"a\",\"created_at\":\"" AT("21") "\"}]"),
                     0);
    settle(2);
    assert_string_equal(order(), "a b");
}

/* A step's actions by their order; the title is of the first one with a type. */
static void test_actions_of_a_step(void **state)
{
    (void)state;
    actions("[{\"step_id\":\"a\",\"action_order\":2,\"action_type\":\"click\",\"element_id\":"
            "\"e2\"},"
            "{\"step_id\":\"a\",\"action_order\":1,\"action_type\":\"input_text\","
            "\"element_id\":\"e1\",\"intention\":\"types \\\"it\\\"\"},"
            "{\"step_id\":\"a\",\"action_order\":0,\"element_id\":\"e0\"},"
            "{\"step_id\":\"a\",\"action_order\":3,\"action_type\":\"wait\"},"
            "{\"action_type\":\"of no step\"}]");
    settle(1);
    assert_step(0, "", "input_text click wait", "e0 e1 e2", "INPUT_TEXT e1, \"types \"it\"\"");
}

static void test_wrong_types(void **state)
{
    static const char *const odd[] = { "",       "x",      "null",       "7",
                                       "\"s\"",  "[7,[]]", "{\"a\":[]}", "[{\"step_id\":[]}]",
                                       "[null]", "[",      "[{}]",       "\xff" };
    static const char *const names[] = { "data/wr_1/run.json", RECORDS "steps-tsk_1.json",
                                         RECORDS "actions-tsk_1.json", RECORDS "timeline.json",
                                         RECORDS "other.json" };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        for (k = 0; k < sizeof(names) / sizeof(*names); k++)
            assert_int_equal(text(names[k], NULL, odd[i]), 0);
    }
    steps("[{\"step_id\":\"a\",\"status\":7,\"created_at\":[]},{\"step_id\":7}]");
    settle(1);
    assert_step(0, "", "", "", "");
    assert_int_equal(run_story_facts(story)->errors, 0);
}

static void test_duplicate_steps(void **state)
{
    (void)state;
    steps("[{\"step_id\":\"a\",\"step_id\":\"b\",\"status\":\"x\"},"
          "{\"step_id\":\"b\",\"status\":\"completed\"}]");
    settle(1);
    assert_string_equal(order(), "b");
    assert_step(0, "completed", "", "", "");
}

/* The blocks of the timeline tell the actions only if no record does. */
static void test_timeline(void **state)
{
    static const char blocks[] = "[{\"block\":{\"actions\":[{\"step_id\":\"b\",\"action_type\":"
                                 "\"click\"},{\"step_id\":\"a\",\"action_type\":\"wait\"}]}}]";

    (void)state;
    assert_int_equal(text(RECORDS "timeline.json", NULL, blocks), 0);
    settle(2);
    assert_string_equal(order(), "a b");
    assert_step(0, "", "wait", "", "WAIT");
    (void)tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
    assert_int_equal(text(RECORDS "timeline.json", NULL, blocks), 0);
    actions("[{\"step_id\":\"c\",\"action_type\":\"scroll\"}]");
    settle(1);
    assert_step(0, "", "scroll", "", "SCROLL");
}

/* A model's answer counts only for a step of which no record tells an action. */
static void test_answers(void **state)
{
    static const char answer[] =
        "{\"actions\":[{\"action_type\":\"click\",\"id\":\"e1\",\"reasoning\":\"so\"}]}";

    (void)state;
    artifact("a.json", "llm_response", "a", AT("21"), 0);
    artifact("b.json", "llm_response", "b", AT("22"), 0);
    artifact("c.json", "llm_response", NULL, AT("22"), 0);
    actions("[{\"step_id\":\"a\",\"action_type\":\"wait\"}]");
    assert_int_equal(text("a.json", "llm_response", answer), 0);
    assert_int_equal(text("b.json", "llm_response", answer), 0);
    assert_int_equal(text("c.json", "llm_response", answer), 0); /* of no step */
    assert_int_equal(text("d.json", "llm_response", answer), 0); /* without a row */
    settle(2);
    assert_step(0, "", "wait", "", "WAIT");
    assert_step(1, "", "click", "e1", "CLICK e1, \"so\"");
}

/* The service keeps one answer in several forms: as it came, parsed, and with its links. */
static void test_forms_of_an_answer(void **state)
{
    static const char answer[] = "{\"actions\":[{\"action_type\":\"click\",\"id\":\"e1\"},"
                                 "{\"action_type\":\"wait\"}]}";

    (void)state;
    artifact("a1", "llm_response", "a", AT("21"), 0);
    artifact("a2", "llm_response_parsed", "a", AT("21"), 0);
    artifact("a3", "llm_response_rendered", "a", AT("21"), 0);
    assert_int_equal(text("a1", "llm_response", "{\"choices\":[]}"), 0);
    assert_int_equal(text("a2", "llm_response_parsed", answer), 0);
    assert_int_equal(text("a3", "llm_response_rendered", answer), 0);
    settle(1);
    assert_step(0, "", "click wait", "e1", "CLICK e1");
}

static void test_pictures(void **state)
{
    const struct story_step *step;

    (void)state;
    artifact("a1", "screenshot_llm", "a", AT("21"), 1);
    artifact("a3", "screenshot_final", "a", AT("23"), 3);
    artifact("a2", "screenshot_action", "a", AT("22"), 2);
    artifact("a4", "html_action", "a", AT("24"), 4);
    artifact("b1", "screenshot_action", "b", AT("25"), 5);
    artifact("b2", "screenshot_action", "b", AT("25"), 6); /* the later row of two */
    artifact("c1", NULL, "c", AT("26"), 7);
    artifact("d1", "screenshot_action", "", AT("27"), 8);
    artifact("d2", "screenshot_action", NULL, AT("27"), 8);
    settle(3);
    step = run_story_step(story, 0);
    assert_string_equal(step->picture, "a3");
    assert_int_equal(step->picture_sha256[0], 3);
    step = run_story_step(story, 1);
    assert_string_equal(step->picture, "b2");
    assert_int_equal(step->picture_sha256[0], 6);
    assert_null(run_story_step(story, 2)->picture);
}

/* A screenshot of no known time takes no picture's place. */
static void test_pictures_without_time(void **state)
{
    (void)state;
    artifact("a1", "screenshot_action", "a", NULL, 1);
    artifact("a2", "screenshot_action", "a", NULL, 2);
    artifact("b1", "screenshot_action", "b", AT("21"), 3);
    artifact("b2", "screenshot_action", "b", NULL, 4);
    artifact("c1", "screenshot_action", "c", NULL, 5);
    artifact("c2", "screenshot_action", "c", AT("22"), 6);
    settle(3);
    assert_string_equal(run_story_step(story, 0)->picture, "a2");
    assert_string_equal(run_story_step(story, 1)->picture, "b1");
    assert_int_equal(run_story_step(story, 1)->picture_sha256[0], 3);
    assert_string_equal(run_story_step(story, 2)->picture, "c2");
}

/* A reason is cut after 90 bytes, type and element after 200, all between characters. */
static void test_long_titles(void **state)
{
    char lengthy[4096] = "[{\"step_id\":\"a\",\"action_type\":\"x";
    const char *title;
    size_t i;

    (void)state;
    for (i = 0; i < 300; i++)
        (void)strcat(lengthy, "\xc3\xa9");
    (void)strcat(lengthy, "\",\"element_id\":\"y");
    for (i = 0; i < 300; i++)
        (void)strcat(lengthy, "\xe2\x82\xac");
    (void)strcat(lengthy, "\",\"reasoning\":\"z");
    for (i = 0; i < 100; i++)
        (void)strcat(lengthy, "\xf0\x9f\x98\x80");
    (void)strcat(lengthy, "\"}]");
    actions(lengthy);
    settle(1);
    title = run_story_step(story, 0)->title;
    assert_true(is_utf8(title));
    assert_int_equal(strlen(title), 199 + 1 + 199 + strlen(", \"") + 89 + strlen("...\""));
    assert_int_equal(strlen(run_story_step(story, 0)->does), 601);
}

static void test_a_reason_that_fits(void **state)
{
    char reason[91];
    char record[300];
    char title[300];

    (void)state;
    memset(reason, 'r', 90);
    reason[90] = '\0';
    (void)snprintf(record, sizeof(record),
                   "[{\"step_id\":\"a\",\"action_type\":\"t\",\"reasoning\":\"%s\"}]", reason);
    (void)snprintf(title, sizeof(title), "T, \"%s\"", reason);
    actions(record);
    settle(1);
    assert_string_equal(run_story_step(story, 0)->title, title);
}

static void test_errors_of_logs(void **state)
{
    static const char *const lines[] = { "ERROR: x",     "[error    ] x", "a Severe thing",
                                         "an exception", "fatal",         "is critical.",
                                         "x-error-x",    "_error_" };
    static const char log[] = "ERROR: x\r\n[error    ] x\ninfo errors\nterror\na Severe thing\n"
                              "an exception\nfatal\nexceptional\nis critical.\n\nx-error-x\n"
                              "_error_\nerro\nerror of the end";
    const struct run_facts *facts = run_story_facts(story);
    size_t i;

    (void)state;
    assert_int_equal(text("log", "skyvern_log", log), 0);
    assert_int_equal(facts->errors, RUN_STORY_ERRORS + 1);
    for (i = 0; i < RUN_STORY_ERRORS; i++)
        assert_string_equal(facts->first_errors[i], lines[i]);
    assert_int_equal(text("log2", "browser_console_log", "error"), 0);
    assert_int_equal(facts->errors, RUN_STORY_ERRORS + 2);
    assert_int_equal(text("log3", "browser_console_log", ""), 0);
}

/* A line is cut after 400 bytes, between characters; a NUL does not hide what follows. */
static void test_odd_lines(void **state)
{
    static const char nul[] = "\0an error";
    const struct run_facts *facts = run_story_facts(story);
    char lengthy[2048] = "error";
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < 500; i++)
        (void)strcat(lengthy, "\xe2\x82\xac");
    assert_int_equal(text("log", "skyvern_log", lengthy), 0);
    assert_int_equal(strlen(facts->first_errors[0]), 398);
    assert_true(is_utf8(facts->first_errors[0]));
    assert_int_equal(run_story_text(story, "log2", "skyvern_log", nul, sizeof(nul) - 1, &err),
                     0);
    assert_string_equal(facts->first_errors[1], " an error");
    memset(lengthy + 5, 0x80, 1000); /* no UTF-8: cut anywhere */
    assert_int_equal(text("log3", "skyvern_log", lengthy), 0);
    assert_true(strlen(facts->first_errors[2]) > 390);
}

/* Count records of many steps or actions. */
static void fill(struct buf *out, const char *member, size_t count)
{
    size_t i;

    buf_reset(out);
    assert_int_equal(buf_adds(out, "[", NULL), 0);
    for (i = 0; i < count; i++)
        assert_int_equal(buf_addf(out, NULL, "%s{\"%s\":\"%zu\"}", i ? "," : "", member, i), 0);
    assert_int_equal(buf_adds(out, "]", NULL), 0);
}

static void test_too_many(void **state)
{
    const struct manifest_read_artifact further = { .path = "x",
                                                    .run_id = "wr_1",
                                                    .step_id = "y" };
    struct buf record;
    struct err err;

    (void)state;
    buf_init(&record, (size_t)64 << 20);
    fill(&record, "step_id", RUN_STORY_STEPS_MAX);
    assert_int_equal(
        run_story_text(story, RECORDS "steps-a.json", NULL, record.data, record.len, &err), 0);
    err_clear(&err);
    assert_int_equal(run_story_artifact(story, &further, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    fill(&record, "step_id", RUN_STORY_STEPS_MAX + 1);
    err_clear(&err);
    assert_int_equal(
        run_story_text(story, RECORDS "steps-a.json", NULL, record.data, record.len, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    fill(&record, "action_type", ACTIONS_MAX + 1);
    err_clear(&err);
    assert_int_equal(
        run_story_text(story, RECORDS "actions-a.json", NULL, record.data, record.len, &err),
        -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    settle(RUN_STORY_STEPS_MAX);
    buf_clear(&record);
}

/* A run that loops: one step with very many actions. Its lists of words are bounded. */
static void test_a_loop(void **state)
{
    const struct story_step *step;
    struct buf record;
    struct err err;
    size_t i;

    (void)state;
    buf_init(&record, (size_t)64 << 20);
    for (i = 0; i < ACTIONS_MAX; i++)
        assert_int_equal(
            buf_addf(&record, NULL,
                     "%s{\"step_id\":\"s%zu\",\"action_type\":\"c\",\"id\":\"%zu\"}",
                     i ? "," : "[", i % 50, i % 10),
            0);
    assert_int_equal(buf_adds(&record, "]", NULL), 0);
    assert_int_equal(
        run_story_text(story, RECORDS "actions-a.json", NULL, record.data, record.len, &err),
        0);
    settle(50);
    for (i = 0; i < 50; i++) {
        step = run_story_step(story, i);
        assert_int_equal(strlen(step->does), 2 * 2000 - 1);
        assert_int_equal(strncmp(step->does, "c c c ", 6), 0);
    }
    buf_clear(&record);
}

/* The lists of a step end at 4 KiB: what does not fit is left out. */
static void test_long_words(void **state)
{
    char lengthy[8192] = "[{\"step_id\":\"a\",\"action_type\":\"";
    struct err err;
    size_t i;

    (void)state;
    memset(lengthy + strlen(lengthy), 'w', 5000);
    (void)strcat(lengthy, "\"},{\"step_id\":\"a\",\"action_type\":\"click\"}]");
    actions(lengthy);
    assert_int_equal(run_story_settle(story, &err), 0);
    assert_int_equal(run_story_steps(story), 1);
    assert_string_equal(run_story_step(story, 0)->does, "click");
    for (i = 0; run_story_step(story, 0)->title[i]; i++)
        assert_int_equal(run_story_step(story, 0)->title[i], 'W');
    assert_int_equal(i, 200);
}

#define LENGTHY 70000 /* more than a region allocates at once */

static int make(const char *lengthy, struct err *err)
{
    static const char run[] = "{\"run_id\":\"wr_1\",\"status\":\"failed\"}";
    static const char step[] = "[{\"step_id\":\"b\",\"status\":\"completed\"}]";
    static const char action[] = "[{\"step_id\":\"b\",\"action_type\":\"click\",\"id\":\"e\"}]";
    static const char log[] = "an error";
    const struct manifest_read_artifact artifact_row = {
        .path = "p", .run_id = "wr_1", .artifact_type = "llm_response", .step_id = lengthy
    };

    return run_story_row(story, MANIFEST_READ_RUNS, run, sizeof(run) - 1, err) < 0 ||
                   run_story_artifact(story, &artifact_row, err) < 0 ||
                   run_story_text(story, "steps-1", NULL, step, sizeof(step) - 1, err) < 0 ||
                   run_story_text(story, "actions-1", NULL, action, sizeof(action) - 1, err) <
                       0 ||
                   run_story_text(story, "p", "llm_response", "{\"actions\":[{}]}", 16, err) <
                       0 ||
                   run_story_text(story, "l", "x_log", log, sizeof(log) - 1, err) < 0 ||
                   run_story_settle(story, err) < 0
               ? -1
               : 0;
}

/* Whichever allocation fails, the story is whole or an error. */
static void test_no_memory(void **state)
{
    static char lengthy[LENGTHY + 1];
    unsigned long nth;
    int rc = -1;

    (void)state;
    memset(lengthy, 's', LENGTHY);
    for (nth = 1; rc < 0 && nth < 500; nth++) {
        struct err err;

        (void)tear_down(NULL);
        err_clear(&err);
        mem_fail_at(nth, 1);
        story = run_story_new(&err);
        rc = story ? make(lengthy, &err) : -1;
        mem_fail_at(0, 0);
        if (rc < 0)
            assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_int_equal(rc, 0);
    assert_true(nth > 10);
    assert_int_equal(run_story_steps(story), 2);
    assert_int_equal(run_story_facts(story)->errors, 1);
    assert_step(0, "completed", "click", "e", "CLICK e");
    assert_int_equal(strlen(run_story_step(story, 1)->id), LENGTHY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),           TEST(test_the_row),
        TEST(test_a_poor_row),        TEST(test_the_record),
        TEST(test_order_of_time),     TEST(test_no_time),
        TEST(test_attempts),          TEST(test_steps_of_several_tasks),
        TEST(test_actions_of_a_step), TEST(test_wrong_types),
        TEST(test_duplicate_steps),   TEST(test_timeline),
        TEST(test_answers),           TEST(test_forms_of_an_answer),
        TEST(test_pictures),          TEST(test_pictures_without_time),
        TEST(test_long_titles),       TEST(test_a_reason_that_fits),
        TEST(test_errors_of_logs),    TEST(test_odd_lines),
        TEST(test_too_many),          TEST(test_a_loop),
        TEST(test_long_words),        TEST(test_no_memory),
    };

    return RUN(tests);
}
