/* SPDX-License-Identifier: MIT */
#include "catalog/period.h"

#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/sync_log.h"
#include "catalog_dir.h"

#define MINUTE ((int64_t)60 * 1000000)

static int add_run(void *ctx, const struct period_run *run, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 512 - strlen(text), "%s/%s/%s/%llu/%llu/%s ",
                   run->run_id, run->state ? run->state : "-", run->status ? run->status : "-",
                   (unsigned long long)run->artifacts, (unsigned long long)run->missing,
                   run->why ? run->why : "-");
    for (const char *c = run->volumes; c && *c; c++)
        (void)snprintf(text + strlen(text), 512 - strlen(text), "%c", *c == '\n' ? '+' : *c);
    return 0;
}

static const char *runs(int64_t since, int64_t until)
{
    static char text[512];
    const struct period period = { since, until };

    *text = '\0';
    assert_int_equal(period_runs(catalog, &period, add_run, text, NULL), 0);
    return text;
}

static void see(const char *run_id, int64_t created, bool over)
{
    const struct run_state_row row = { .run_id = run_id,
                                       .status = over ? "completed" : "running",
                                       .created_at = created,
                                       .finished_at = DB_UNKNOWN };

    assert_int_not_equal(run_state_seen(catalog, &row, over, 1000, NULL), -1);
}

static void test_each_run_once(void **state)
{
    const struct contents_missing lacks = { .run_id = "tsk_1",
                                            .artifact_id = "a_9",
                                            .reason = "expired" };

    (void)state;
    catalog_enter("2026/11/skyarc-20261101T000000Z.tar", "tsk_1", "failed", MINUTE);
    catalog_enter("2026/11/skyarc-20261102T000000Z.tar", "tsk_1", "completed", MINUTE);
    assert_int_equal(contents_missing(catalog, &lacks, NULL), 0);
    assert_string_equal(runs(DB_UNKNOWN, DB_UNKNOWN),
                        "tsk_1/-/completed/2/1/expired 2026/11/skyarc-20261101T000000Z.tar"
                        "+2026/11/skyarc-20261102T000000Z.tar");
}

static void test_a_period(void **state)
{
    (void)state;
    see("tsk_a", MINUTE, true);
    see("tsk_b", 2 * MINUTE, false);
    see("tsk_c", DB_UNKNOWN, true);
    assert_string_equal(runs(DB_UNKNOWN, DB_UNKNOWN),
                        "tsk_c/due/completed/0/0/- tsk_a/due/completed/0/0/- "
                        "tsk_b/running/running/0/0/- ");
    assert_string_equal(runs(2 * MINUTE, DB_UNKNOWN),
                        "tsk_c/due/completed/0/0/- tsk_b/running/running/0/0/- ");
    assert_string_equal(runs(MINUTE, 2 * MINUTE),
                        "tsk_c/due/completed/0/0/- tsk_a/due/completed/0/0/- ");
    assert_string_equal(runs(3 * MINUTE, DB_UNKNOWN), "tsk_c/due/completed/0/0/- ");
}

static int add_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 128 - strlen(text), "%lld:%s ",
                   (long long)sync->began_ms, sync->outcome ? sync->outcome : "-");
    return 0;
}

static void test_syncs(void **state)
{
    const struct period all = { DB_UNKNOWN, DB_UNKNOWN };
    const struct period late = { 2000000, DB_UNKNOWN };
    const struct period early = { DB_UNKNOWN, 2000000 };
    struct sync_log sync = { .outcome = "done" };
    char text[128] = "";

    (void)state;
    assert_int_equal(sync_log_begin(catalog, 1000, &sync.id, NULL), 0);
    assert_int_equal(sync_log_end(catalog, 1500, &sync, NULL), 0);
    assert_int_equal(sync_log_begin(catalog, 2000, &sync.id, NULL), 0);
    assert_int_equal(period_syncs(catalog, &all, add_sync, text, NULL), 0);
    assert_int_equal(period_syncs(catalog, &late, add_sync, text, NULL), 0);
    assert_int_equal(period_syncs(catalog, &early, add_sync, text, NULL), 0);
    assert_string_equal(text, "1000:done 2000:- 2000:- 1000:done ");
}

static int add_frontier(void *ctx, const char *filter, const struct period *known,
                        struct err *err)
{
    (void)err;
    (void)snprintf(ctx, 64, "%s %lld %lld", filter, (long long)known->since,
                   (long long)known->until);
    return 0;
}

static void test_frontiers(void **state)
{
    const struct frontier frontier = { 5, 9 };
    char text[64] = "";

    (void)state;
    assert_int_equal(run_state_set_frontier(catalog, "x=;", &frontier, NULL), 0);
    assert_int_equal(period_frontiers(catalog, add_frontier, text, NULL), 0);
    assert_string_equal(text, "x=; 5 9");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_run_once),
        TEST(test_a_period),
        TEST(test_syncs),
        TEST(test_frontiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
