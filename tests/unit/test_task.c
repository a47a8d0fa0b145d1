/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#define ONE "[{\"artifact_id\":\"a\",\"signed_url\":\"" URL_OF("h1", "a") "\"}]"

/* All valid transitions. */
static const struct {
    enum task_state from;
    enum task_event event;
    enum task_state to;
} allowed[] = {
    { TASK_IDLE, TASK_OPENED, TASK_WAITING },      { TASK_IDLE, TASK_STORED, TASK_ENDED },
    { TASK_WAITING, TASK_RELEASED, TASK_READY },   { TASK_WAITING, TASK_STORED, TASK_ENDED },
    { TASK_WAITING, TASK_LOST, TASK_ENDED },       { TASK_READY, TASK_STARTED, TASK_RUNNING },
    { TASK_READY, TASK_LIMITED, TASK_HELD },       { TASK_READY, TASK_REQUEUED, TASK_READY },
    { TASK_READY, TASK_EXPIRED, TASK_STALE },      { TASK_READY, TASK_STORED, TASK_ENDED },
    { TASK_READY, TASK_LOST, TASK_ENDED },         { TASK_DELAYED, TASK_DUE, TASK_READY },
    { TASK_DELAYED, TASK_STORED, TASK_ENDED },     { TASK_DELAYED, TASK_LOST, TASK_ENDED },
    { TASK_HELD, TASK_ADMITTED, TASK_READY },      { TASK_HELD, TASK_STORED, TASK_ENDED },
    { TASK_HELD, TASK_LOST, TASK_ENDED },          { TASK_STALE, TASK_REFRESHED, TASK_READY },
    { TASK_STALE, TASK_STORED, TASK_ENDED },       { TASK_STALE, TASK_LOST, TASK_ENDED },
    { TASK_STALE, TASK_ABORTED, TASK_ENDED },      { TASK_RUNNING, TASK_BACKOFF, TASK_DELAYED },
    { TASK_RUNNING, TASK_REQUEUED, TASK_READY },   { TASK_RUNNING, TASK_EXPIRED, TASK_STALE },
    { TASK_RUNNING, TASK_RECEIVED, TASK_PACKING }, { TASK_RUNNING, TASK_STORED, TASK_ENDED },
    { TASK_RUNNING, TASK_LOST, TASK_ENDED },       { TASK_RUNNING, TASK_ABORTED, TASK_ENDED },
    { TASK_PACKING, TASK_REQUEUED, TASK_READY },   { TASK_PACKING, TASK_EXPIRED, TASK_STALE },
    { TASK_PACKING, TASK_RECEIVED, TASK_PACKING }, { TASK_PACKING, TASK_STORED, TASK_ENDED },
    { TASK_PACKING, TASK_LOST, TASK_ENDED },
};

static void test_every_transition(void **state)
{
    size_t count = sizeof(allowed) / sizeof(*allowed);
    size_t found = 0;
    int from;
    int event;
    size_t i;

    (void)state;
    for (from = 0; from < TASK_STATES; from++) {
        for (event = 0; event < TASK_EVENTS; event++) {
            enum task_state to = TASK_STATES; /* refused */

            for (i = 0; i < count; i++) {
                if ((int)allowed[i].from == from && (int)allowed[i].event == event)
                    to = allowed[i].to;
            }
            assert_int_equal(task_transition((enum task_state)from, (enum task_event)event),
                             to);
            found += to != TASK_STATES;
        }
    }
    assert_int_equal(found, count);
}

