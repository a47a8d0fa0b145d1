/* SPDX-License-Identifier: MIT */
#include "fetch/completion.h"

#include "tasks.h"

#define MEMBER(id)                                                                             \
    "{\"artifact_id\":\"" id "\",\"uri\":\"s3://b/z\",\"bundle_key\":\"" id                    \
    "\",\"signed_url\":\"" URL_OF("h1", "x") "\"}"
#define MEMBERS "[" MEMBER("a") "," MEMBER("b") "," MEMBER("c") "]"
#define SAME(id)                                                                               \
    "{\"artifact_id\":\"" id "\",\"uri\":\"s3://b/o\",\"signed_url\":\"" URL_OF("h1", "x") "\"}"
#define SAMES "[" SAME("a") "," SAME("b") "," SAME("c") "]"

static struct completion *begin(struct fixture *f, const char *json, bool strict)
{
    struct completion_opts opts = { .strict = strict };
    struct completion *c;

    fixture_make(f, json);
    opts.tasks = f->tasks;
    opts.plan = f->plan;
    c = completion_new(&opts, NULL);
    completion_begin(c, &(struct task_before){ NULL, NULL });
    return c;
}

static void check_count(const struct completion *c, size_t done, size_t missing)
{
    size_t is_done;
    size_t is_missing;

    completion_count(c, &is_done, &is_missing);
    assert_int_equal(is_done, done);
    assert_int_equal(is_missing, missing);
}

static void test_a_scout_goes_before_the_other_members(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, false);
    struct task *scout = tasks_first(f.tasks);
    size_t i;

    (void)state;
    assert_non_null(scout);
    for (i = 0; i < 3; i++)
        assert_int_equal(fixture_task(&f, i)->state,
                         fixture_task(&f, i) == scout ? TASK_READY : TASK_WAITING);
    task_start(f.tasks, scout);
    assert_int_equal(completion_lose(c, scout, REASON_GONE).action, TASK_DO_NOTHING);
    for (i = 0; i < 3; i++)
        assert_int_equal(fixture_task(&f, i)->state,
                         fixture_task(&f, i) == scout ? TASK_ENDED : TASK_READY);
    check_count(c, 1, 1);
    completion_free(c);
    fixture_clear(&f);
}

static void test_what_only_a_record_names_is_last(void **state)
{
    static const char *const rows =
        "[{\"artifact_id\":\"s\",\"artifact_type\":\"screenshot_final\",\"signed_url\":"
        "\"" URL_OF("h1", "s") "\"}," MEMBER("a") "," MEMBER("b") "]";
    struct fixture f;
    struct completion *c = begin(&f, rows, false);
    struct task *loose = fixture_task(&f, 0);
    struct task *member;

    (void)state;
    for (member = tasks_first(f.tasks); member; member = tasks_first(f.tasks)) {
        assert_ptr_not_equal(member, loose);
        assert_int_equal(loose->state, TASK_WAITING);
        task_start(f.tasks, member);
        assert_int_equal(completion_lose(c, member, REASON_GONE).action, TASK_DO_NOTHING);
        if (tasks_open(f.tasks) == 1)
            break;
    }
    assert_int_equal(loose->state, TASK_READY);
    assert_ptr_equal(tasks_first(f.tasks), loose);
    check_count(c, 2, 2);
    completion_free(c);
    fixture_clear(&f);
}

static void test_the_next_of_those_that_are_the_same(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, SAMES, false);
    struct task *first = tasks_first(f.tasks);
    struct task *heir;

    (void)state;
    assert_int_equal(tasks_open(f.tasks), 1);
    assert_int_equal(completion_lose(c, first, REASON_GONE).action, TASK_DO_NOTHING);
    heir = tasks_first(f.tasks);
    assert_non_null(heir);
    assert_ptr_not_equal(heir, first);
    assert_int_equal(tasks_open(f.tasks), 1);
    assert_int_equal(first->state, TASK_ENDED);
    check_count(c, 1, 1);
    completion_free(c);
    fixture_clear(&f);
}

static void test_suspect_content_is_better_than_none(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, SAMES, false);
    struct task *task = tasks_first(f.tasks);

    (void)state;
    task->suspects = 1;
    assert_int_equal(completion_lose(c, task, REASON_GONE).action, TASK_DO_REFRESH);
    assert_int_equal(task->state, TASK_STALE);
    assert_int_equal(completion_lose(c, task, REASON_GONE).action, TASK_DO_NOTHING);
    assert_int_equal(task->state, TASK_ENDED);
    completion_free(c);
    fixture_clear(&f);
}

