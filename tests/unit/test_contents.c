/* SPDX-License-Identifier: MIT */
#include "catalog/contents.h"

#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog_dir.h"

#define V1 "2026/11/skyarc-20261101T000000Z.tar"
#define V2 "2026/11/skyarc-20261102T000000Z.tar"

/* 2026-11-01 and the day before, as in a run's record. */
#define BEFORE_V1 "2026-10-31T00:00:00.000000"
#define AFTER_V1  "2026-11-01T00:00:01.000000"

static int missing(const char *artifact_id, bool final)
{
    const struct contents_missing m = {
        .run_id = "tsk_1", .artifact_id = artifact_id, .reason = "x", .final = final
    };

    return contents_missing(catalog, &m, NULL);
}

static int settled(const char *artifact_id)
{
    return contents_settled(catalog, "tsk_1", artifact_id, NULL);
}

static int has_good(const char *artifact_id)
{
    return contents_has_good(catalog, "tsk_1", artifact_id, NULL);
}

/* Add a volume with one artifact. */
static void add(const char *volume, const char *artifact_id, bool wrong, const uint8_t *listed)
{
    const struct contents_volume v = { .name = volume,
                                       .manifest_sha256 = "",
                                       .verified_ms = DB_UNKNOWN };
    const struct contents_run run = { .run_id = "tsk_1", .artifacts = 1 };
    const struct contents_artifact artifact = { .run_id = "tsk_1",
                                                .artifact_id = artifact_id,
                                                .path = artifact_id,
                                                .size = 7,
                                                .sha256 = { 0xab },
                                                .listed = listed,
                                                .wrong = wrong };
    int64_t id;

    assert_int_equal(contents_volume(catalog, &v, &id, NULL), 0);
    assert_int_equal(contents_run(catalog, id, &run, NULL), 0);
    assert_int_equal(contents_artifact(catalog, id, &artifact, NULL), 0);
    assert_int_equal(contents_end(catalog, id, "00", NULL), 0);
}

static void test_what_is_settled(void **state)
{
    (void)state;
    assert_int_equal(settled("a"), 0);
    assert_int_equal(missing("a", false), 0);
    assert_int_equal(settled("a"), 0); /* it may still appear */
    assert_int_equal(missing("a", true), 0);
    assert_int_equal(settled("a"), 1); /* a final reason */
    assert_int_equal(missing("a", false), 0);
    assert_int_equal(settled("a"), 1);
    add(V1, "a", false, NULL);
    assert_int_equal(settled("a"), 1);
    assert_int_equal(has_good("a"), 1);
    assert_int_equal(missing("a", false), 0); /* an archived artifact is not missing */
    assert_int_equal(settled("a"), 1);
    assert_int_equal(missing("b", false), 0);
    add(V2, "b", true, NULL); /* archived with a wrong checksum: still missing */
    assert_int_equal(settled("b"), 0);
    assert_int_equal(has_good("b"), 0);
    add("v3", "c", true, NULL); /* it is not expected to change */
    assert_int_equal(settled("c"), 1);
    assert_int_equal(has_good("c"), 0);
    assert_int_equal(contents_settled(catalog, "tsk_2", "a", NULL), 0);
}

static void test_another_copy_is_wanted(void **state)
{
    const struct contents_missing again = { .run_id = "tsk_1",
                                            .artifact_id = "a",
                                            .reason = "changed" };

    (void)state;
    add(V1, "a", false, NULL);
    assert_int_equal(contents_again(catalog, &again, 2, NULL), 0);
    assert_int_equal(settled("a"), 0);
    assert_int_equal(has_good("a"), 0);
    add(V2, "a", false, NULL);
    assert_int_equal(settled("a"), 1);
    assert_int_equal(contents_again(catalog, &again, 2, NULL),
                     0); /* two copies are archived already */
    assert_int_equal(settled("a"), 1);
    assert_int_equal(has_good("a"), 0);
}

static int is_listed(const struct contents_listing *listing, bool *none)
{
    return contents_is_listed(catalog, "tsk_1", "a", listing, none, NULL);
}

