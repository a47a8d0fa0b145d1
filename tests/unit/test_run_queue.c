/* SPDX-License-Identifier: MIT */
#include "listen/run_queue.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *taken(struct run_queue *turns, size_t places, int64_t now)
{
    int64_t next;
    struct queued *run = run_queue_take(turns, places, now, &next);

    return run ? run->id : "";
}

static void give_back(struct run_queue *turns, const char *id, enum run_queue_why why,
                      int64_t due)
{
    struct queued *run = run_queue_find(turns, id);

    assert_non_null(run);
    assert_true(run->active);
    run_queue_later(turns, run, why, due);
}

static void test_who_is_due_first(void **state)
{
    struct run_queue turns = { .delay = 10 };
    int64_t next;

    (void)state;
    assert_non_null(run_queue_add(&turns, "b", 5, NULL));
    assert_non_null(run_queue_add(&turns, "a", 3, NULL));
    assert_non_null(run_queue_add(&turns, "c", 90, NULL));
    assert_null(run_queue_take(&turns, 4, 12, &next));
    assert_int_equal(next, 13);
    assert_false(run_queue_wait(&turns, 12));
    assert_true(run_queue_wait(&turns, 13));
    assert_string_equal(taken(&turns, 4, 20), "a");
    assert_string_equal(taken(&turns, 4, 20), "b");
    assert_null(run_queue_take(&turns, 4, 20, &next));
    assert_int_equal(next, 100);
    assert_string_equal(taken(&turns, 2, 200), ""); /* no free place */
    run_queue_drop(&turns, run_queue_find(&turns, "a"));
    assert_null(run_queue_find(&turns, "a"));
    assert_string_equal(taken(&turns, 2, 200), "c");
    assert_int_equal(turns.count, 2);
    run_queue_clear(&turns);
    run_queue_clear(&turns);
}

static void test_the_last_place_is_for_what_is_new(void **state)
{
    struct run_queue turns = { .delay = 0 };

    (void)state;
    assert_non_null(run_queue_add(&turns, "slow1", 0, NULL));
    assert_non_null(run_queue_add(&turns, "slow2", 0, NULL));
    assert_string_equal(taken(&turns, 2, 0), "slow1");
    assert_string_equal(taken(&turns, 2, 0), "slow2");
    give_back(&turns, "slow1", RUN_QUEUE_MADE_ROOM, 10);
    give_back(&turns, "slow2", RUN_QUEUE_MADE_ROOM, 11);
    assert_string_equal(taken(&turns, 2, 20), "slow1");
    assert_string_equal(taken(&turns, 2, 20), "");
    assert_non_null(run_queue_add(&turns, "new", 20, NULL));
    assert_string_equal(taken(&turns, 2, 20), "new");
    give_back(&turns, "new", RUN_QUEUE_STOPPED, 20);
    run_queue_drop(&turns, run_queue_find(&turns, "new"));
    run_queue_clear(&turns);
}

static void test_what_is_new_does_not_starve_what_returns(void **state)
{
    struct run_queue turns = { .delay = 0 };
    unsigned served = 0;
    char id[20];
    int64_t t;

    (void)state;
    assert_non_null(run_queue_add(&turns, "back", 0, NULL));
    assert_string_equal(taken(&turns, 2, 0), "back");
    give_back(&turns, "back", RUN_QUEUE_FAILURE, 1);
    for (t = 1; t < 50; t++) { /* more webhooks than places */
        struct queued *run;
        struct queued *next;

        (void)snprintf(id, sizeof(id), "n%lld", (long long)t);
        assert_non_null(run_queue_add(&turns, id, t, NULL));
        (void)snprintf(id, sizeof(id), "m%lld", (long long)t);
        assert_non_null(run_queue_add(&turns, id, t, NULL));
        while (*taken(&turns, 2, t)) {
        }
        for (run = turns.first; run; run = next) {
            next = run->next;
            if (run->active && strcmp(run->id, "back") == 0) {
                served++;
                run_queue_later(&turns, run, RUN_QUEUE_FAILURE, t + 1);
            } else if (run->active) {
                run_queue_drop(&turns, run);
            }
        }
    }
    assert_true(served > 40);
    run_queue_clear(&turns);
}

static void test_one_place_is_a_queue(void **state)
{
    struct run_queue turns = { .delay = 0 };

    (void)state;
    assert_non_null(run_queue_add(&turns, "a", 0, NULL));
    assert_string_equal(taken(&turns, 1, 0), "a");
    assert_non_null(run_queue_add(&turns, "b", 1, NULL));
    give_back(&turns, "a", RUN_QUEUE_MADE_ROOM, 2);
    assert_string_equal(taken(&turns, 1, 2), "b");
    give_back(&turns, "b", RUN_QUEUE_MADE_ROOM, 3);
    assert_string_equal(taken(&turns, 1, 3), "a");
    run_queue_clear(&turns);
}

static void test_webhooks_that_come_again(void **state)
{
    struct run_queue turns = { .delay = 10 };
    struct queued *run = run_queue_add(&turns, "a", 0, NULL);

    (void)state;
    assert_non_null(run);
    assert_false(run_queue_hurry(&turns, run, 1)); /* it is still queued, not failed */
    assert_string_equal(taken(&turns, 1, 10), "a");
    give_back(&turns, "a", RUN_QUEUE_MISSING, 5000);
    assert_true(run->incomplete && run->failures == 1 && run->tried == 10);
    assert_true(run_queue_hurry(&turns, run, 100));
    assert_int_equal(run->due, 110);
    assert_true(run_queue_hurry(&turns, run, 200)); /* sooner, never later */
    assert_int_equal(run->due, 110);
    assert_string_equal(taken(&turns, 1, 110), "a");
    run_queue_renew(&turns, run, 111); /* a newer one, while it is active */
    give_back(&turns, "a", RUN_QUEUE_FAILURE, 9999);
    assert_true(run->failures == 0 && run->tried == 0 && run->incomplete);
    assert_int_equal(run->due, 121);
    run_queue_clear(&turns);
}

/* Random arrivals and ends: the limit holds, and every run is archived. */
static void test_random(void **state)
{
    struct run_queue turns = { .delay = 3 };
    unsigned added = 0;
    unsigned ended = 0;
    int64_t t;

    (void)state;
    srand(11);
    for (t = 0; t < 20000; t++) {
        size_t places = 1 + (size_t)(t / 5000);
        struct queued *run;
        struct queued *next;
        size_t active = 0;
        char id[20];

        if (t < 15000 && rand() % 4 == 0) {
            (void)snprintf(id, sizeof(id), "r%u", added++);
            assert_non_null(run_queue_add(&turns, id, t, NULL));
        }
        (void)taken(&turns, places, t);
        for (run = turns.first; run; run = next) {
            next = run->next;
            active += run->active;
            if (!run->active || rand() % 3)
                continue;
            active--;
            if (rand() % 3) {
                run_queue_drop(&turns, run);
                ended++;
            } else {
                run_queue_later(&turns, run, (enum run_queue_why)(rand() % 4), t + rand() % 50);
            }
        }
        assert_true(active <= places);
    }
    assert_int_equal(added, ended);
    assert_int_equal(turns.count, 0);
    run_queue_clear(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_due_first),
        cmocka_unit_test(test_the_last_place_is_for_what_is_new),
        cmocka_unit_test(test_what_is_new_does_not_starve_what_returns),
        cmocka_unit_test(test_one_place_is_a_queue),
        cmocka_unit_test(test_webhooks_that_come_again),
        cmocka_unit_test(test_random),
    };

    return RUN(tests);
}
