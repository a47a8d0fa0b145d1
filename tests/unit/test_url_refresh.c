/* SPDX-License-Identifier: MIT */
#include "fetch/url_refresh.h"

#include "base/clock.h"
#include "base/log.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/*
 * The calls are the test's own: these functions take the place of client/call.c, which is not
 * linked then. A call that was added waits in asked until answer() ends it.
 */
static struct call *asked;
static unsigned asked_count;

void callers_init(struct callers *callers, struct loop *loop, const struct api *api,
                  unsigned limit, unsigned retries)
{
    *callers = (struct callers){ .loop = loop, .api = api, .limit = limit, .retries = retries };
}

void call_init(struct call *call, struct callers *callers, size_t max,
               void (*done)(void *ctx, struct call *call), void *ctx)
{
    *call = (struct call){ .callers = callers, .done = done, .ctx = ctx };
    call->request.date = CLOCK_NONE;
    buf_init(&call->url, 4096);
    buf_init(&call->body, max);
}

void callers_forget(struct callers *callers)
{
    callers_init(callers, callers->loop, callers->api, callers->limit, callers->retries);
}

void call_renew(struct call *call)
{
    call->attempts = 0;
}

void call_post(struct call *call, const char *body, size_t len)
{
    call->post = body;
    call->post_len = len;
}

void call_add(struct call *call)
{
    assert_null(asked); /* one after the other */
    asked = call;
    asked_count++;
}

void call_delay(struct call *call, uint64_t due)
{
    call->due = due;
    call_add(call);
}

void call_clear(struct call *call)
{
    buf_clear(&call->url);
    buf_clear(&call->body);
    *call = (struct call){ 0 };
}

uint64_t callers_pump(struct callers *callers)
{
    (void)callers;
    return UINT64_MAX;
}

/* End the pending call with this body; NULL: with an error. */
static void answer(const char *body, int64_t date)
{
    struct call *call = asked;

    assert_non_null(call);
    asked = NULL;
    call->request.date = date;
    if (body)
        assert_int_equal(buf_adds(&call->body, body, NULL), 0);
    else
        (void)err_set(&call->err, ERR_NET, "nobody there");
    call->done(call->ctx, call);
}

/* The last list that was published. */
static struct {
    unsigned times;
    size_t run;
    bool came;
    char urls[256]; /* of the artifacts a, b and c */
} got;

static void on_renewed(void *ctx, const struct url_refresh_list *list)
{
    size_t i;

    assert_ptr_equal(ctx, &got);
    got.times++;
    got.run = list->run;
    got.came = list->came;
    *got.urls = '\0';
    for (i = 0; list->by_id && i < 3; i++) {
        const char *url = hashmap_get(list->by_id, &"abc"[i], 1);

        (void)snprintf(got.urls + strlen(got.urls), sizeof(got.urls) - strlen(got.urls), "%s ",
                       url ? url : "-");
    }
}

static struct api api;
static struct callers callers;
static struct listed_run runs[2];
static struct listing listing;
static struct kind_filter filter;
static struct url_refresh *refresh;

static int set_up(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, 0); /* lists that fail are warnings */
    asked = NULL;
    asked_count = 0;
    memset(&got, 0, sizeof(got));
    memset(runs, 0, sizeof(runs));
    runs[0].id = "wr_1";
    runs[1].id = "tsk_2";
    listing = (struct listing){ .runs = runs, .count = 2, .api = &api, .filter = &filter };
    if (api_init(&api, "http://127.0.0.1:8000", NULL, NULL) < 0)
        return -1;
    callers_init(&callers, NULL, &api, 1, 0);
    refresh = url_refresh_new(&listing, &callers, on_renewed, &got, NULL);
    return refresh ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    url_refresh_free(refresh);
    api_clear(&api);
    return 0;
}

static void ask(size_t run)
{
    assert_int_equal(url_refresh_ask(refresh, run, NULL), 0);
}

#define LIST_AB                                                                                \
    "[{\"artifact_id\": \"a\", \"signed_url\": \"http://s/a1\"},"                              \
    " {\"artifact_id\": \"b\", \"signed_url\": \"http://s/b1\"}]"

static void test_one_list_for_all_who_ask(void **state)
{
    (void)state;
    assert_false(url_refresh_busy(refresh, 1));
    ask(1);
    ask(1);
    assert_int_equal(asked_count, 1);
    assert_non_null(strstr(buf_text(&asked->url), "/tsk_2/"));
    assert_true(url_refresh_busy(refresh, 1));
    assert_false(url_refresh_busy(refresh, 0));
    assert_int_equal(got.times, 0);
    answer(LIST_AB, CLOCK_NONE);
    assert_int_equal(got.times, 1);
    assert_int_equal(got.run, 1);
    assert_true(got.came);
    assert_string_equal(got.urls, "http://s/a1 http://s/b1 - ");
    assert_false(url_refresh_busy(refresh, 1));
    ask(1); /* again, later */
    assert_int_equal(asked_count, 2);
    answer(
        "[{\"artifact_id\": \"a\", \"signed_url\": \"http://s/a2\"}, {\"artifact_id\": \"b\"}]",
        CLOCK_NONE);
    assert_int_equal(got.times, 2);
    assert_string_equal(got.urls, "http://s/a2 - - ");
}

