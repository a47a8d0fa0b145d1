/* SPDX-License-Identifier: MIT */
#include "catalog/run_state.h"

#include "catalog_dir.h"

#define HOUR RUN_STATE_HOUR
#define WEEK (7 * 24 * HOUR)

/* Record the service's answer about a run; returns whether the run was unknown. */
static int seen(const char *run_id, bool terminal, int64_t made, int64_t ended, int64_t now_ms)
{
    const struct run_state_row row = { .run_id = run_id,
                                       .status = terminal ? "completed" : "running",
                                       .created_at = made,
                                       .finished_at = ended };

    return run_state_seen(catalog, &row, terminal, now_ms, NULL);
}

static void set(const char *run_id, const char *state)
{
    assert_int_equal(run_state_set(catalog, run_id, state, 0, "set by the test", NULL), 0);
}

static void assert_state(const char *run_id, const char *state)
{
    assert_int_equal(run_state_is(catalog, run_id, state, NULL), 1);
}

static int add_name(void *ctx, const struct run_state_row *row, struct err *err)
{
    char *names = ctx;

    (void)err;
    (void)snprintf(names + strlen(names), 256 - strlen(names), "%s%s", *names ? " " : "",
                   row->run_id);
    return 0;
}

/* The names of the runs that run_state_each visits, in order. */
static const char *visited(const struct run_state_which *which)
{
    static char names[256];

    *names = '\0';
    assert_int_equal(run_state_each(catalog, which, add_name, names, NULL), 0);
    return names;
}

/* The runs in a state that are due at now_ms. */
static const char *ready(const char *state, int64_t now_ms)
{
    return visited(&(struct run_state_which){
        .state = state, .now_ms = now_ms, .horizon = run_state_horizon(0), .most = 9 });
}

static void test_from_running_to_due(void **state)
{
    (void)state;
    assert_int_equal(seen("tsk_1", false, 100, DB_UNKNOWN, 1), 1);
    assert_state("tsk_1", RUN_STATE_RUNNING);
    assert_int_equal(seen("tsk_1", false, 100, DB_UNKNOWN, 2), 0);
    assert_state("tsk_1", RUN_STATE_RUNNING);
    assert_int_equal(seen("tsk_1", true, 100, 200, 3), 0);
    assert_state("tsk_1", RUN_STATE_DUE);
    assert_int_equal(seen("tsk_2", true, 50, 60, 3), 1);
    assert_state("tsk_2", RUN_STATE_DUE);
    assert_int_equal(run_state_count(catalog, RUN_STATE_DUE, NULL), 2);
    assert_int_equal(run_state_count(catalog, RUN_STATE_RUNNING, NULL), 0);
    assert_int_equal(run_state_oldest(catalog, NULL), 50);
    assert_string_equal(ready(RUN_STATE_DUE, 3), "tsk_2 tsk_1");
}