static void test_from_the_list_to_the_archive(void **state)
{
    struct fixture f;
    struct task *task;

    (void)state;
    fixture_make(&f, ONE);
    task = fixture_task(&f, 0);
    assert_int_equal(task->state, TASK_IDLE);
    assert_int_equal(tasks_open(f.tasks), 0);
    assert_null(tasks_first(f.tasks));
    assert_ptr_equal(task_open(f.tasks, task->item), task);
    assert_int_equal(task->state, TASK_WAITING);
    assert_int_equal(tasks_open(f.tasks), 1);
    assert_null(tasks_first(f.tasks));
    task_apply(f.tasks, task, TASK_RELEASED);
    assert_ptr_equal(tasks_first(f.tasks), task);
    assert_string_equal(task_origin(f.tasks, task)->name, "https://h1:443");
    assert_int_equal(fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE).action,
                     TASK_DO_NOTHING);
    assert_null(tasks_first(f.tasks));
    assert_int_equal(task->state, TASK_PACKING);
    assert_string_equal(task->outcome.via, "signed-url");
    assert_int_equal(task->outcome.attempts, 1);
    task_apply(f.tasks, task, TASK_STORED);
    assert_int_equal(tasks_open(f.tasks), 0);
    fixture_clear(&f);
}

/* A task that is ready to be started. */
static struct task *ready(struct fixture *f)
{
    struct task *task;

    fixture_make(f, ONE);
    task = task_open(f->tasks, plan_at(f->plan, 0));
    task_apply(f->tasks, task, TASK_RELEASED);
    return task;
}

static void test_retries_and_then_the_content_endpoint(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct task_step step;
    unsigned i;

    (void)state;
    for (i = 0; i < 2; i++) {
        step = fixture_settle(&f, task, FETCH_ROUTE_AGAIN, REASON_SERVER_ERROR);
        assert_int_equal(step.action, TASK_DO_NOTHING);
        assert_int_equal(task->state, TASK_DELAYED);
        assert_null(tasks_first(f.tasks));
        assert_int_equal(tasks_release_due(f.tasks, UINT64_MAX), UINT64_MAX);
        assert_ptr_equal(tasks_first(f.tasks), task);
    }
    step = fixture_settle(&f, task, FETCH_ROUTE_AGAIN, REASON_SERVER_ERROR);
    assert_int_equal(step.action, TASK_DO_NOTHING);
    assert_int_equal(task->state, TASK_READY);
    assert_int_equal(task->route, FETCH_ROUTE_CONTENT);
    assert_string_equal(task_origin(f.tasks, task)->name, "https://api.test:443");
    for (i = 0; i < 2; i++) {
        (void)fixture_settle(&f, task, FETCH_ROUTE_AGAIN, REASON_SERVER_ERROR);
        (void)tasks_release_due(f.tasks, UINT64_MAX);
    }
    step = fixture_settle(&f, task, FETCH_ROUTE_AGAIN, REASON_SERVER_ERROR);
    assert_int_equal(step.action, TASK_DO_LOSE);
    assert_int_equal(step.reason, REASON_SERVER_ERROR);
    assert_int_equal(task->state, TASK_RUNNING); /* the caller ends it */
    task_apply(f.tasks, task, TASK_LOST);
    fixture_clear(&f);
}

/* A 404 of the content endpoint is not final if the URL's host was down. */
static void test_gone_is_not_said_of_what_may_come_back(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct task_step step;
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        (void)fixture_settle(&f, task, FETCH_ROUTE_AGAIN, REASON_NETWORK_ERROR);
        (void)tasks_release_due(f.tasks, UINT64_MAX);
    }
    assert_int_equal(task->route, FETCH_ROUTE_CONTENT);
    step = fixture_settle(&f, task, FETCH_ROUTE_GIVE_UP, REASON_GONE);
    assert_int_equal(step.action, TASK_DO_LOSE);
    assert_int_equal(step.reason, REASON_NETWORK_ERROR);
    task_apply(f.tasks, task, TASK_LOST);
    fixture_clear(&f);

    task = ready(&f); /* a 404 of the URL itself is final */
    (void)fixture_settle(&f, task, FETCH_ROUTE_TO_CONTENT, REASON_GONE);
    step = fixture_settle(&f, task, FETCH_ROUTE_GIVE_UP, REASON_GONE);
    assert_int_equal(step.reason, REASON_GONE);
    task_apply(f.tasks, task, TASK_LOST);
    fixture_clear(&f);
}

