/* SPDX-License-Identifier: MIT */
/* Requests that submit a task, and webhooks. */
#include "api/task_request.h"
#include "api/webhook.h"
#include "base/json.h"
#include "unit.h"

#include <string.h>

static void test_body(void **state)
{
    static const char *const headers[] = { "A=b=c" };
    struct task_request task = {
        .prompt = "say \"hi\"\n",
        .max_steps = 3,
        .proxy_location = "{\"city\":\"Bonn\"}",
        .schema_json = "{}",
        .data_json = "{\"max_steps\": 9, \"x\": [1, \"y\"], \"z\": \"\\u00fc\"}",
        .headers = headers,
        .header_count = 1
    };
    struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(task_request_write(&task, &out, &err), 0);
    assert_string_equal(
        buf_text(&out),
        "{\"prompt\":\"say \\\"hi\\\"\\n\",\"max_steps\":3,"
        "\"proxy_location\":{\"city\":\"Bonn\"},\"data_extraction_schema\":{},"
        "\"extra_http_headers\":{\"A\":\"b=c\"},\"x\":[1, \"y\"],\"z\":\"\\u00fc\"}");
    assert_int_equal(json_check(buf_text(&out), out.len, NULL, &err), 0);
    buf_reset(&out);
    assert_int_equal(
        task_request_write(&(struct task_request){ .data_json = "{}" }, &out, &err), 0);
    assert_string_equal(buf_text(&out), "{}");
    buf_reset(&out);
    assert_int_equal(
        task_request_write(&(struct task_request){ .error_codes_json = "{" }, &out, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    buf_clear(&out);
}

static void test_data_that_is_no_object(void **state)
{
    struct buf out;
    struct err err = { 0 };

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(
        task_request_write(&(struct task_request){ .data_json = "{\"a\": }" }, &out, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.text, "--data: expected a JSON object: "));
    assert_true(strlen(err.text) > strlen("--data: expected a JSON object: ")); /* and why */
    err = (struct err){ 0 };
    assert_int_equal(
        task_request_write(&(struct task_request){ .data_json = "[1]" }, &out, &err), -1);
    assert_string_equal(err.text, "--data: expected a JSON object");
    buf_clear(&out);
}

static void test_signature(void **state)
{
    /* RFC 4231, test case 2 */
    static const char good[] =
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    static const char body[] = "what do ya want for nothing?";
    char bad[sizeof(good)];
    struct err err;

    (void)state;
    assert_int_equal(webhook_verify("Jefe", body, strlen(body), good, &err), 0);
    memcpy(bad, good, sizeof(good));
    bad[63] = '4';
    assert_int_equal(webhook_verify("Jefe", body, strlen(body), bad, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(webhook_verify("Jefe", body, strlen(body) - 1, good, &err), -1);
    assert_int_equal(webhook_verify("jefe", body, strlen(body), good, &err), -1);
    assert_int_equal(webhook_verify("Jefe", body, strlen(body), NULL, &err), -1);
    assert_int_equal(webhook_verify("Jefe", body, strlen(body), "", &err), -1);
    assert_int_equal(webhook_verify(NULL, body, strlen(body), good, &err), -1);
}

static int run_in(const char *body, char id[RUN_ID_MAX + 1])
{
    struct webhook_facts facts;
    int rc = webhook_read(body, strlen(body), &facts, NULL);

    if (rc == 0)
        memcpy(id, facts.run_id, sizeof(facts.run_id));
    return rc;
}

static void test_run(void **state)
{
    char id[RUN_ID_MAX + 1];

    (void)state;
    assert_int_equal(run_in("{\"run_id\":\"tsk_1\",\"task_id\":\"tsk_2\"}", id), 0);
    assert_string_equal(id, "tsk_1");
    assert_int_equal(run_in("{\"run_id\":null,\"task_id\":\"tsk_2\"}", id), 0);
    assert_string_equal(id, "tsk_2");
    assert_int_equal(run_in("{\"run_id\":\"a/b\"}", id), -1);
    assert_int_equal(run_in("{\"run_id\":\"a\\u0000b\"}", id), -1);
    assert_int_equal(run_in("[\"run_id\"]", id), -1);
    assert_int_equal(run_in("[{\"run_id\":\"a\"}]", id), -1);
    assert_int_equal(run_in("{\"output\":{\"run_id\":\"a\"}}", id), -1);
    assert_int_equal(run_in("{\"output\":\"run_id\\\":\\\\\",\"run_id\":\"b\"}", id), 0);
    assert_string_equal(id, "b");
    assert_int_equal(
        run_in(" { \"x\" : [ { } , \"}\" ] , \"run_id\" : \"a\" ,\n\"run_id\":\"c\"\t}", id),
        0);
    assert_string_equal(id, "c");
    assert_int_equal(run_in("{}", id), -1);
    assert_int_equal(run_in("{\"run_id\":\"a\"} x", id), -1);
    assert_int_equal(run_in("", id), -1);
}

static void test_facts(void **state)
{
    static const char body[] = "{\"run_id\":\"a\",\"status\":\"failed\","
                               "\"finished_at\":\"2026-11-20T10:00:00.5\"}";
    struct webhook_facts facts;

    (void)state;
    assert_int_equal(webhook_read(body, strlen(body), &facts, NULL), 0);
    assert_string_equal(facts.status, "failed");
    assert_false(webhook_differs(&facts, "failed", "2026-11-20T10:00:00.500000Z"));
    assert_false(webhook_differs(&facts, NULL, NULL));
    assert_false(webhook_differs(&facts, "failed", "nonsense"));
    assert_true(webhook_differs(&facts, "completed", "2026-11-20T10:00:00.5"));
    assert_true(webhook_differs(&facts, "failed", "2026-11-20T10:00:01"));
    assert_int_equal(webhook_read("{\"run_id\":\"a\",\"status\":7}", 25, &facts, NULL), 0);
    assert_string_equal(facts.status, "");
    assert_false(webhook_differs(&facts, "failed", "2026-11-20T10:00:01"));
    assert_true(
        webhook_signed("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_false(
        webhook_signed("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_false(webhook_signed("0123456789abcdef"));
    assert_false(webhook_signed(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),      cmocka_unit_test(test_data_that_is_no_object),
        cmocka_unit_test(test_signature), cmocka_unit_test(test_run),
        cmocka_unit_test(test_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
