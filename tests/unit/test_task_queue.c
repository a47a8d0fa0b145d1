/* SPDX-License-Identifier: MIT */
#include "fetch/task.h"
#include "unit.h"

#include <string.h>

#define COUNT     100
#define TASKS_MAX 200

/* Tasks as the queue has them: an entry each. */
static void make(struct task *tasks, size_t count)
{
    static struct task_entry entries[TASKS_MAX];
    size_t i;

    for (i = 0; i < count; i++) {
        entries[i] = (struct task_entry){ .task = &tasks[i], .index = i };
        tasks[i].entry = &entries[i];
    }
}

static struct task *take(struct task_queue *queue)
{
    struct task *task = task_queue_first(queue);

    if (task)
        task_queue_remove(task->entry);
    return task;
}

static void test_the_soonest_expiry_is_first(void **state)
{
    struct task tasks[COUNT] = { 0 };
    struct task_queue *queue = task_queue_new(COUNT, NULL);
    const struct task *last = NULL;
    const struct task *task;
    size_t i;

    (void)state;
    make(tasks, COUNT);
    for (i = 0; i < COUNT; i++) {
        tasks[i].entry->expiry = (int64_t)(i * 37 % 10);
        task_queue_ready(queue, tasks[i].entry);
    }
    for (i = 0; i < COUNT; i++) {
        task = take(queue);
        assert_non_null(task);
        if (last && last->entry->expiry == task->entry->expiry)
            assert_true(last->entry->index < task->entry->index);
        else if (last)
            assert_true(last->entry->expiry < task->entry->expiry);
        last = task;
    }
    assert_null(take(queue));
    task_queue_free(queue);
}

static void test_what_others_wait_for_is_before_that(void **state)
{
    struct task tasks[3] = { 0 };
    struct task_queue *queue = task_queue_new(3, NULL);

    (void)state;
    make(tasks, 3);
    tasks[0].entry->expiry = 1;
    tasks[1].entry->rank = TASK_RANK_PART;
    tasks[1].entry->expiry = 2;
    tasks[2].entry->rank = TASK_RANK_HEAD;
    tasks[2].entry->expiry = 3;
    task_queue_ready(queue, tasks[0].entry);
    task_queue_ready(queue, tasks[1].entry);
    task_queue_ready(queue, tasks[2].entry);
    assert_ptr_equal(take(queue), &tasks[2]);
    assert_ptr_equal(take(queue), &tasks[1]);
    assert_ptr_equal(take(queue), &tasks[0]);
    task_queue_free(queue);
}

static void test_any_entry_can_be_removed(void **state)
{
    struct task tasks[COUNT] = { 0 };
    struct task_queue *queue = task_queue_new(COUNT, NULL);
    struct task *task;
    size_t left = 0;
    int64_t last = -1;
    size_t i;

    (void)state;
    make(tasks, COUNT);
    for (i = 0; i < COUNT; i++) {
        tasks[i].entry->expiry = (int64_t)(i * 61 % COUNT);
        task_queue_ready(queue, tasks[i].entry);
    }
    for (i = 0; i < COUNT; i++) {
        if (i % 3) {
            task_queue_remove(tasks[i].entry);
            task_queue_remove(tasks[i].entry); /* it is in no queue: no effect */
        }
    }
    while ((task = take(queue))) {
        assert_int_equal(task->entry->index % 3, 0);
        assert_true(task->entry->expiry > last);
        last = task->entry->expiry;
        left++;
    }
    assert_int_equal(left, (COUNT + 2) / 3);
    task_queue_free(queue);
}

/* Remove an entry and add it to the ready ones. */
static void ready(void *ctx, struct task *task)
{
    task_queue_remove(task->entry);
    task_queue_ready(ctx, task->entry);
}