static void test_what_cannot_be_started_takes_the_same_routes(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);

    (void)state;
    task_start(f.tasks, task);
    assert_int_equal(task_unstarted(f.tasks, task).action, TASK_DO_NOTHING);
    assert_int_equal(task->route, FETCH_ROUTE_CONTENT);
    task_start(f.tasks, task);
    assert_int_equal(task_unstarted(f.tasks, task).action, TASK_DO_LOSE);
    fixture_clear(&f);
}

/* A list of one artifact was received. */
static void refresh_row(struct fixture *f, const char *url, struct artifact *row)
{
    struct url_refresh_list list = { .run = 0, .came = url != NULL };

    list.by_id = hashmap_new(NULL);
    list.rows = hashmap_new(NULL);
    if (url)
        assert_int_equal(hashmap_add(list.by_id, "a", 1, (void *)(uintptr_t)url, NULL), 0);
    if (row)
        assert_int_equal(hashmap_add(list.rows, "a", 1, row, NULL), 0);
    tasks_refreshed(f->tasks, &list);
    hashmap_free(list.by_id);
    hashmap_free(list.rows);
}

static void refresh(struct fixture *f, const char *url)
{
    refresh_row(f, url, NULL);
}

static void test_a_url_is_refreshed(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct task_step step;

    (void)state;
    step = fixture_settle(&f, task, FETCH_ROUTE_RENEW, REASON_DENIED);
    assert_int_equal(step.action, TASK_DO_REFRESH);
    assert_int_equal(task->state, TASK_STALE);
    refresh(&f, URL_OF("h2", "a"));
    assert_ptr_equal(tasks_first(f.tasks), task);
    assert_int_equal(task->route, FETCH_ROUTE_RENEWED);
    assert_string_equal(task->url.origin->name, "https://h2:443");
    task_start(f.tasks, task);
    refresh(&f, URL_OF("h3", "a")); /* for another task, while this one runs */
    assert_int_equal(task->state, TASK_RUNNING);
    assert_true(task->url_replaced);
    task_apply(f.tasks, task, TASK_REQUEUED);
    step = fixture_settle(&f, task, FETCH_ROUTE_RENEW, REASON_DENIED);
    assert_int_equal(step.action, TASK_DO_REFRESH); /* the newer URL was the one refused */
    refresh(&f, NULL);
    assert_int_equal(task->route, FETCH_ROUTE_CONTENT); /* no list was received */
    assert_int_equal(task->state, TASK_READY);
    fixture_clear(&f);
}

static void test_a_fresh_list_tells_what_has_changed(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct artifact row;

    (void)state;
    row = *task_artifact(f.tasks, task);
    refresh_row(&f, URL_OF("h2", "a"), &row);
    assert_false(task->changed);
    row.modified_at = "2026-02-02T02:02:02"; /* the first list did not tell it */
    refresh_row(&f, URL_OF("h2", "a"), &row);
    assert_false(task->changed);
    row.checksum = "00";
    refresh_row(&f, URL_OF("h2", "a"), &row);
    assert_true(task->changed);
    task_start(f.tasks, task);
    assert_false(task->changed); /* this attempt is from the beginning */
    f.run.list.rows[0].uri = "s3://b/1";
    row = f.run.list.rows[0];
    row.uri = "s3://b/2";
    refresh_row(&f, URL_OF("h2", "a"), &row);
    assert_true(
        task->changed); /* what a running attempt has received is discarded if it breaks */
    fixture_clear(&f);
}