static void test_whether_a_copy_is_what_is_listed(void **state)
{
    static const char sum[] =
        "ab00000000000000000000000000000000000000000000000000000000000000";
    static const char no[] = "cd00000000000000000000000000000000000000000000000000000000000000";
    const struct contents_listing first = { NULL, AFTER_V1, 7 };
    uint8_t words[CONTENTS_LISTED];
    bool none;

    (void)state;
    assert_int_equal(is_listed(&first, &none), -1);
    assert_true(none);
    add(V1, "a", false, NULL); /* the list's data at that time is unknown */
    assert_int_equal(is_listed(&(struct contents_listing){ sum, NULL, 7 }, &none), 1);
    assert_false(none);
    assert_int_equal(is_listed(&(struct contents_listing){ no, NULL, 7 }, &none), 0);
    assert_int_equal(is_listed(&(struct contents_listing){ NULL, BEFORE_V1, 7 }, &none), 1);
    assert_int_equal(is_listed(&(struct contents_listing){ NULL, AFTER_V1, 7 }, &none), 0);
    assert_int_equal(is_listed(&(struct contents_listing){ NULL, NULL, 7 }, &none), 0);
    assert_int_equal(is_listed(&(struct contents_listing){ no, BEFORE_V1, 7 }, &none), 0);
    assert_int_equal(contents_listing(words, &first, NULL), 0);
    add(V2, "a", false, words);
    assert_int_equal(is_listed(&first, &none), 1); /* with the same list data */
    assert_int_equal(is_listed(&(struct contents_listing){ NULL, AFTER_V1, 8 }, &none), 0);
    assert_int_equal(contents_remove(catalog, V1, NULL), 0);
    assert_int_equal(is_listed(&(struct contents_listing){ NULL, BEFORE_V1, 7 }, &none), 0);
    assert_int_equal(contents_remove(catalog, V2, NULL), 0);
    add(V2, "a", true,
        words); /* a copy with a mismatch is identified by its own checksum only */
    assert_int_equal(is_listed(&first, &none), 0);
    assert_int_equal(is_listed(&(struct contents_listing){ sum, NULL, 7 }, &none), 1);
}

static int add_pair(void *ctx, const char *a, const char *b, struct err *err)
{
    char *text = ctx;

    (void)err;
    (void)snprintf(text + strlen(text), 256 - strlen(text), "%s:%s ", a, b);
    return 0;
}

static int add_content(void *ctx, const char *volume, const char *run_id, uint64_t bytes,
                       struct err *err)
{
    char size[32];

    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    return add_pair(ctx, volume, run_id, err) < 0 ? -1 : add_pair(ctx, "bytes", size, err);
}

static const char *parts(const char *volume)
{
    static char text[256];

    *text = '\0';
    assert_int_equal(contents_parts(catalog, volume, add_pair, text, NULL), 0);
    return text;
}

static void test_what_would_be_lost_with_a_volume(void **state)
{
    (void)state;
    add(V1, "a", false, NULL);
    assert_string_equal(parts(V1), "tsk_1: tsk_1:a ");
    assert_string_equal(parts(V2), "");
    add(V2, "b", false, NULL); /* the run is in both volumes, the artifacts are not */
    assert_string_equal(parts(V1), "tsk_1:a ");
    assert_string_equal(parts(V2), "tsk_1:b ");
    add("v3", "a", false, NULL);
    assert_string_equal(parts(V1), "");
}

static void test_what_was_lost_is_found_again(void **state)
{
    (void)state;
    assert_int_equal(run_state_lose(catalog, "tsk_1", "a", V1, 1, NULL), 0);
    assert_int_equal(run_state_lose(catalog, "tsk_1", "b", V1, 1, NULL), 0);
    add(V2, "a", false, NULL);
    assert_int_equal(run_state_vanished(catalog, "tsk_1", "404", NULL), 1); /* b is lost */
    add("v3", "b", false, NULL);
    assert_int_equal(run_state_vanished(catalog, "tsk_1", "404", NULL), 0);
}