static void test_what_a_list_does_to_archived_runs(void **state)
{
    (void)state;
    assert_int_equal(seen("tsk_1", true, 100, 200, 1), 1);
    set("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(seen("tsk_1", true, 100, 200, 2), 0);
    assert_state("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(seen("tsk_1", true, 100, DB_UNKNOWN, 2), 0);
    assert_state("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(seen("tsk_1", true, 100, 300, 2), 0); /* it continued, and ended again */
    assert_state("tsk_1", RUN_STATE_OPEN);
    assert_int_equal(seen("tsk_1", true, 100, 400, 2), 0);
    assert_state("tsk_1", RUN_STATE_OPEN);
    set("tsk_1", RUN_STATE_PRUNED);
    assert_int_equal(seen("tsk_1", true, 100, 500, 2), 0);
    assert_state("tsk_1", RUN_STATE_PRUNED);
    set("tsk_1", RUN_STATE_GONE); /* it appeared again */
    assert_int_equal(seen("tsk_1", true, 100, 500, 2), 0);
    assert_state("tsk_1", RUN_STATE_DUE);
    set("tsk_1", RUN_STATE_LOST);
    assert_int_equal(seen("tsk_1", false, 100, DB_UNKNOWN, 2), 0);
    assert_state("tsk_1", RUN_STATE_RUNNING);
}

static void test_drop(void **state)
{
    static const char *const states[] = { RUN_STATE_RUNNING, RUN_STATE_DUE, RUN_STATE_OPEN,
                                          RUN_STATE_SEALED };
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        set("tsk_1", states[i]);
        assert_int_equal(run_state_drop(catalog, "tsk_1", NULL), 0);
        assert_int_equal(run_state_is(catalog, "tsk_1", states[i], NULL), i >= 2);
    }
}

static void test_what_fails_is_put_off_longer_each_time(void **state)
{
    int64_t wait = HOUR;
    size_t i;

    (void)state;
    assert_int_equal(seen("tsk_1", true, 100, 200, 1), 1);
    for (i = 0; i < 30; i++) {
        assert_int_equal(run_state_put_off(catalog, "tsk_1", RUN_STATE_DUE, 1000, "x", NULL),
                         0);
        assert_string_equal(ready(RUN_STATE_DUE, 1000 + wait - 1), "");
        assert_string_equal(ready(RUN_STATE_DUE, 1000 + wait), "tsk_1");
        wait = wait * 2 < WEEK ? wait * 2 : WEEK;
    }
    assert_int_equal(run_state_grown(catalog, "tsk_1", NULL), 0);
    assert_string_equal(ready(RUN_STATE_DUE, 0), "tsk_1");
    assert_int_equal(run_state_put_off(catalog, "tsk_1", RUN_STATE_DUE, 0, "x", NULL), 0);
    assert_string_equal(ready(RUN_STATE_DUE, WEEK - 1), ""); /* the number of tries is kept */
    set("tsk_1", RUN_STATE_OPEN);
    assert_int_equal(run_state_put_off(catalog, "tsk_1", RUN_STATE_DUE, 0, "x", NULL), 0);
    assert_string_equal(ready(RUN_STATE_DUE, HOUR), "tsk_1"); /* a success in between */
}

static int refuse(void *ctx, const struct run_state_row *row, struct err *err)
{
    (void)row;
    ++*(int *)ctx;
    return err_set(err, ERR_MEMORY, "no more");
}

static void test_which_runs_are_visited(void **state)
{
    struct run_state_which which = {
        .state = RUN_STATE_RUNNING, .now_ms = 1000, .horizon = WEEK, .most = 9
    };
    struct err err;
    int calls = 0;

    (void)state;
    assert_int_equal(seen("tsk_b", false, 200, DB_UNKNOWN, 7), 1);
    assert_int_equal(seen("tsk_a", false, 300, DB_UNKNOWN, 8), 1);
    assert_int_equal(seen("tsk_c", false, 100, DB_UNKNOWN, 8), 1);
    assert_string_equal(visited(&which), "tsk_c tsk_b tsk_a");
    which.most = 2;
    assert_string_equal(visited(&which), "tsk_c tsk_b");
    which.most = 9;
    which.seen_ms = 8; /* the others were named by that list */
    assert_string_equal(visited(&which), "tsk_b");
    which.seen_ms = 0;
    assert_int_equal(run_state_asked(catalog, "tsk_c", 500, NULL), 0);
    assert_int_equal(run_state_asked(catalog, "tsk_b", 400, NULL), 0);
    which.in_turn = true;
    assert_string_equal(visited(&which), "tsk_a tsk_b tsk_c");
    which.now_ms = 500; /* not twice in one sync */
    assert_string_equal(visited(&which), "tsk_a tsk_b");
    which.in_turn = false;
    which.now_ms = 1000;
    assert_int_equal(
        run_state_set(catalog, "tsk_a", RUN_STATE_RUNNING, 1000 + WEEK, NULL, NULL), 0);
    assert_string_equal(visited(&which), "tsk_c tsk_b");
    assert_int_equal(/* by a wrong clock */
                     run_state_set(catalog, "tsk_a", RUN_STATE_RUNNING, 1001 + WEEK, NULL,
                                   NULL),
                     0);
    assert_string_equal(visited(&which), "tsk_c tsk_b tsk_a");
    which.doubtful = true;
    assert_string_equal(visited(&which), "");
    assert_int_equal(run_state_put_off(catalog, "tsk_b", RUN_STATE_RUNNING, -HOUR, "x", NULL),
                     0);
    assert_string_equal(visited(&which), "tsk_b");
    which.doubtful = false;
    assert_int_equal(run_state_each(catalog, &which, refuse, &calls, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(calls, 1);
    assert_int_equal(run_state_horizon(0), WEEK);
    assert_int_equal(run_state_horizon(2 * WEEK), 2 * WEEK);
}

static void test_nothing_new(void **state)
{
    struct contents_missing missing = { .run_id = "tsk_1", .artifact_id = "m", .reason = "x" };

    (void)state;
    assert_int_equal(seen("tsk_1", true, 100, 200, 1), 1);
    assert_int_equal(run_state_nothing_new(catalog, "tsk_1", 300, 9, NULL), 0);
    assert_state("tsk_1", RUN_STATE_DUE); /* it is in no volume */
    catalog_enter("v1", "tsk_1", "completed", 100);
    assert_int_equal(run_state_nothing_new(catalog, "tsk_1", 200, 9, NULL), 1);
    assert_state("tsk_1", RUN_STATE_OPEN); /* it ended recently */
    assert_string_equal(ready(RUN_STATE_OPEN, 8), "");
    assert_string_equal(ready(RUN_STATE_OPEN, 9), "tsk_1");
    assert_int_equal(run_state_nothing_new(catalog, "tsk_1", 201, 9, NULL), 1);
    assert_state("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(contents_missing(catalog, &missing, NULL), 0);
    assert_int_equal(run_state_nothing_new(catalog, "tsk_1", 300, 9, NULL),
                     0); /* may still appear */
    missing.final = true;
    assert_int_equal(contents_missing(catalog, &missing, NULL), 0);
    assert_int_equal(run_state_nothing_new(catalog, "tsk_1", 300, 9, NULL), 1);
    assert_int_equal(run_state_reopen(catalog, "tsk_1", 50, "why", NULL), 0);
    assert_state("tsk_1", RUN_STATE_OPEN);
    assert_string_equal(ready(RUN_STATE_OPEN, 49), "");
    set("tsk_1", RUN_STATE_DUE);
    assert_int_equal(run_state_reopen(catalog, "tsk_1", 50, "why", NULL), 0);
    assert_state("tsk_1", RUN_STATE_DUE); /* only sealed runs */
}

static void test_an_empty_run_is_looked_at_some_nights(void **state)
{
    (void)state;
    set("tsk_1", RUN_STATE_DUE);
    assert_int_equal(run_state_empty(catalog, "tsk_1", 0, 3, NULL), 0);
    assert_state("tsk_1", RUN_STATE_OPEN);
    assert_string_equal(ready(RUN_STATE_OPEN, 20 * HOUR - 1), "");
    assert_string_equal(ready(RUN_STATE_OPEN, 20 * HOUR), "tsk_1");
    assert_int_equal(run_state_empty(catalog, "tsk_1", 20 * HOUR, 3, NULL), 0);
    assert_int_equal(run_state_empty(catalog, "tsk_1", 40 * HOUR, 3, NULL), 1);
    assert_state("tsk_1", RUN_STATE_SEALED);
}

static int add_lost(void *ctx, const char *run_id, const char *volume, int64_t parts,
                    struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 256 - strlen(text), "%s:%s:%lld ", run_id, volume,
                   (long long)parts);
    return 0;
}

static const char *lost(bool untold)
{
    static char text[256];

    *text = '\0';
    assert_int_equal(run_state_each_lost(catalog, untold, add_lost, text, NULL), 0);
    return text;
}

static void test_what_a_lost_volume_had(void **state)
{
    const struct run_state_which doubtful = {
        .state = RUN_STATE_DUE, .horizon = WEEK, .most = 9, .doubtful = true
    };

    (void)state;
    catalog_enter("v1", "tsk_1", "completed", 100);
    set("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(run_state_lose(catalog, "tsk_1", "tsk_1_a", "v0", 1, NULL), 0);
    assert_state("tsk_1", RUN_STATE_SEALED); /* volume v1 has it, too */
    assert_int_equal(run_state_lose(catalog, "tsk_1", "other", "v0", 1, NULL), 0);
    assert_int_equal(run_state_lose(catalog, "tsk_1", "third", "v0", 1, NULL), 0);
    assert_state("tsk_1", RUN_STATE_DUE);
    assert_string_equal(visited(&doubtful), "tsk_1");
    assert_int_equal(run_state_count_lost(catalog, NULL), 0); /* it may still appear */
    assert_int_equal(run_state_vanished(catalog, "tsk_1", "404", NULL), 1);
    assert_state("tsk_1", RUN_STATE_LOST);
    assert_int_equal(run_state_count_lost(catalog, NULL), 1);
    assert_string_equal(lost(true), "tsk_1:v0:2 ");
    assert_int_equal(run_state_told_lost(catalog, NULL), 0);
    assert_string_equal(lost(true), "");
    assert_string_equal(lost(false), "tsk_1:v0:2 ");
    catalog_enter("v2", "tsk_2", "completed", 100);
    assert_int_equal(run_state_vanished(catalog, "tsk_2", "404", NULL), 0);
    assert_state("tsk_2", RUN_STATE_SEALED);
    assert_int_equal(run_state_vanished(catalog, "tsk_3", "404", NULL), 0);
    assert_state("tsk_3", RUN_STATE_GONE);
}

static void test_pruned(void **state)
{
    (void)state;
    set("tsk_1", RUN_STATE_SEALED);
    assert_int_equal(run_state_lose(catalog, "tsk_1", "p", "v0", 1, NULL), 0);
    assert_int_equal(run_state_vanished(catalog, "tsk_1", "404", NULL), 1);
    assert_int_equal(run_state_pruned(catalog, "tsk_1", NULL), 0);
    assert_state("tsk_1", RUN_STATE_PRUNED);
    assert_string_equal(lost(false), ""); /* a pruned run is not missing */
    catalog_enter("v2", "tsk_2", "completed", 100);
    set("tsk_2", RUN_STATE_SEALED);
    assert_int_equal(run_state_pruned(catalog, "tsk_2", NULL), 0);
    assert_state("tsk_2", RUN_STATE_OPEN); /* another volume has it */
}

static void test_frontiers(void **state)
{
    struct frontier frontier;

    (void)state;
    assert_int_equal(run_state_frontier(catalog, "all", &frontier, NULL), 0);
    assert_int_equal(frontier.from, DB_UNKNOWN);
    assert_int_equal(frontier.until, DB_UNKNOWN);
    frontier = (struct frontier){ 10, 20 };
    assert_int_equal(run_state_set_frontier(catalog, "all", &frontier, NULL), 0);
    frontier.until = 30;
    assert_int_equal(run_state_set_frontier(catalog, "all", &frontier, NULL), 0);
    assert_int_equal(run_state_frontier(catalog, "failed", &frontier, NULL), 0);
    assert_int_equal(frontier.from, DB_UNKNOWN);
    assert_int_equal(run_state_frontier(catalog, "all", &frontier, NULL), 0);
    assert_int_equal(frontier.from, 10);
    assert_int_equal(frontier.until, 30);
}

static void test_volumes_that_were_begun(void **state)
{
    const char *name;
    const char *runs;

    (void)state;
    assert_int_equal(run_state_intent(catalog, &name, &runs, NULL), 0);
    assert_int_equal(run_state_intend(catalog, "v2", "tsk_3", NULL), 0);
    assert_int_equal(run_state_intend(catalog, "v1", "tsk_1\ntsk_2", NULL), 0);
    assert_int_equal(run_state_intent(catalog, &name, &runs, NULL), 1);
    assert_string_equal(name, "v1");
    assert_string_equal(runs, "tsk_1\ntsk_2");
    run_state_intent_done(catalog);
    assert_int_equal(run_state_intended(catalog, "v1", NULL), 0);
    assert_int_equal(run_state_intent(catalog, &name, &runs, NULL), 1);
    assert_string_equal(name, "v2");
    run_state_intent_done(catalog);
    assert_int_equal(run_state_intended(catalog, "v2", NULL), 0);
    assert_int_equal(run_state_intent(catalog, &name, &runs, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_from_running_to_due),
        TEST(test_what_a_list_does_to_archived_runs),
        TEST(test_drop),
        TEST(test_what_fails_is_put_off_longer_each_time),
        TEST(test_which_runs_are_visited),
        TEST(test_nothing_new),
        TEST(test_an_empty_run_is_looked_at_some_nights),
        TEST(test_what_a_lost_volume_had),
        TEST(test_pruned),
        TEST(test_frontiers),
        TEST(test_volumes_that_were_begun),
    };

    return RUN(tests);
}