/* A lost member is extracted from the ZIP that was received for another member. */
static void test_a_lost_member_may_be_stored_after_all(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, false);
    struct task *scout = tasks_first(f.tasks);
    struct pack_result result = { .event = PACK_STORED, .item = scout->item };

    (void)state;
    (void)completion_lose(c, scout, REASON_GONE);
    check_count(c, 1, 1);
    result.packed.here = true;
    assert_int_equal(completion_result(c, &result).action, TASK_DO_NOTHING);
    check_count(c, 1, 0);
    assert_true(scout->packed.here);
    assert_string_equal(scout->outcome.via, "bundle");
    assert_int_equal(completion_reason(c, scout->item), REASON_NONE);
    completion_free(c);
    fixture_clear(&f);
}

/* The packer answers for a body that has come. */
static void answer(struct fixture *f, struct completion *c, struct task *task,
                   enum pack_event event)
{
    const struct pack_result result = { .event = event, .item = task->item };

    task_start(f->tasks, task);
    task_apply(f->tasks, task, TASK_RECEIVED);
    assert_int_equal(completion_result(c, &result).action, TASK_DO_NOTHING);
}

/*
 * The next one alone is asked for, since its response may be the ZIP that has the others, too.
 */
static void test_a_zip_that_lacks_the_scout(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, false);
    struct task *scout = tasks_first(f.tasks);
    struct task *next;
    size_t i;

    (void)state;
    answer(&f, c, scout, PACK_LACKS);
    assert_int_equal(completion_reason(c, scout->item), REASON_NOT_IN_BUNDLE);
    next = tasks_first(f.tasks);
    assert_non_null(next);
    for (i = 0; i < 3; i++)
        assert_int_equal(fixture_task(&f, i)->state, fixture_task(&f, i) == scout ? TASK_ENDED
                                                     : fixture_task(&f, i) == next
                                                         ? TASK_READY
                                                         : TASK_WAITING);
    completion_free(c);
    fixture_clear(&f);
}

/* A member whose entry in the ZIP is damaged: each response is the same ZIP. */
static void test_a_damaged_entry(void **state)
{
    struct fixture f;
    struct completion *c;
    struct task *scout;
    size_t over;

    (void)state;
    for (over = 0; over < 2; over++) {
        c = begin(&f, MEMBERS, false);
        scout = tasks_first(f.tasks);
        if (over) {
            task_start(f.tasks, scout);
            task_apply(f.tasks, scout, TASK_RECEIVED);
            completion_expire(c);
            assert_int_equal(scout->state, TASK_PACKING);
            (void)completion_result(
                c, &(struct pack_result){ .event = PACK_SPLIT, .item = scout->item });
        } else {
            answer(&f, c, scout, PACK_SPLIT);
            assert_int_equal(scout->state, TASK_READY);
            answer(&f, c, scout, PACK_SPLIT);
        }
        assert_int_equal(scout->state, TASK_ENDED);
        assert_int_equal(completion_reason(c, scout->item),
                         over ? REASON_TIMEOUT : REASON_BAD_ANSWER);
        completion_free(c);
        fixture_clear(&f);
    }
}

static void test_the_time_is_up(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, false);
    size_t i;

    (void)state;
    completion_expire(c);
    assert_null(tasks_first(f.tasks));
    assert_int_equal(tasks_open(f.tasks), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(fixture_task(&f, i)->state, TASK_ENDED);
        assert_int_equal(fixture_task(&f, i)->outcome.reason, REASON_TIMEOUT);
    }
    check_count(c, 3, 3);
    completion_free(c);
    fixture_clear(&f);
}

/* The first is lost, and the next one asked for; then all come in a ZIP. */
static void test_a_heir_and_a_zip_with_all(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, SAMES, false);
    struct task *heir;
    size_t i;

    (void)state;
    (void)completion_lose(c, tasks_first(f.tasks), REASON_GONE);
    heir = tasks_first(f.tasks);
    assert_non_null(heir);
    for (i = 0; i < 3; i++) {
        struct pack_result result = { .event = PACK_STORED, .item = plan_at(f.plan, i) };

        result.packed.here = true;
        (void)completion_result(c, &result);
    }
    answer(&f, c, heir, PACK_DONE);
    assert_int_equal(tasks_open(f.tasks), 0);
    check_count(c, 3, 0);
    completion_free(c);
    fixture_clear(&f);
}

/* Its own request goes on, since the body may have begun to pass through the packer. */
static void test_a_member_of_which_a_part_is_kept(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, false);
    struct task *scout = tasks_first(f.tasks);
    struct task *other = fixture_task(&f, fixture_task(&f, 0) == scout);
    struct pack_result result = { .event = PACK_STORED, .item = other->item };
    char part;

    (void)state;
    task_apply(f.tasks, other, TASK_RELEASED);
    other->part = (struct part *)&part;
    result.packed.here = true;
    (void)completion_result(c, &result);
    result = (struct pack_result){ .event = PACK_STORED, .item = scout->item };
    result.packed.here = true;
    (void)completion_result(c, &result);
    answer(&f, c, scout, PACK_SPLIT);
    assert_int_equal(scout->state, TASK_ENDED);
    assert_int_equal(other->state, TASK_READY);
    other->part = NULL;
    assert_int_equal(completion_lose(c, other, REASON_GONE).action, TASK_DO_NOTHING);
    assert_int_equal(completion_reason(c, other->item), REASON_NONE); /* its content is there */
    completion_free(c);
    fixture_clear(&f);
}

