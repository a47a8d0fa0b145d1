/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "unit.h"
#include "writer/plan.h"

#include <string.h>

static struct plan_artifact artifact(const char *run, const char *id, const char *type)
{
    return (struct plan_artifact){
        .run_id = run, .artifact_id = id, .type = type, .created_us = CLOCK_NONE
    };
}

static struct item *add(struct plan *plan, struct plan_artifact what)
{
    struct item *item;

    assert_int_equal(plan_add(plan, &what, 0, 0, &item, NULL), 0);
    return item;
}

static void test_joins(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    struct item *a;
    struct item *b;
    struct item *c;
    struct item *d;
    const struct item *same;
    int found = 0;

    (void)state;
    what.uri = "s3://b/x";
    a = add(plan, what);
    assert_null(a->leader);
    assert_null(add(plan, what)); /* twice in one list */
    what.run_id = "r2";
    b = add(plan, what); /* one artifact under two runs */
    assert_ptr_equal(b->leader, a);
    what.artifact_id = "c";
    what.checksum = "abc";
    what.file_size = 5;
    what.sized = true;
    c = add(plan, what); /* one object */
    assert_ptr_equal(c->leader, a);
    what.artifact_id = "d";
    what.uri = "s3://b/y";
    d = add(plan, what); /* one checksum, by way of c */
    assert_ptr_equal(d->leader, a);
    what.artifact_id = "e";
    what.uri = "s3://b/x";
    what.bundle_key = "m.txt";
    what.checksum = NULL;
    assert_null(add(plan, what)->leader); /* a member of a bundle is not the bundle */
    for (same = plan_next_same(a); same; same = plan_next_same(same)) {
        assert_ptr_equal(same->leader, a);
        found += (same == b) + 2 * (same == c) + 4 * (same == d);
    }
    assert_int_equal(found, 7);
    plan_free(plan);
}

/*
 * Rows of one ID with another object, size or checksum differ. A value that the second row
 * lacks does not; one that the first row lacks is kept, since it has to be compared with the
 * content.
 */
static void test_twins(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    struct item *first;
    struct item *second;

    (void)state;
    what.uri = "s3://b/x";
    what.file_size = 5;
    what.sized = true;
    first = add(plan, what);
    what.sized = false;
    assert_null(add(plan, what));
    assert_false(first->twinned);
    what.checksum = "AB";
    second = add(plan, what);
    assert_ptr_equal(second->leader, first); /* fetched once */
    assert_true(first->twinned && second->twinned);
    assert_null(add(plan, what));
    what.sized = true;
    what.uri = "s3://b/y";
    second = add(plan, what);
    assert_non_null(second);
    assert_null(second->leader);
    assert_null(add(plan, what));
    what.checksum = "ab"; /* the same in upper case */
    assert_null(add(plan, what));
    assert_true(first->twinned && second->twinned);
    assert_string_equal(first->notes[0], ITEM_SAME_ID);
    assert_string_equal(second->notes[0], ITEM_SAME_ID);
    what.file_size = 6;
    assert_non_null(add(plan, what));
    assert_int_equal(first->note_count, 1);
    assert_int_equal(plan_count(plan), 4);
    what = artifact("r2", "a", "html");
    what.uri = "s3://b/y"; /* under another run: the second, not the first */
    assert_ptr_equal(add(plan, what)->leader, second);
    plan_free(plan);
}

/* What is fetched by an ID is certain to be one row's if a checksum or the sizes prove it. */
static void test_known_by_id(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    struct item *items[4];

    (void)state;
    what.uri = "s3://b/1";
    what.file_size = 5;
    what.sized = true;
    items[0] = add(plan, what);
    assert_true(item_known_by_id(items[0]));
    what.uri = "s3://b/2";
    what.file_size = 6;
    items[1] = add(plan, what);
    assert_true(item_known_by_id(items[0]) && item_known_by_id(items[1]));
    what.uri = "s3://b/3";
    what.file_size = 5;
    items[2] = add(plan, what);
    assert_false(item_known_by_id(items[0]) || item_known_by_id(items[2]));
    assert_true(item_known_by_id(items[1]));
    what.uri = "s3://b/4";
    what.sized = false;
    what.checksum = "ab";
    items[3] = add(plan, what);
    assert_true(item_known_by_id(items[3]));
    assert_false(item_known_by_id(items[1])); /* the unsaid size may be its own */
    what = artifact("r1", "h", "har");
    what.uri = "s3://b/h.har.zst"; /* listed with the size of either form */
    what.sized = true;
    items[0] = add(plan, what);
    what.uri = "s3://b/h.har";
    what.file_size = 7;
    items[1] = add(plan, what);
    assert_false(item_known_by_id(items[0]) || item_known_by_id(items[1]));
    plan_free(plan);
}

