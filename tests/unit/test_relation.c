/* SPDX-License-Identifier: MIT */
#include "catalog/relation.h"

#include "catalog/run_state.h"
#include "catalog_dir.h"

static const char *name_of(const char *run_id)
{
    static char out[RELATION_ID_MAX + 1];

    return relation_name(catalog, run_id, out);
}

static int learn(const char *alias, const char *run_id)
{
    return relation_learn(catalog, alias, run_id, NULL);
}

static void set(const char *run_id, const char *state)
{
    assert_int_equal(run_state_set(catalog, run_id, state, 0, NULL, NULL), 0);
}

static int add_alias(void *ctx, const char *alias, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text, 64, "%s", alias);
    return 0;
}

static void test_two_names_and_no_third(void **state)
{
    char text[64] = "";
    char lengthy[RELATION_ID_MAX + 2];

    (void)state;
    assert_string_equal(name_of("tsk_v2_1"), "tsk_v2_1");
    assert_int_equal(learn("tsk_v2_1", "wr_1"), 1);
    assert_string_equal(name_of("tsk_v2_1"), "wr_1");
    assert_string_equal(name_of("wr_1"), "wr_1");
    assert_int_equal(learn("tsk_v2_1", "wr_1"), 1); /* already */
    assert_int_equal(learn("tsk_v2_1", "wr_2"), 0);
    assert_int_equal(learn("tsk_v2_2", "wr_1"), 0);
    assert_int_equal(learn("wr_1", "wr_3"), 0);
    assert_int_equal(learn("wr_3", "tsk_v2_1"), 0);
    assert_int_equal(learn("wr_3", "wr_3"), 0);
    memset(lengthy, 'x', sizeof(lengthy));
    lengthy[RELATION_ID_MAX + 1] = '\0';
    assert_int_equal(learn(lengthy, "wr_3"), 0);
    assert_int_equal(relation_aliases(catalog, "wr_1", add_alias, text, NULL), 0);
    assert_string_equal(text, "tsk_v2_1");
    assert_int_equal(relation_aliases(catalog, "wr_3", add_alias, text, NULL), 0);
}

static void test_rows_move_to_the_canonical_name(void **state)
{
    char volume[64];

    (void)state;
    catalog_enter("v1", "tsk_v2_1", "completed", 100);
    set("tsk_v2_1", RUN_STATE_OPEN);
    assert_int_equal(learn("tsk_v2_1", "wr_1"), 1);
    assert_int_equal(contents_holds(catalog, "v1", "wr_1", NULL), 1);
    assert_int_equal(contents_holds(catalog, "v1", "tsk_v2_1", NULL), 1); /* by either ID */
    assert_int_equal(contents_has_good(catalog, "wr_1", "tsk_v2_1_a", NULL), 1);
    assert_true(contents_volume_of(catalog, "wr_1", volume, sizeof(volume)));
    assert_int_equal(run_state_is(catalog, "wr_1", RUN_STATE_OPEN, NULL), 1);
    assert_int_equal(run_state_count(catalog, RUN_STATE_OPEN, NULL), 1);
    set("tsk_v2_1", RUN_STATE_SEALED); /* its alias refers to the same row */
    assert_int_equal(run_state_is(catalog, "wr_1", RUN_STATE_SEALED, NULL), 1);
}

/* Of two states, the later stage is kept. */
static void test_two_states_become_one(void **state)
{
    static const char *const order[] = { RUN_STATE_OPEN, RUN_STATE_SEALED,   RUN_STATE_PRUNED,
                                         RUN_STATE_LOST, RUN_STATE_RUNNING,  RUN_STATE_DUE,
                                         RUN_STATE_GONE, RUN_STATE_UNDECIDED };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < 8; i++) {
        for (k = 0; k < 8; k++) {
            char alias[32];
            char run_id[32];

            (void)snprintf(alias, sizeof(alias), "tsk_v2_%zu_%zu", i, k);
            (void)snprintf(run_id, sizeof(run_id), "wr_%zu_%zu", i, k);
            set(alias, order[i]);
            set(run_id, order[k]);
            assert_int_equal(learn(alias, run_id), 1);
            assert_int_equal(run_state_is(catalog, run_id, order[i < k ? i : k], NULL), 1);
        }
    }
    catalog_enter("v1", "wr_1", "completed", 100);
    set("wr_1", RUN_STATE_DUE); /* an archived run that has further artifacts */
    set("tsk_v2_1", RUN_STATE_SEALED);
    assert_int_equal(learn("tsk_v2_1", "wr_1"), 1);
    assert_int_equal(run_state_is(catalog, "wr_1", RUN_STATE_DUE, NULL), 1);
}

static int add_parent(void *ctx, const char *run_id, const char *parent, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 128 - strlen(text), "%s<%s ", run_id, parent);
    return 0;
}

static void test_parents(void **state)
{
    char text[128] = "";

    (void)state;
    assert_int_equal(relation_set_parent(catalog, "wr_2", "tsk_v2_1", NULL), 0);
    assert_int_equal(relation_set_parent(catalog, "wr_2", "wr_9", NULL),
                     0); /* the first stays */
    assert_int_equal(relation_set_parent(catalog, "wr_3", "wr_3", NULL), 0);
    assert_int_equal(relation_parents(catalog, add_parent, text, NULL), 0);
    assert_string_equal(text, "wr_2<tsk_v2_1 "); /* not of itself */
    *text = '\0';
    assert_int_equal(learn("tsk_v2_1", "wr_1"), 1);
    assert_int_equal(learn("tsk_v2_2", "wr_2"), 1);
    assert_int_equal(relation_parents(catalog, add_parent, text, NULL), 0);
    assert_string_equal(text, "wr_2<wr_1 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_names_and_no_third),
        TEST(test_rows_move_to_the_canonical_name),
        TEST(test_two_states_become_one),
        TEST(test_parents),
    };

    return RUN(tests);
}