static void test_a_url_that_was_replaced_is_not_refreshed(void **state)
{
    struct request request = { .status = 403 };
    struct task_attempt attempt = { .request = &request,
                                    .verdict = { FETCH_ROUTE_RENEW, REASON_DENIED, false } };
    struct fixture f;
    struct task *task = ready(&f);

    (void)state;
    task_start(f.tasks, task);
    refresh(&f, URL_OF("h3", "a"));
    assert_int_equal(task_settle(f.tasks, task, &attempt).action, TASK_DO_NOTHING);
    assert_int_equal(task->state, TASK_READY);
    assert_int_equal(task->route, FETCH_ROUTE_RENEWED);
    assert_string_equal(task_origin(f.tasks, task)->name, "https://h3:443");
    fixture_clear(&f);
}

/* One attempt that breaks, after so many bytes of which so many are its own. */
static unsigned failures_after(struct fixture *f, struct task *task, uint64_t kept,
                               uint64_t have)
{
    struct request request = { .status = 200, .retry_after = BACKOFF_UNSAID };
    struct task_attempt attempt = { .request = &request,
                                    .verdict = { FETCH_ROUTE_AGAIN, REASON_NETWORK_ERROR,
                                                 false },
                                    .kept = kept,
                                    .have = have };

    task->route = FETCH_ROUTE_SIGNED;
    task->state = TASK_READY;
    task_start(f->tasks, task);
    (void)task_settle(f->tasks, task, &attempt);
    return task->backoff.failures;
}

static void test_bytes_that_were_discarded_before_are_no_progress(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    const uint64_t m = 1000000;
    unsigned i;

    (void)state;
    task->backoff.retries = 3;
    for (i = 1; i < 9; i++)
        assert_int_equal(failures_after(&f, task, m, i * m), 1);
    for (i = 0; i < 3; i++) { /* discarded, and received again */
        assert_int_equal(failures_after(&f, task, 0, 0), 2);
        assert_int_equal(failures_after(&f, task, m, m), 1);
    }
    assert_int_equal(failures_after(&f, task, 0, 0), 2);
    assert_int_equal(failures_after(&f, task, m, m), 3);
    assert_int_equal(failures_after(&f, task, 8 * m, 9 * m), 1); /* further than ever */
    fixture_clear(&f);
}

static void test_suspect_content_is_fetched_by_each_route(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);

    (void)state;
    (void)fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE);
    assert_int_equal(task_again(task) != 0, true);
    assert_int_equal(task_refused(f.tasks, task, PACK_SUSPECT).action, TASK_DO_REFRESH);
    refresh(&f, URL_OF("h1", "a"));
    (void)fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE);
    assert_int_equal(task_refused(f.tasks, task, PACK_SUSPECT).action, TASK_DO_NOTHING);
    assert_int_equal(task->route, FETCH_ROUTE_CONTENT);
    (void)fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE);
    assert_int_equal(task_again(task), 0); /* the last route: its content is kept */
    fixture_clear(&f);
}

static void test_a_wrong_length_is_borne_for_some_time(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct task_step step;
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        (void)fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE);
        assert_int_equal(task_refused(f.tasks, task, PACK_LENGTH).action, TASK_DO_NOTHING);
        assert_int_equal(task->state, TASK_READY);
    }
    (void)fixture_settle(&f, task, FETCH_ROUTE_DONE, REASON_NONE);
    step = task_refused(f.tasks, task, PACK_LENGTH);
    assert_int_equal(step.action, TASK_DO_LOSE);
    assert_int_equal(step.reason, REASON_LENGTH_MISMATCH);
    fixture_clear(&f);
}

static void test_a_host_at_its_limit(void **state)
{
    struct fixture f;
    struct task *task = ready(&f);
    struct origin *origin = task_origin(f.tasks, task);

    (void)state;
    origin->until = 1000;
    assert_int_equal(task_hold(f.tasks, task, NULL), 0);
    assert_null(tasks_first(f.tasks));
    assert_int_equal(tasks_release_held(f.tasks, 10, 8), 1000);
    assert_null(tasks_first(f.tasks));
    assert_int_equal(tasks_release_held(f.tasks, 1000, 8), UINT64_MAX);
    assert_ptr_equal(tasks_first(f.tasks), task);
    fixture_clear(&f);
}