/* Rows of one ID and object with another time or URL path may differ in content. */
static void test_versions(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    const struct item *first;
    const struct item *second;
    const struct item *third;

    (void)state;
    what.uri = "s3://b/x";
    what.modified_at = "2026-01-01T00:00:00";
    what.url = "https://h/x?sig=1";
    first = add(plan, what);
    what.url = "https://h/x?sig=2"; /* signed again, and by another host */
    assert_null(add(plan, what));
    what.url = "https://i/x#y";
    assert_null(add(plan, what));
    what.url = NULL;
    assert_null(add(plan, what));
    what.url = "https://h/y?sig=1";
    second = add(plan, what);
    what.modified_at = "2026-01-01T00:00:01";
    what.url = NULL;
    third = add(plan, what);
    assert_true(first->twinned && second->twinned && third->twinned);
    assert_true(!second->leader && !third->leader); /* although they have one object */
    what.run_id = "r2";
    assert_null(add(plan, what)->leader);
    what = artifact("r1", "b", "html"); /* another ID: one object */
    what.uri = "s3://b/x";
    what.modified_at = "2026-01-01T00:00:02";
    assert_ptr_equal(add(plan, what)->leader, first);
    what = artifact("r1", "c", "html");
    what.checksum = "ab";
    what.sized = true;
    what.modified_at = "2026-01-01T00:00:00";
    (void)add(plan, what);
    what.modified_at = "2026-01-01T00:00:01"; /* listed twice while its row was changed */
    assert_null(add(plan, what));
    what = artifact("r1", "d", "html");
    what.bundle_key = "m";
    what.modified_at = "2026-01-01T00:00:00";
    (void)add(plan, what);
    what.modified_at = "2026-01-01T00:00:01"; /* one member of one ZIP */
    assert_null(add(plan, what));
    plan_free(plan);
}

/* Whether the rows name all entries of a ZIP. */
static void test_entries(void **state)
{
    struct plan *plan = plan_new(true, NULL);

    (void)state;
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/z", "a", NULL), 0);
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/z", "b", NULL), 0);
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "a"));
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "b"));
    assert_false(plan_bundle_lists(plan, plan_bundles(plan), "c"));
    assert_int_equal(plan_bundle_count(plan), 1);
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/other", NULL, NULL), 0);
    assert_int_equal(plan_bundle_count(plan), 2);
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "c"));
    plan_free(plan);
}

/* Two members of one name: one after the other. */
static void test_members(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    const struct bundle *bundle;
    const struct item *first;
    const struct item *second;

    (void)state;
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/z", NULL, NULL), 0);
    what.uri = "s3://b/z";
    what.bundle_key = "m";
    (void)add(plan, what);
    what.artifact_id = "b";
    what.bundle_key = "n";
    (void)add(plan, what);
    what.artifact_id = "c";
    what.bundle_key = "m";
    (void)add(plan, what);
    bundle = plan_bundles(plan);
    first = plan_member(bundle, "m", NULL);
    assert_non_null(first);
    second = plan_member(bundle, "m", first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_string_equal(second->what.bundle_key, "m");
    assert_null(plan_member(bundle, "m", second));
    assert_null(plan_member(bundle, "o", NULL));
    plan_free(plan);
}

static void test_no_joins_without_dedupe(void **state)
{
    struct plan *plan = plan_new(false, NULL);

    (void)state;
    assert_null(add(plan, artifact("r1", "a", "html"))->leader);
    assert_null(add(plan, artifact("r2", "a", "html"))->leader);
    plan_free(plan);
}

/* What only planning needs is freed; the rest answers as before. */
static void test_sealed(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "m", "html");
    const struct bundle *bundle;
    struct item *first;
    int i;

    (void)state;
    what.uri = "s3://b/z.zip";
    what.bundle_key = "in.html";
    assert_int_equal(plan_bundle_row(plan, 0, what.uri, what.bundle_key, NULL), 0);
    (void)add(plan, what);
    first = add(plan, artifact("r1", "a", "html"));
    (void)add(plan, artifact("r1", "b", "html"));
    plan_choose(plan, BUNDLE_AUTO);
    plan_seal(plan);
    plan_seal(plan);
    bundle = plan_bundles(plan);
    assert_true(plan_bundle_lists(plan, bundle, "in.html"));
    assert_false(plan_bundle_lists(plan, bundle, "out.html"));
    for (i = 0; i < 2; i++) {
        assert_ptr_equal(plan_find(plan, "r1", "a", NULL), first);
        assert_null(plan_find(plan, "r2", "a", NULL));
        plan_seal(plan);
    }
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_known_by_id),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_no_joins_without_dedupe),
        cmocka_unit_test(test_sealed),
    };

    return RUN(tests);
}
