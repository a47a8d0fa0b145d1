/* SPDX-License-Identifier: MIT */
#include "api/endpoint.h"
#include "unit.h"

#include <string.h>

static void test_select(void **state)
{
    struct endpoint_filter filter = { 0 };
    const char *names[ENDPOINT_RECORDS];
    struct err err;

    (void)state;
    assert_int_equal(endpoint_select(&filter, "all", NULL), 0);
    assert_int_equal(endpoint_names(&filter, names), ENDPOINT_RECORDS);
    assert_int_equal(endpoint_select(&filter, "timeline, tags", NULL), 0);
    assert_int_equal(endpoint_names(&filter, names), 2);
    assert_string_equal(names[0], "timeline");
    assert_string_equal(names[1], "tags");
    assert_int_equal(endpoint_select(&filter, "none", NULL), 0);
    assert_int_equal(endpoint_names(&filter, names), 0);
    assert_int_equal(endpoint_names(NULL, names), 0);
    assert_int_equal(endpoint_select(&filter, "", &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(endpoint_select(&filter, " ,", &err), -1);
    assert_int_equal(endpoint_select(&filter, "timeline,credentials", &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(endpoint_select(&filter, "script-versions", &err), -1);
}

static void test_urls(void **state)
{
    struct api api = { 0 };
    struct buf url;

    (void)state;
    buf_init(&url, URL_MAX);
    assert_int_equal(api_init(&api, "http://h:1/api/v1", NULL, NULL), 0);
    assert_int_equal(endpoint_url(&api, &url, ENDPOINT_TIMELINE, "wr_1", NULL, NULL), 0);
    assert_string_equal(buf_text(&url), "http://h:1/v1/runs/wr_1/timeline");
    assert_int_equal(endpoint_url(&api, &url, ENDPOINT_SCRIPT, "s_1", "3", NULL), 0);
    assert_string_equal(buf_text(&url), "http://h:1/v1/scripts/s_1/versions/3/detail");
    assert_int_equal(endpoint_url(&api, &url, ENDPOINT_VERSION, NULL, NULL, NULL), 0);
    assert_string_equal(buf_text(&url), "http://h:1/v1/version");
    assert_int_equal(endpoint_url(&api, &url, ENDPOINT_TIMELINE, "../x", NULL, NULL), -1);
    assert_int_equal(endpoint_url(&api, &url, ENDPOINT_TIMELINE, NULL, NULL, NULL), -1);
    buf_clear(&url);
    api_clear(&api);
}

static enum endpoint_verdict judge(struct endpoints *server, long status, const char *body)
{
    struct request request = { .status = status };
    struct err why = { .kind = status == 200 ? ERR_NONE : ERR_HTTP, .http = status };

    request.error_len = strlen(body);
    memcpy(request.error, body, request.error_len);
    return endpoint_judge(server, ENDPOINT_TAGS, &request, &why);
}

static void test_judge(void **state)
{
    struct endpoints server = { 0 };

    (void)state;
    assert_int_equal(judge(&server, 200, ""), ENDPOINT_GOOD);
    assert_int_equal(judge(&server, 404, "{\"detail\":\"Workflow run not found\"}"),
                     ENDPOINT_LACKED);
    assert_int_equal(judge(&server, 404, "<html>"), ENDPOINT_LACKED);
    assert_int_equal(judge(&server, 422, ""), ENDPOINT_LACKED);
    assert_int_equal(judge(&server, 400, ""), ENDPOINT_LACKED);
    assert_int_equal(judge(&server, 403, ""), ENDPOINT_DENIED);
    assert_int_equal(judge(&server, 500, ""), ENDPOINT_FAILED);
    assert_int_equal(judge(&server, 0, ""), ENDPOINT_FAILED);
    assert_false(server.absent[ENDPOINT_TAGS]);
    assert_int_equal(judge(&server, 404, "{\"detail\":\"Not Found\"}"), ENDPOINT_LACKED);
    assert_true(server.absent[ENDPOINT_TAGS] && !server.absent[ENDPOINT_TIMELINE]);
    server.absent[ENDPOINT_TAGS] = false;
    assert_int_equal(judge(&server, 405, ""), ENDPOINT_LACKED);
    assert_true(server.absent[ENDPOINT_TAGS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_judge),
    };

    return RUN(tests);
}
