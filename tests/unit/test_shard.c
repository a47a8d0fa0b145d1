/* SPDX-License-Identifier: MIT */
#include "catalog/shard.h"

#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog_dir.h"

#define JOB "JOB_COMPLETION_INDEX"
#define ID  "SLURM_ARRAY_TASK_ID"
#define MIN "SLURM_ARRAY_TASK_MIN"
#define MAX "SLURM_ARRAY_TASK_MAX"
#define GAP "SLURM_ARRAY_TASK_STEP"
#define SUM "SLURM_ARRAY_TASK_COUNT"

static struct err err;

/* The environment is "NAME=VALUE", NULL at the end. */
static const char *get(void *ctx, const char *name)
{
    const char *const *env = ctx;
    size_t len = strlen(name);

    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    }
    return NULL;
}

/*
 * Parse the first text, with the others as environment: the shard as a text; "" for an error.
 */
static const char *parse(const char *const *texts)
{
    static char out[SHARD_TEXT_MAX];
    struct shard shard = { 77, 88 };

    if (shard_parse(&shard, texts[0], get, (void *)(uintptr_t)(texts + 1), &err) == 0)
        return shard_text(out, &shard);
    assert_int_equal(err.kind, ERR_USAGE);
    return "";
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

/* An error that has this word. */
#define REFUSED(word, ...)                                                                     \
    do {                                                                                       \
        assert_string_equal(PARSE(__VA_ARGS__), "");                                           \
        assert_non_null(strstr(err.text, word));                                               \
    } while (0)

static void test_given(void **state)
{
    (void)state;
    assert_string_equal(PARSE("1/1"), "1/1");
    assert_string_equal(PARSE("2/3"), "2/3");
    assert_string_equal(PARSE("1000000/1000000"), "1000000/1000000");
    assert_string_equal(PARSE("2/3", JOB "=0", ID "=1"), "2/3"); /* no scheduler is asked */
    REFUSED("K from 1 to N", "0/4");
    REFUSED("K from 1 to N", "5/4");
    REFUSED("K from 1 to N", "1/0");
    REFUSED("K from 1 to N", "0/0");
    REFUSED("K from 1 to N", "");
    REFUSED("K from 1 to N", "x");
    REFUSED("K from 1 to N", "1");
    REFUSED("K from 1 to N", "1/");
    REFUSED("K from 1 to N", "/4");
    REFUSED("K from 1 to N", "-1/4");
    REFUSED("K from 1 to N", "1/-4");
    REFUSED("K from 1 to N", "+1/4");
    REFUSED("K from 1 to N", " 1/4");
    REFUSED("K from 1 to N", "1/4 ");
    REFUSED("K from 1 to N", "1/4/2");
    REFUSED("K from 1 to N", "18446744073709551617/18446744073709551618");
    REFUSED("at most 1000000", "1/1000001");
    REFUSED("at most 1000000", "1/18446744073709551615");
}

static void test_kubernetes(void **state)
{
    (void)state;
    assert_string_equal(PARSE("auto/4", JOB "=0"), "1/4");
    assert_string_equal(PARSE("auto/4", JOB "=3"), "4/4");
    assert_string_equal(PARSE("auto/1", JOB "=0"), "1/1");
    REFUSED(JOB " is 4: expected a number below 4", "auto/4", JOB "=4");
    REFUSED(JOB " is '-1'", "auto/4", JOB "=-1");
    REFUSED(JOB " is 'x'", "auto/4", JOB "=x");
    REFUSED(JOB " is ''", "auto/4", JOB "=");
    REFUSED(JOB " is '99999999999999999999'", "auto/4", JOB "=99999999999999999999");
    REFUSED("auto/N", "auto", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto/0", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto/x", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto/-4", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto/1000001", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto/", JOB "=0");
    REFUSED("N from 1 to 1000000", "auto4", JOB "=0");
    REFUSED("neither " JOB, "auto");
    REFUSED(ID, "auto/4");
    REFUSED("both " JOB, "auto/4", JOB "=0", ID "=1");
}

static void test_slurm(void **state)
{
    (void)state;
    assert_string_equal(PARSE("auto", ID "=1", MIN "=1", GAP "=1", SUM "=8"), "1/8");
    assert_string_equal(PARSE("auto", ID "=8", MIN "=1", MAX "=8", GAP "=1", SUM "=8"), "8/8");
    assert_string_equal(PARSE("auto", ID "=0", MIN "=0", MAX "=3", GAP "=1", SUM "=4"), "1/4");
    assert_string_equal(PARSE("auto", ID "=9", MIN "=1", MAX "=9", GAP "=4", SUM "=3"), "3/3");
    assert_string_equal(PARSE("auto/3", ID "=5", MIN "=1", MAX "=9", GAP "=4", SUM "=3"),
                        "2/3");
    assert_string_equal(PARSE("auto", ID "=7", MIN "=7", MAX "=7", GAP "=1", SUM "=1"), "1/1");
    REFUSED(SUM " is 3, but the number of shards is 4", "auto/4", ID "=1", MIN "=1", GAP "=1",
            SUM "=3");
    REFUSED(GAP " is 0", "auto", ID "=1", MIN "=1", GAP "=0", SUM "=3");
    REFUSED(ID " is 1, which is below " MIN ", 2", "auto", ID "=1", MIN "=2", GAP "=1",
            SUM "=3");
    REFUSED(ID " is 5, which is not in the array", "auto", ID "=5", MIN "=1", GAP "=1",
            SUM "=3");
    REFUSED(ID " is 2, which is not in the array", "auto", ID "=2", MIN "=1", GAP "=4",
            SUM "=3");
    REFUSED(SUM " is 0", "auto", ID "=1", MIN "=1", GAP "=1", SUM "=0");
    REFUSED(SUM " is 1000001", "auto", ID "=1", MIN "=1", GAP "=1", SUM "=1000001");
    REFUSED(SUM " is 3, but the array", "auto", ID "=1", MIN "=1", MAX "=9", GAP "=1",
            SUM "=3"); /* --array=1,2,9 */
    REFUSED(SUM " is not set", "auto", ID "=1", MIN "=1", GAP "=1");
    REFUSED(MIN " is not set", "auto", ID "=1", GAP "=1", SUM "=3");
    REFUSED(GAP " is not set", "auto", ID "=1", MIN "=1", SUM "=3");
    REFUSED(ID " is 'x'", "auto", ID "=x", MIN "=1", GAP "=1", SUM "=3");
    REFUSED(MIN " is '-1'", "auto", ID "=1", MIN "=-1", GAP "=1", SUM "=3");
    REFUSED(MAX " is 'x'", "auto", ID "=1", MIN "=1", MAX "=x", GAP "=1", SUM "=3");
    REFUSED(GAP " is '4294967296'", "auto", ID "=1", MIN "=1", GAP "=4294967296", SUM "=3");
    /* the largest numbers */
    REFUSED(SUM " is 4294967295", "auto", ID "=4294967295", MIN "=4294967295",
            GAP "=4294967295", SUM "=4294967295");
}

/* These values must never change: directories would get other runs. */
static void test_hash(void **state)
{
    static const struct {
        const char *id;
        uint64_t hash;
        uint64_t of[4]; /* of 2, 3, 8 and 1000 shards */
    } known[] = {
        { "wr_1", 0xb9dcde74e7524d09, { 2, 3, 2, 658 } },
        { "tsk_1", 0x57588163a444d2cc, { 1, 3, 5, 405 } },
        { "tsk_v2_7", 0xf17ef1c62dfbba4e, { 1, 2, 7, 807 } },
        { "wr_447613279823456789", 0x412dbd3ac9132910, { 1, 2, 1, 305 } },
        { "tsk_v2_447613279823456789", 0x2c00d3d2a85ea237, { 2, 3, 8, 280 } },
        { "wr_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
          0x1bfc70c5918abc88,
          { 1, 2, 1, 361 } },
    };
    static const uint64_t counts[4] = { 2, 3, 8, 1000 };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        assert_true(shard_hash(known[i].id) == known[i].hash);
        for (k = 0; k < 4; k++) {
            struct shard shard = { known[i].of[k], counts[k] };

            assert_true(shard_takes(&shard, known[i].id));
            shard.k = shard.k % shard.n + 1;
            assert_false(shard_takes(&shard, known[i].id));
        }
        assert_true(shard_takes(&(struct shard){ 1, 1 }, known[i].id));
        assert_true(shard_takes(&(struct shard){ 0, 0 }, known[i].id));
    }
}

/* Each run is in one shard, and the shards are of about the same size. */
static void test_even(void **state)
{
    unsigned count[8] = { 0 };
    char id[32];
    unsigned i;
    unsigned k;

    (void)state;
    for (i = 0; i < 8000; i++) {
        unsigned in = 0;

        (void)snprintf(id, sizeof(id), "wr_%u", 400000000 + i);
        for (k = 0; k < 8; k++) {
            if (shard_takes(&(struct shard){ k + 1, 8 }, id)) {
                in++;
                count[k]++;
            }
        }
        assert_int_equal(in, 1);
    }
    for (k = 0; k < 8; k++)
        assert_in_range(count[k], 850, 1150);
}

static const char *decide(const struct shard_choice choice)
{
    static char out[SHARD_TEXT_MAX];
    struct shard use;

    if (shard_choose(&choice, &use, &err) == 0)
        return shard_text(out, &use);
    assert_int_equal(err.kind, ERR_USAGE);
    return "";
}

static const char *choose(struct shard recorded, bool filled, struct shard asked, bool change)
{
    return decide((struct shard_choice){ "dir", recorded, filled, asked, change, false });
}

static void test_choice(void **state)
{
    static const struct shard none = { 0, 0 };
    static const struct shard all = { 1, 1 };
    static const struct shard a = { 2, 3 };
    static const struct shard b = { 2, 4 };

    (void)state;
    assert_string_equal(choose(none, false, none, false), "1/1");
    assert_string_equal(choose(none, true, none, false), "1/1");
    assert_string_equal(choose(none, false, a, false), "2/3");
    assert_string_equal(choose(none, true, all, false), "1/1");
    assert_string_equal(choose(a, false, a, false), "2/3");
    assert_string_equal(choose(a, true, a, true), "2/3");
    assert_string_equal(choose(a, true, none, false), "2/3"); /* it remembers */
    assert_string_equal(choose(none, true, a, false), "");
    assert_non_null(strstr(err.text, "'dir' is filled with all runs, not with shard 2/3"));
    assert_string_equal(choose(a, false, b, false), "");
    assert_string_equal(choose(a, true, b, false), "");
    assert_non_null(strstr(err.text, "'dir' is filled with shard 2/3, not with shard 2/4"));
    assert_string_equal(choose(a, true, all, false), "");
    assert_non_null(strstr(err.text, "not with all runs"));
    assert_string_equal(choose(a, true, b, true), "2/4");
    assert_string_equal(choose(none, true, b, true), "2/4");
    assert_string_equal(choose(a, true, all, true), "1/1");
    assert_non_null(strstr(err.text, "needs a directory of its own"));
    assert_string_equal(decide((struct shard_choice){ "s3://b/p", a, true, b, false, true }),
                        "");
    assert_null(strstr(err.text, "directory"));
    assert_non_null(
        strstr(err.text, "all machines must give the same N; --reshard changes it"));
}

/* A run that another run started is in the shard of the first of the family, by any ID. */
static void test_family(void **state)
{
    const struct shard shard = { 2, 3 }; /* not of wr_1, which is in 3/3 */
    const struct shard other = { 3, 3 };

    (void)state;
    assert_int_equal(shard_has(catalog, &shard, "tsk_v2_7", &err), 1);
    assert_int_equal(shard_has(catalog, &shard, "wr_1", &err), 0);
    assert_int_equal(relation_set_parent(catalog, "wr_447613279823456789", "wr_2", &err), 0);
    assert_int_equal(relation_set_parent(catalog, "wr_2", "tsk_v2_7", &err), 0);
    assert_int_equal(shard_has(catalog, &shard, "wr_447613279823456789", &err), 1);
    assert_int_equal(relation_learn(catalog, "tsk_v2_7", "wr_1", &err), 1);
    assert_int_equal(shard_has(catalog, &shard, "wr_447613279823456789", &err), 0);
    assert_int_equal(shard_has(catalog, &other, "wr_447613279823456789", &err), 1);
    assert_int_equal(shard_has(catalog, &other, "tsk_v2_7", &err), 1);
    assert_int_equal(shard_has(catalog, &(struct shard){ 0, 0 }, "tsk_v2_7", &err), 1);
    /* a cycle, as a hostile catalog may have one */
    assert_int_equal(relation_set_parent(catalog, "wr_1", "wr_447613279823456789", &err), 0);
    assert_true(shard_has(catalog, &shard, "wr_1", &err) >= 0);
}

static void record(const char *part, int64_t at_ms)
{
    const struct audit_log_entry entry = {
        .at_ms = at_ms, .what = AUDIT_LOG_SHARD, .part = part, .reason = "test"
    };

    assert_int_equal(
        log_replay_add(catalog, catalog_dir, audit_log_no_origin(), &entry, 1, &err), 0);
}

static const char *recorded(void)
{
    static char out[SHARD_TEXT_MAX];
    struct shard shard;
    int64_t at_ms = 0;

    assert_int_equal(shard_recorded(catalog, &shard, &at_ms, &err), 0);
    return shard.n ? shard_text(out, &shard) : "";
}

/* The log says which shard it is; when that changes, runs of others are forgotten, unless a
 * volume has or had them. */
static void test_change(void **state)
{
    static const struct frontier known = { 0, 100 };
    struct frontier frontier;
    char path[128];

    (void)state;
    assert_int_equal(shard_is_filled(catalog, &err), 0);
    assert_string_equal(recorded(), "");
    record("2/3", 1000);
    assert_string_equal(recorded(), "2/3");
    assert_int_equal(shard_is_filled(catalog, &err), 0);
    catalog_enter("v1", "wr_1", "completed", 100); /* of 3/3 */
    assert_int_equal(run_state_set(catalog, "wr_1", RUN_STATE_OPEN, 0, NULL, &err), 0);
    assert_int_equal(run_state_set(catalog, "tsk_1", RUN_STATE_DUE, 0, NULL, &err), 0);
    assert_int_equal(run_state_set(catalog, "tsk_v2_7", RUN_STATE_RUNNING, 0, NULL, &err), 0);
    assert_int_equal(run_state_set_frontier(catalog, "f", &known, &err), 0);
    assert_int_equal(shard_is_filled(catalog, &err), 1);
    record("2/2", 2000); /* neither tsk_1 nor tsk_v2_7 */
    assert_string_equal(recorded(), "2/2");
    assert_int_equal(run_state_is(catalog, "wr_1", RUN_STATE_OPEN, &err), 1);
    assert_int_equal(run_state_known(catalog, "tsk_1", &err), 0);
    assert_int_equal(run_state_known(catalog, "tsk_v2_7", &err), 0);
    assert_int_equal(run_state_frontier(catalog, "f", &frontier, &err), 0);
    assert_true(frontier.from == DB_UNKNOWN);
    record("1/3", 1500); /* the last by its time counts, as in a log that was put together */
    assert_string_equal(recorded(), "2/2");
    assert_int_equal(log_replay_unreadable(catalog, &err), 0);
    record("4/3", 3000); /* no shard: it may be a hold that was damaged */
    assert_string_equal(recorded(), "2/2");
    assert_int_equal(log_replay_unreadable(catalog, &err), 1);
    (void)snprintf(path, sizeof(path), "%s/" AUDIT_LOG_NAME, catalog_dir);
    assert_int_equal(unlink(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_kubernetes),
        cmocka_unit_test(test_slurm),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_choice),
        TEST(test_family),
        TEST(test_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