static int add_volume(void *ctx, const struct contents_volume *volume, struct err *err)
{
    return add_pair(ctx, volume->name, volume->tail ? "tail" : "", err);
}

static void test_volumes(void **state)
{
    uint8_t tail[SHA256_SIZE] = { 1 };
    char sha256[SHA256_TEXT];
    char text[256] = "";
    char name[64];
    bool none;

    (void)state;
    assert_false(contents_newest(catalog, name, sizeof(name), sha256));
    assert_int_equal(contents_manifest(catalog, V2, sha256, NULL), 0);
    catalog_enter(V2, "tsk_2", "completed", 200);
    catalog_enter(V1, "tsk_1", "completed", 100);
    assert_int_equal(contents_has(catalog, V1, NULL), 1);
    assert_int_equal(contents_has(catalog, "v3", NULL), 0);
    assert_int_equal(contents_holds(catalog, V1, "tsk_1", NULL), 1);
    assert_int_equal(contents_holds(catalog, V1, "tsk_2", NULL), 0);
    assert_true(contents_newest(catalog, name, sizeof(name), sha256)); /* added last */
    assert_string_equal(name, V1);
    assert_true(contents_volume_with(catalog, "tsk_2_a", name, sizeof(name)));
    assert_string_equal(name, V2);
    assert_int_equal(contents_verified(catalog, V1, DB_UNKNOWN, tail, NULL), 0);
    assert_int_equal(contents_verified(catalog, V1, 5, NULL, NULL), 0); /* its end is kept */
    assert_int_equal(contents_volumes(catalog, add_volume, text, NULL), 0);
    assert_string_equal(text, V1 ":tail " V2 ": ");
    *text = '\0';
    assert_int_equal(relation_set_parent(catalog, "tsk_2", "tsk_1", NULL), 0);
    assert_int_equal(contents_volumes_of(catalog, "tsk_1", add_volume, text, NULL), 0);
    assert_string_equal(text, V1 ":tail " V2 ": "); /* including the runs that it started */
    *text = '\0';
    assert_int_equal(contents_volumes_of(catalog, "tsk_2", add_volume, text, NULL), 0);
    assert_string_equal(text, V2 ": ");
    catalog_enter(V1, "tsk_3", "completed",
                  100); /* the same name: its former contents are removed */
    assert_int_equal(contents_holds(catalog, V1, "tsk_1", NULL), 0);
    assert_int_equal(contents_is_listed(catalog, "tsk_1", "tsk_1_a",
                                        &(struct contents_listing){ 0 }, &none, NULL),
                     -1);
    assert_true(none);
    *text = '\0';
    assert_int_equal(contents_run_sizes(catalog, add_content, text, NULL), 0);
    assert_string_equal(text, V1 ":tsk_3 bytes:10 " V2 ":tsk_2 bytes:10 ");
}

static void drop_table(const char *statement)
{
    struct sqlite3_stmt *sql = db_sql(catalog, statement, NULL);

    assert_non_null(sql);
    assert_int_equal(db_step(catalog, sql, NULL), 0);
}

static void test_an_error_is_not_the_absence_of_copies(void **state)
{
    struct err err = { 0 };
    bool none = true;

    (void)state;
    add(V1, "a", false, NULL);
    drop_table("DROP TABLE artifacts");
    assert_int_equal(
        contents_is_listed(catalog, "tsk_1", "a", &(struct contents_listing){ 0 }, &none, &err),
        -1);
    assert_false(none); /* else it would be said to be as the service lists it */
    assert_int_not_equal(err.kind, ERR_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, catalog_set_up, catalog_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_settled),
        TEST(test_another_copy_is_wanted),
        TEST(test_whether_a_copy_is_what_is_listed),
        TEST(test_what_would_be_lost_with_a_volume),
        TEST(test_what_was_lost_is_found_again),
        TEST(test_volumes),
        TEST(test_an_error_is_not_the_absence_of_copies),
    };

    return RUN(tests);
}
