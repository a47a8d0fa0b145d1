/* SPDX-License-Identifier: MIT */
#include "catalog/sync_log.h"

#include "catalog_dir.h"

/* The outcome of a sync in the catalog; NULL: none. */
static const char *outcome_of(int64_t id)
{
    static char text[32];
    struct sqlite3_stmt *sql =
        db_sql(catalog, "SELECT coalesce(outcome, '') FROM syncs WHERE id = ?1", NULL);

    db_number(sql, 1, id);
    assert_int_equal(db_step(catalog, sql, NULL), 1);
    (void)snprintf(text, sizeof(text), "%s", db_column(sql, 0));
    db_done(sql);
    return text;
}

static void test_syncs(void **state)
{
    struct sync_log sync = { .outcome = "done", .runs = 3 };
    int64_t killed;

    (void)state;
    assert_int_equal(sync_log_begin(catalog, 1, &killed, NULL), 0);
    assert_string_equal(outcome_of(killed), "");
    assert_int_equal(sync_log_begin(catalog, 2, &sync.id, NULL), 0);
    assert_int_not_equal(killed, sync.id);
    assert_string_equal(outcome_of(killed), "killed");
    assert_int_equal(sync_log_end(catalog, 3, &sync, NULL), 0);
    assert_string_equal(outcome_of(sync.id), "done");
    assert_int_equal(sync_log_begin(catalog, 4, &killed, NULL), 0);
    assert_string_equal(outcome_of(sync.id), "done");
}

/* Record a sync that ends at a time with an outcome. */
static void sync_ends(int64_t ended_ms, const char *outcome, const char *error)
{
    struct sync_log sync = { .outcome = outcome, .error = error };

    assert_int_equal(sync_log_begin(catalog, ended_ms - 1, &sync.id, NULL), 0);
    assert_int_equal(sync_log_end(catalog, ended_ms, &sync, NULL), 0);
}

static void test_last(void **state)
{
    struct sync_last last;
    int64_t begun;

    (void)state;
    assert_int_equal(sync_log_last(catalog, &last, NULL), 0);
    assert_true(last.ended_ms == DB_UNKNOWN && last.success_ms == DB_UNKNOWN);
    assert_string_equal(last.outcome, "");
    sync_ends(10, "failed", "no route");
    assert_int_equal(sync_log_last(catalog, &last, NULL), 0);
    assert_true(last.ended_ms == 10 && last.success_ms == DB_UNKNOWN);
    assert_string_equal(last.error, "no route");
    sync_ends(20, "incomplete", NULL);
    sync_ends(30, "stopped", NULL);
    assert_int_equal(sync_log_begin(catalog, 40, &begun, NULL), 0); /* still at work */
    assert_int_equal(sync_log_last(catalog, &last, NULL), 0);
    assert_true(last.ended_ms == 30 && last.success_ms == 20);
    assert_string_equal(last.outcome, "stopped");
    assert_string_equal(last.error, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_syncs),
        TEST(test_last),
    };

    return RUN(tests);
}