/* Of two rows of one ID, each is fetched by its own URL only. */
static void test_rows_of_one_id_have_their_own_urls_only(void **state)
{
    struct fixture f;
    struct task *task;
    struct task_step step;
    struct url_refresh_list list = { .came = true };

    (void)state;
    fixture_make(&f, "[{\"artifact_id\":\"a\",\"uri\":\"s3://b/1\",\"signed_url\":\"" URL_OF(
                         "h1", "a") "\"},{\"artifact_id\":\"a\",\"uri\":\"s3://b/2\"}]");
    task = task_open(f.tasks, plan_at(f.plan, 1));
    task_apply(f.tasks, task, TASK_RELEASED);
    step = task_bypass(f.tasks, task);
    assert_int_equal(step.action, TASK_DO_LOSE);
    assert_int_equal(step.reason, REASON_NO_URL);
    assert_int_equal(task->outcome.attempts, 0);
    task_apply(f.tasks, task, TASK_LOST);

    task = task_open(f.tasks, plan_at(f.plan, 0));
    task_apply(f.tasks, task, TASK_RELEASED);
    assert_int_equal(task_bypass(f.tasks, task).action, TASK_DO_NOTHING);
    assert_false(task_needs_refresh(f.tasks, task, true, 0));
    tasks_refreshed(f.tasks, &list); /* it does not say which row is which */
    assert_non_null(task->url.text);
    assert_true(task_facts(f.tasks, task).by_url);
    assert_false(task_facts(f.tasks, task).renewable);
    (void)task_expire(f.tasks, task); /* it had suspect content, and no other route is left */
    tasks_refreshed(f.tasks, &list);
    assert_int_equal(task->state, TASK_READY);
    assert_non_null(task->url.text);
    assert_int_equal(task->route, FETCH_ROUTE_SIGNED);
    task_start(f.tasks, task);
    assert_int_equal(task_again(task), 0); /* what its URL gives is kept */
    step = task_unstarted(f.tasks, task);
    assert_int_equal(step.action, TASK_DO_LOSE);
    assert_int_equal(task->route, FETCH_ROUTE_SIGNED);
    task_apply(f.tasks, task, TASK_LOST);
    fixture_clear(&f);
}

static void test_nothing_is_started_after_a_failure(void **state)
{
    struct fixture f;
    struct err first = { .kind = ERR_SYSTEM };
    struct err second = { .kind = ERR_MEMORY };

    (void)state;
    (void)ready(&f);
    assert_null(tasks_failure(f.tasks));
    tasks_fail(f.tasks, &first);
    tasks_fail(f.tasks, &second);
    assert_int_equal(tasks_failure(f.tasks)->kind, ERR_SYSTEM);
    assert_null(tasks_first(f.tasks));
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_transition),
        cmocka_unit_test(test_from_the_list_to_the_archive),
        cmocka_unit_test(test_retries_and_then_the_content_endpoint),
        cmocka_unit_test(test_gone_is_not_said_of_what_may_come_back),
        cmocka_unit_test(test_what_cannot_be_started_takes_the_same_routes),
        cmocka_unit_test(test_a_url_is_refreshed),
        cmocka_unit_test(test_a_fresh_list_tells_what_has_changed),
        cmocka_unit_test(test_a_url_that_was_replaced_is_not_refreshed),
        cmocka_unit_test(test_bytes_that_were_discarded_before_are_no_progress),
        cmocka_unit_test(test_suspect_content_is_fetched_by_each_route),
        cmocka_unit_test(test_a_wrong_length_is_borne_for_some_time),
        cmocka_unit_test(test_a_host_at_its_limit),
        cmocka_unit_test(test_rows_of_one_id_have_their_own_urls_only),
        cmocka_unit_test(test_nothing_is_started_after_a_failure),
    };

    return RUN(tests);
}
