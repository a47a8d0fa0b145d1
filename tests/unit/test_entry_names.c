/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "unit.h"
#include "writer/entry_names.h"

#include <string.h>

static struct plan_artifact artifact(const char *run, const char *id, const char *type)
{
    return (struct plan_artifact){
        .run_id = run, .artifact_id = id, .type = type, .created_us = CLOCK_NONE
    };
}

static const char *name(struct entry_names *names, struct plan_artifact what, const char *head)
{
    const struct item item = { .what = what };

    return entry_names_give(names, &item, head, head ? strlen(head) : 0, NULL);
}

static void test_names(void **state)
{
    struct entry_names *names = entry_names_new(NULL);
    struct plan_artifact what = artifact("r", "a", "screenshot");

    (void)state;
    what.ext = "png";
    what.created_us = INT64_C(1768909949276851);
    assert_string_equal(name(names, what, NULL),
                        "data/r/screenshot/20260120T115229.276851Z_a.png");
    what.artifact_id = "A"; /* equal except for case */
    assert_string_equal(name(names, what, NULL),
                        "data/r/screenshot/20260120T115229.276851Z_A~2.png");
    what.artifact_id = "../b";
    what.type = NULL;
    what.ext = NULL;
    what.created_us = CLOCK_NONE;
    assert_string_equal(name(names, what, "{\"x\": 1}"), "data/r/unknown/notime__b.json");
    what = artifact("r", "h", "har");
    what.ext = "har";
    what.uri = "s3://b/x.har.zst";
    assert_string_equal(name(names, what, "{}"), "data/r/har/notime_h.har");
    what.artifact_id = "h2";
    what.uri = "s3://b/y.har.zst";
    assert_string_equal(name(names, what, "\x28\xb5\x2f\xfd..."),
                        "data/r/har/notime_h2.har.zst");
    what = artifact("r", "rec", "recording");
    what.ext = "webm";
    assert_string_equal(name(names, what, "....ftypisom"), "data/r/recording/notime_rec.mp4");
    what = artifact("r", "dl", "download");
    what.uri = "s3://b/dir/My Report.v2.csv";
    assert_string_equal(name(names, what, "x"), "data/r/files/My Report.v2.csv");
    what.artifact_id = "dl2";
    what.uri = "s3://b/other/my report.V2.CSV";
    assert_string_equal(name(names, what, "x"), "data/r/files/my report.V2~2.CSV");
    entry_names_free(names);
}

static void test_a_path_is_taken_once(void **state)
{
    struct entry_names *names = entry_names_new(NULL);
    char path[] = "data/r/html/notime_a.html";
    const char *kept;

    (void)state;
    assert_true(entry_names_is_free(names, path));
    kept = entry_names_take(names, path, NULL);
    assert_string_equal(kept, path);
    assert_ptr_not_equal(kept, path);
    assert_false(entry_names_is_free(names, path));
    assert_false(entry_names_is_free(names, "DATA/r/html/notime_A.html"));
    assert_string_equal(name(names, artifact("r", "a", "html"), "<html>"),
                        "data/r/html/notime_a~2.html");
    entry_names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_path_is_taken_once),
    };

    return RUN(tests);
}
