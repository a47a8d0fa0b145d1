/* SPDX-License-Identifier: MIT */
#include "catalog/search.h"

#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog_dir.h"

static int add_run(void *ctx, const struct search_row *row, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 256 - strlen(text), "%s%s", *text ? " " : "",
                   row->artifact_id ? row->artifact_id : row->run_id);
    return 0;
}

/* The search results, in order: artifacts or runs. */
static const char *found(struct search search)
{
    static char text[256];

    *text = '\0';
    search.since = search.since ? search.since : DB_UNKNOWN;
    search.until = search.until ? search.until : DB_UNKNOWN;
    assert_int_equal(search_run(catalog, &search, add_run, text, NULL), 0);
    return text;
}

#define FOUND(...) found((struct search){ __VA_ARGS__ })

static int set_up(void **state)
{
    if (catalog_set_up(state) < 0)
        return -1;
    catalog_enter("2026/11/skyarc-20261101T000000Z.tar", "tsk_1", "completed", 100);
    catalog_enter("2026/11/skyarc-20261102T000000Z.tar", "tsk_2", "failed", 200);
    catalog_enter("2026/11/skyarc-20261103T000000Z.tar", "tsk_3", "completed", 300);
    return 0;
}

static void test_every_condition_narrows(void **state)
{
    static const char *const ids[] = { "tsk_3", "tsk_1", "tsk_none" };
    static const char *const failed[] = { "failed" };
    static const char *const types[] = { "html", "har" };
    static const char *const other_types[] = { "har" };
    uint8_t sha256[SHA256_SIZE];

    (void)state;
    assert_string_equal(FOUND(.runs = false), "tsk_3_a tsk_2_a tsk_1_a"); /* newest first */
    assert_string_equal(FOUND(.runs = true), "tsk_3 tsk_2 tsk_1");
    assert_string_equal(FOUND(.runs = true, .limit = 2), "tsk_3 tsk_2");
    assert_string_equal(FOUND(.run_ids = ids, .run_count = 3), "tsk_3_a tsk_1_a");
    assert_string_equal(FOUND(.statuses = failed, .status_count = 1), "tsk_2_a");
    assert_string_equal(
        FOUND(.run_ids = ids, .run_count = 3, .statuses = failed, .status_count = 1), "");
    assert_string_equal(FOUND(.types = types, .type_count = 2), "tsk_3_a tsk_2_a tsk_1_a");
    assert_string_equal(FOUND(.types = other_types, .type_count = 1), "");
    assert_string_equal(FOUND(.since = 200), "tsk_3_a tsk_2_a");
    assert_string_equal(FOUND(.until = 200), "tsk_1_a"); /* before, not equal */
    assert_string_equal(FOUND(.since = 150, .until = 250, .runs = true), "tsk_2");
    assert_string_equal(FOUND(.artifact_id = "tsk_2_a"), "tsk_2_a");
    memset(sha256, '3', sizeof(sha256));
    assert_string_equal(FOUND(.sha256 = sha256), "tsk_3_a");
    memset(sha256, 0, sizeof(sha256));
    assert_string_equal(FOUND(.sha256 = sha256), "");
}

static void test_texts(void **state)
{
    (void)state;
    assert_string_equal(FOUND(.text = "TSK_2"),
                        "tsk_2_a"); /* in the title, whatever its case */
    assert_string_equal(FOUND(.text = "100% milk_", .runs = true), "tsk_3 tsk_2 tsk_1");
    assert_string_equal(FOUND(.text = "100%milk_"), ""); /* not a pattern */
    assert_string_equal(FOUND(.text = "tskX2"), "");
    assert_string_equal(FOUND(.text = "x' OR '1' = '1"), "");
}

static int look_at(void *ctx, const struct search_row *row, struct err *err)
{
    *(int *)ctx += 1;
    assert_string_equal(row->volume, "2026/11/skyarc-20261102T000000Z.tar");
    assert_string_equal(row->run_id, "tsk_2");
    assert_string_equal(row->status, "terminated");
    assert_string_equal(row->other, "wr_2");
    assert_string_equal(row->parent, "tsk_1");
    assert_string_equal(row->path, "data/x.html");
    assert_string_equal(row->type, "html");
    assert_string_equal(row->sha256,
                        "3232323232323232323232323232323232323232323232323232323232323232");
    assert_int_equal(row->created_at, 200);
    assert_int_equal(row->size, 10);
    return err_set(err, ERR_MEMORY, "no more");
}