/* The ZIP with all of them was with the packer when the time was up. */
static void test_what_comes_after_the_time_is_up(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, SAMES, false);
    size_t i;

    (void)state;
    completion_expire(c);
    check_count(c, 1, 1);
    for (i = 0; i < 3; i++) { /* the first is the leader */
        struct pack_result result = { .event = PACK_STORED, .item = plan_at(f.plan, i) };

        result.packed.here = true;
        (void)completion_result(c, &result);
        assert_int_equal(fixture_task(&f, i)->state, TASK_ENDED);
        assert_string_equal(fixture_task(&f, i)->outcome.via, i ? "joined" : "bundle");
        assert_int_equal(completion_reason(c, plan_at(f.plan, i)), REASON_NONE);
    }
    check_count(c, 3, 0);
    completion_free(c);
    fixture_clear(&f);
}

static void test_strict(void **state)
{
    struct fixture f;
    struct completion *c = begin(&f, MEMBERS, true);

    (void)state;
    (void)completion_lose(c, tasks_first(f.tasks), REASON_GONE);
    assert_non_null(tasks_failure(f.tasks));
    assert_int_equal(tasks_failure(f.tasks)->kind, ERR_MISMATCH);
    assert_null(tasks_first(f.tasks));
    completion_free(c);
    fixture_clear(&f);
}

/* While the plan grows, what would be costly to fetch twice is left, and opened at the end. */
static void test_ahead(void **state)
{
    static const char rows[] =
        "[{\"artifact_id\":\"small\",\"uri\":\"s3://b/1\",\"file_size\":262144},"
        "{\"artifact_id\":\"large\",\"uri\":\"s3://b/2\",\"file_size\":262145},"
        "{\"artifact_id\":\"unsized\",\"uri\":\"s3://b/3\"},"
        "{\"artifact_id\":\"shared\",\"artifact_type\":\"recording\",\"uri\":\"s3://b/4\"},"
        "{\"artifact_id\":\"unlisted\",\"file_size\":9},"
        "{\"artifact_id\":\"member\",\"uri\":\"s3://b/"
        "5\",\"bundle_key\":\"k\",\"file_size\":9},"
        "{\"artifact_id\":\"same\",\"uri\":\"s3://b/1\",\"file_size\":262144}]";
    static const enum task_state early[] = { TASK_READY, TASK_IDLE, TASK_READY, TASK_IDLE,
                                             TASK_IDLE,  TASK_IDLE, TASK_IDLE };
    struct completion_opts opts = { .strict = false };
    struct completion *c;
    struct fixture f;
    size_t i;

    (void)state;
    fixture_make(&f, rows);
    opts.tasks = f.tasks;
    opts.plan = f.plan;
    c = completion_new(&opts, NULL);
    completion_ahead(c);
    for (i = 0; i < 7; i++)
        assert_int_equal(fixture_task(&f, i)->state, early[i]);
    assert_false(plan_at(f.plan, 0)->closed);
    (void)fixture_settle(&f, fixture_task(&f, 0), FETCH_ROUTE_DONE, REASON_NONE);
    assert_true(plan_at(f.plan, 0)->closed);
    assert_false(plan_at(f.plan, 2)->closed);
    assert_int_equal(completion_finish(c, NULL), 0);
    assert_int_equal(fixture_task(&f, 0)->state, TASK_PACKING);
    for (i = 1; i < 6; i++)
        assert_int_equal(fixture_task(&f, i)->state, TASK_READY);
    assert_int_equal(fixture_task(&f, 6)->state, TASK_IDLE); /* its leader brings it */
    assert_int_equal(tasks_open(f.tasks), 6);
    completion_free(c);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_scout_goes_before_the_other_members),
        cmocka_unit_test(test_what_only_a_record_names_is_last),
        cmocka_unit_test(test_the_next_of_those_that_are_the_same),
        cmocka_unit_test(test_suspect_content_is_better_than_none),
        cmocka_unit_test(test_a_lost_member_may_be_stored_after_all),
        cmocka_unit_test(test_a_zip_that_lacks_the_scout),
        cmocka_unit_test(test_a_damaged_entry),
        cmocka_unit_test(test_the_time_is_up),
        cmocka_unit_test(test_a_heir_and_a_zip_with_all),
        cmocka_unit_test(test_a_member_of_which_a_part_is_kept),
        cmocka_unit_test(test_what_comes_after_the_time_is_up),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_ahead),
    };

    return RUN(tests);
}