static void test_delays(void **state)
{
    struct task tasks[3] = { 0 };
    struct task_queue *queue = task_queue_new(3, NULL);
    static const uint64_t due[] = { 30, 10, 20 };
    size_t i;

    (void)state;
    make(tasks, 3);
    assert_int_equal(task_queue_release_due(queue, 5, ready, queue), UINT64_MAX);
    for (i = 0; i < 3; i++) {
        tasks[i].entry->due = due[i];
        task_queue_delay(queue, tasks[i].entry);
    }
    assert_int_equal(task_queue_release_due(queue, 5, ready, queue), 10);
    assert_null(take(queue));
    assert_int_equal(task_queue_release_due(queue, 20, ready, queue), 30);
    assert_ptr_equal(take(queue), &tasks[1]);
    assert_ptr_equal(take(queue), &tasks[2]);
    assert_null(take(queue));
    task_queue_remove(tasks[0].entry);
    assert_int_equal(task_queue_release_due(queue, 40, ready, queue), UINT64_MAX);
    task_queue_free(queue);
}

static void test_a_host_at_its_limit(void **state)
{
    struct task tasks[4] = { 0 };
    struct task_queue *queue = task_queue_new(4, NULL);
    struct origin busy = { .limit = { .level.now = 2, .running = 2 } };
    struct origin waits = { .limit = { .level.now = 9 }, .until = 100 };
    size_t i;

    (void)state;
    make(tasks, 4);
    for (i = 3; i-- > 0;) { /* they are released in their order, not in this one */
        assert_int_equal(task_queue_reserve(queue, &busy, false, NULL), 0);
        task_queue_hold(queue, tasks[i].entry, &busy, false);
    }
    assert_int_equal(task_queue_reserve(queue, &waits, false, NULL), 0);
    task_queue_hold(queue, tasks[3].entry, &waits, false);
    assert_int_equal(task_queue_release_held(queue, 50, 9, ready, queue), 100);
    assert_null(take(queue));
    busy.limit.running = 0;
    task_queue_remove(tasks[1].entry); /* from the middle */
    assert_int_equal(task_queue_release_held(queue, 50, 1, ready, queue), 100);
    assert_ptr_equal(take(queue), &tasks[0]);
    assert_null(take(queue));
    assert_int_equal(task_queue_release_held(queue, 100, 9, ready, queue), UINT64_MAX);
    assert_ptr_equal(take(queue), &tasks[2]);
    assert_ptr_equal(take(queue), &tasks[3]);
    task_queue_hold(queue, tasks[1].entry, &busy, false); /* there still is memory for it */
    assert_int_equal(task_queue_release_held(queue, 100, 9, ready, queue), UINT64_MAX);
    assert_ptr_equal(take(queue), &tasks[1]);
    task_queue_free(queue);
}

/* Costly requests of a host have their own limit, and do not hold up the others. */
static void test_costly_requests(void **state)
{
    static struct task tasks[TASKS_MAX];
    struct task_queue *queue = task_queue_new(TASKS_MAX, NULL);
    struct origin host = { .limit = { .level.now = 90 }, .costly = ORIGIN_COSTLY - 1 };
    size_t i;

    (void)state;
    make(tasks, TASKS_MAX);
    for (i = 0; i < TASKS_MAX; i++) {
        assert_int_equal(task_queue_reserve(queue, &host, i < 100, NULL), 0);
        task_queue_hold(queue, tasks[i].entry, &host, i < 100);
    }
    assert_int_equal(task_queue_release_held(queue, 1, 50, ready, queue), UINT64_MAX);
    for (i = 0; i < 50; i++) {
        struct task *task = take(queue);

        assert_non_null(task);
        assert_true(task == &tasks[0] || task >= &tasks[100]);
    }
    assert_null(take(queue));
    task_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_soonest_expiry_is_first),
        cmocka_unit_test(test_what_others_wait_for_is_before_that),
        cmocka_unit_test(test_any_entry_can_be_removed),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_a_host_at_its_limit),
        cmocka_unit_test(test_costly_requests),
    };

    return RUN(tests);
}