static void test_what_a_row_tells(void **state)
{
    static const char *const names[] = { "wr_2" };
    static const char *const ended[] = { "terminated" };
    const struct run_state_row newer = {
        .run_id = "tsk_2", .status = "terminated", .created_at = 200, .finished_at = 201
    };
    struct search search = {
        .run_ids = names, .run_count = 1, .since = DB_UNKNOWN, .until = DB_UNKNOWN
    };
    struct err err;
    int calls = 0;

    (void)state;
    assert_int_equal(relation_learn(catalog, "wr_2", "tsk_2", NULL), 1);
    assert_int_equal(relation_set_parent(catalog, "tsk_2", "tsk_1", NULL), 0);
    assert_int_equal(run_state_seen(catalog, &newer, true, 1, NULL), 1);
    assert_int_equal(search_run(catalog, &search, look_at, &calls, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(calls, 1);
    assert_string_equal(FOUND(.statuses = ended, .status_count = 1), "tsk_2_a");
}

static int add_id(void *ctx, const char *run_id, struct err *err)
{
    return add_run(ctx, &(struct search_row){ .run_id = run_id }, err);
}

/* The runs that may be removed at the service: see search_sealed. */
static const char *sealed(int64_t before)
{
    static char text[256];

    *text = '\0';
    assert_int_equal(search_sealed(catalog, before, add_id, text, NULL), 0);
    return text;
}

static void seal(const char *run_id, int64_t ended)
{
    const struct run_state_row row = {
        .run_id = run_id, .status = "completed", .created_at = ended - 1, .finished_at = ended
    };

    assert_true(run_state_seen(catalog, &row, true, 1, NULL) >= 0);
    assert_int_equal(run_state_set(catalog, run_id, RUN_STATE_SEALED, 0, NULL, NULL), 0);
}

static void test_sealed(void **state)
{
    const struct contents_missing missing = {
        .run_id = "tsk_1", .artifact_id = "m", .reason = "404", .final = true
    };

    (void)state;
    assert_string_equal(sealed(1000), "");
    seal("tsk_1", 101);
    seal("tsk_2", 50);
    seal("tsk_4", 20); /* it is in no volume */
    assert_string_equal(sealed(1000), "tsk_2 tsk_1");
    assert_string_equal(sealed(101), "tsk_2");
    assert_int_equal(run_state_set(catalog, "tsk_2", RUN_STATE_SEALED, 0, RUN_STATE_LEFT, NULL),
                     0);
    assert_string_equal(sealed(1000), "tsk_1");
    assert_int_equal(
        run_state_set(catalog, "tsk_2", RUN_STATE_SEALED, 0, RUN_STATE_EMPTY, NULL), 0);
    assert_string_equal(sealed(1000), "tsk_1");
    assert_int_equal(run_state_set(catalog, "tsk_2", RUN_STATE_OPEN, 0, NULL, NULL), 0);
    assert_int_equal(relation_set_parent(catalog, "tsk_2", "tsk_1", NULL), 0);
    assert_string_equal(sealed(1000), ""); /* a run that it started is open */
    seal("tsk_2", 50);
    assert_string_equal(sealed(1000), "tsk_2 tsk_1");
    assert_int_equal(contents_missing(catalog, &missing, NULL), 0);
    assert_string_equal(sealed(1000), "tsk_2");
}

static void test_which_volume_is_newer(void **state)
{
    static const char first[] = "2026/11/skyarc-20261101T000000Z.tar";
    static const char last[] = "2026/11/skyarc-20261104T000000Z.tar";

    (void)state;
    assert_int_equal(search_newer(catalog, "tsk_1", first, NULL), 0);
    catalog_enter(last, "tsk_1", "failed", 100);
    assert_int_equal(search_newer(catalog, "tsk_1", first, NULL), 1);
    assert_int_equal(search_newer(catalog, "tsk_1", last, NULL), 0);
    assert_int_equal(search_differs(catalog, "tsk_1", "failed", 101, NULL), 0);
    assert_int_equal(search_differs(catalog, "tsk_1", "completed", 101, NULL), 1);
    assert_int_equal(search_differs(catalog, "tsk_1", "failed", 102, NULL), 1);
    assert_int_equal(search_differs(catalog, "tsk_1", NULL, DB_UNKNOWN, NULL), 0);
    assert_int_equal(search_differs(catalog, "tsk_none", "failed", 1, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_condition_narrows), TEST(test_texts),
        TEST(test_what_a_row_tells),        TEST(test_sealed),
        TEST(test_which_volume_is_newer),
    };

    return RUN(tests);
}
