/* SPDX-License-Identifier: MIT */
#include "base/queue.h"

#include "base/clock.h"
#include "unit.h"

#include <pthread.h>

#define ITEMS  1000
#define BEFORE ((uint64_t)1 << 40) /* longer than any wait */

static int items[ITEMS];

static void test_first_in_first_out(void **state)
{
    struct queue *queue = queue_new(NULL);
    size_t in = 0;
    size_t out = 0;

    (void)state;
    assert_non_null(queue);
    assert_null(queue_try(queue));
    while (in < ITEMS) { /* it grows while its oldest item is in the middle of the ring */
        assert_int_equal(queue_push(queue, &items[in++], NULL), 0);
        if (in % 3 == 0)
            assert_ptr_equal(queue_try(queue), &items[out++]);
    }
    queue_close(queue);
    while (out < ITEMS)
        assert_ptr_equal(queue_pop(queue, NULL), &items[out++]);
    assert_null(queue_pop(queue, NULL)); /* closed and empty: it does not wait */
    assert_null(queue_try(queue));
    queue_free(queue);
    queue_free(NULL);
}

/* Push all items; pause so that the consumer has to wait for some of them; close the queue. */
static void *produce(void *ctx)
{
    struct queue *queue = ctx;
    size_t i;

    while (!queue_starved(queue))
        clock_sleep(1);
    for (i = 0; i < ITEMS; i++) {
        if (i % 250 == 0)
            clock_sleep(5);
        (void)!queue_push(queue, &items[i], NULL);
    }
    clock_sleep(20);
    queue_close(queue);
    return NULL;
}

static void test_a_consumer_waits(void **state)
{
    struct queue *queue = queue_new(NULL);
    uint64_t waited = BEFORE;
    pthread_t thread;
    size_t i;

    (void)state;
    assert_false(queue_starved(queue));
    assert_int_equal(pthread_create(&thread, NULL, produce, queue), 0);
    for (i = 0; i < ITEMS; i++)
        assert_ptr_equal(queue_pop(queue, &waited), &items[i]);
    assert_null(queue_pop(queue, &waited)); /* waits until it is closed */
    assert_true(waited > BEFORE + 5000);
    assert_false(queue_starved(queue));
    assert_int_equal(pthread_join(thread, NULL), 0);
    queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_a_consumer_waits),
    };

    return RUN(tests);
}