static void test_lists_that_do_not_come(void **state)
{
    static const char *const answers[] = { NULL, "", "{}", "<html>", "[" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        ask(0);
        answer(answers[i], CLOCK_NONE);
        assert_int_equal(got.times, i + 1);
        assert_false(got.came);
        assert_false(url_refresh_busy(refresh, 0));
    }
    ask(0);
    answer(LIST_AB, CLOCK_NONE);
    assert_true(got.came);
}

static void test_a_run_that_is_listed_under_two_names(void **state)
{
    (void)state;
    (void)snprintf(runs[0].other, sizeof(runs[0].other), "tsk_v2_1");
    runs[0].under[0] = runs[0].under[1] = true;
    ask(0);
    assert_non_null(strstr(buf_text(&asked->url), "/wr_1/"));
    answer(LIST_AB, CLOCK_NONE);
    assert_int_equal(got.times, 0);
    assert_non_null(strstr(buf_text(&asked->url), "/tsk_v2_1/"));
    answer("[{\"artifact_id\": \"a\", \"signed_url\": \"http://s/other\"},"
           " {\"artifact_id\": \"c\", \"signed_url\": \"http://s/c1\"}]",
           CLOCK_NONE);
    assert_int_equal(got.times, 1);
    assert_string_equal(got.urls, "http://s/a1 http://s/b1 http://s/c1 ");
    ask(0); /* the first name is requested again */
    assert_non_null(strstr(buf_text(&asked->url), "/wr_1/"));
    answer(LIST_AB, CLOCK_NONE);
    answer(NULL, CLOCK_NONE); /* one of two lists is not enough */
    assert_int_equal(got.times, 2);
    assert_false(got.came);
}

static void test_what_the_record_names_beside_the_list(void **state)
{
    struct artifact row = { .artifact_id = "c", .origin = "recording_url" };

    (void)state;
    runs[1].list = (struct artifact_list){ .rows = &row, .count = 1 };
    runs[1].extras = 1;
    ask(1);
    answer(LIST_AB, CLOCK_NONE);
    assert_int_equal(got.times, 0); /* the record is requested as well */
    assert_true(url_refresh_busy(refresh, 1));
    assert_non_null(strstr(buf_text(&asked->url), "/v1/runs/tsk_2"));
    assert_null(strstr(buf_text(&asked->url), "artifacts"));
    answer("{\"run_id\": \"tsk_2\", \"recording_url\": \"http://s/c1\"}", CLOCK_NONE);
    assert_int_equal(got.times, 1);
    assert_true(got.came);
    assert_string_equal(got.urls, "http://s/a1 http://s/b1 http://s/c1 ");
    assert_false(url_refresh_busy(refresh, 1));
    ask(1);
    answer(LIST_AB, CLOCK_NONE);
    answer(NULL, CLOCK_NONE); /* without the record the list is still used */
    assert_int_equal(got.times, 2);
    assert_true(got.came);
    assert_string_equal(got.urls, "http://s/a1 http://s/b1 - ");
    ask(1);
    answer(NULL, CLOCK_NONE); /* without the list the record is not requested */
    assert_int_equal(got.times, 3);
    assert_false(got.came);
    assert_null(asked);
    runs[1].list = (struct artifact_list){ 0 };
}

static void test_the_servers_clock(void **state)
{
    int64_t before = clock_wall();

    (void)state;
    ask(0);
    answer(LIST_AB, before + 3600000);
    assert_int_equal(runs[0].listed_at, before + 3600000);
    assert_true(listing.skew <= 3600000 && listing.skew > 3600000 - 20000);
    ask(1); /* no Date header: our clock with the last known skew */
    answer(LIST_AB, CLOCK_NONE);
    assert_true(runs[1].listed_at >= before + listing.skew);
    assert_true(runs[1].listed_at < before + listing.skew + 20000);
}

/* Stopped with a call under way, which the loop has ended: no list is published. */
static void test_given_up(void **state)
{
    (void)state;
    ask(0);
    assert_int_equal(got.times, 0);
    url_refresh_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_list_for_all_who_ask),
        TEST(test_lists_that_do_not_come),
        TEST(test_a_run_that_is_listed_under_two_names),
        TEST(test_what_the_record_names_beside_the_list),
        TEST(test_the_servers_clock),
        TEST(test_given_up),
    };

    return RUN(tests);
}
