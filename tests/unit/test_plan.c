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
    struct item *heir;

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
    heir = plan_promote(a);
    assert_non_null(heir);
    assert_null(heir->leader);
    assert_null(a->followers);
    assert_int_equal((heir != b) + (heir != c) + (heir != d), 2);
    if (heir != b)
        assert_ptr_equal(b->leader, heir);
    plan_free(plan);
}

/* One ID and another object, size or checksum is something else; a lack of one is not. */
static void test_twins(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r1", "a", "html");
    struct item *first;
    struct item *second;

    (void)state;
    what.uri = "s3://b/x";
    first = add(plan, what);
    what.file_size = 5;
    what.sized = true;
    what.checksum = "AB";
    assert_null(add(plan, what)); /* the first row told less */
    assert_false(first->twinned);
    what.uri = "s3://b/y";
    second = add(plan, what);
    assert_non_null(second);
    assert_null(second->leader);
    assert_null(add(plan, what));
    what.checksum = "ab"; /* the same in other letters */
    assert_null(add(plan, what));
    assert_true(first->twinned && second->twinned);
    assert_string_equal(first->notes[0], ITEM_SAME_ID);
    assert_string_equal(second->notes[0], ITEM_SAME_ID);
    what.file_size = 6;
    assert_non_null(add(plan, what));
    assert_int_equal(first->note_count, 1);
    assert_int_equal(plan_count(plan), 3);
    what = artifact("r2", "a", "html");
    what.uri = "s3://b/y"; /* under another run: the second, not the first */
    assert_ptr_equal(add(plan, what)->leader, second);
    plan_free(plan);
}

/* Which entries of a ZIP the rows name, as far as they name all. */
static void test_entries(void **state)
{
    struct plan *plan = plan_new(true, NULL);

    (void)state;
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/z", "a", NULL), 0);
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/z", "b", NULL), 0);
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "a"));
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "b"));
    assert_false(plan_bundle_lists(plan, plan_bundles(plan), "c"));
    assert_int_equal(plan_bundle_row(plan, 0, "s3://b/other", NULL, NULL), 0);
    assert_true(plan_bundle_lists(plan, plan_bundles(plan), "c"));
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

static const char *name(struct plan *plan, struct plan_artifact what, const char *head)
{
    struct item *item = add(plan, what);

    assert_int_equal(plan_name(plan, item, head, head ? strlen(head) : 0, NULL), 0);
    return item->path;
}

static void test_names(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = artifact("r", "a", "screenshot");

    (void)state;
    what.ext = "png";
    what.created_us = INT64_C(1768909949276851);
    assert_string_equal(name(plan, what, NULL),
                        "data/r/screenshot/20260120T115229.276851Z_a.png");
    what.artifact_id = "A"; /* equal but for case */
    assert_string_equal(name(plan, what, NULL),
                        "data/r/screenshot/20260120T115229.276851Z_A~2.png");
    what.artifact_id = "../b";
    what.type = NULL;
    what.ext = NULL;
    what.created_us = CLOCK_NONE;
    assert_string_equal(name(plan, what, "{\"x\": 1}"), "data/r/unknown/notime__b.json");
    what = artifact("r", "h", "har");
    what.ext = "har";
    what.uri = "s3://b/x.har.zst";
    assert_string_equal(name(plan, what, "{}"), "data/r/har/notime_h.har");
    what.artifact_id = "h2";
    what.uri = "s3://b/y.har.zst";
    assert_string_equal(name(plan, what, "\x28\xb5\x2f\xfd..."),
                        "data/r/har/notime_h2.har.zst");
    what = artifact("r", "rec", "recording");
    what.ext = "webm";
    assert_string_equal(name(plan, what, "....ftypisom"), "data/r/recording/notime_rec.mp4");
    what = artifact("r", "dl", "download");
    what.uri = "s3://b/dir/My Report.v2.csv";
    assert_string_equal(name(plan, what, "x"), "data/r/files/My Report.v2.csv");
    what.artifact_id = "dl2";
    what.uri = "s3://b/other/my report.V2.CSV";
    assert_string_equal(name(plan, what, "x"), "data/r/files/my report.V2~2.CSV");
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins),   cmocka_unit_test(test_twins),
        cmocka_unit_test(test_entries), cmocka_unit_test(test_no_joins_without_dedupe),
        cmocka_unit_test(test_names),
    };

    return RUN(tests);
}
