/* SPDX-License-Identifier: MIT */
#include "catalog/timestamp.h"

#include "catalog_dir.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char seen[512];

/* Append "VOLUME NUMBER TIME|-;" to seen. */
static int on_stamp(void *ctx, const struct timestamp *stamp, struct err *err)
{
    size_t used = strlen(seen);

    (void)ctx;
    (void)err;
    assert_int_equal(stamp->manifest[1], 0x11);
    (void)snprintf(seen + used, sizeof(seen) - used, "%s %u %lld%s%s;", stamp->volume,
                   stamp->number, stamp->at_ms == DB_UNKNOWN ? -1 : (long long)stamp->at_ms,
                   stamp->reason ? " " : "", stamp->reason ? stamp->reason : "");
    return 0;
}

static const char *all(const char *volume, bool waiting)
{
    seen[0] = '\0';
    assert_int_equal(timestamp_each(catalog, volume, waiting, on_stamp, NULL, NULL), 0);
    return seen;
}

static int on_authority(void *ctx, const struct timestamp *stamp, struct err *err)
{
    size_t used = strlen(seen);

    (void)ctx;
    (void)err;
    (void)snprintf(seen + used, sizeof(seen) - used, "%s ", stamp->authority);
    return 0;
}

static const char *authorities(void)
{
    seen[0] = '\0';
    assert_int_equal(timestamp_each(catalog, "a", false, on_authority, NULL, NULL), 0);
    return seen;
}

static void enter(const char *name, const char *sha256)
{
    const struct contents_volume v = { .name = name, .manifest_sha256 = sha256, .size = 1 };
    int64_t id;

    assert_int_equal(contents_volume(catalog, &v, &id, NULL), 0);
}

static void test_waiting(void **state)
{
    struct timestamp one = {
        .volume = "a", .number = 1, .at_ms = DB_UNKNOWN, .reason = "away"
    };

    (void)state;
    assert_int_equal(timestamp_want(catalog, "a", 1, "https://tsa/", true, NULL), 0);
    assert_int_equal(timestamp_want(catalog, "a", 2, "https://tsb/", true, NULL), 0);
    assert_string_equal(all(NULL, true), ""); /* the volume is not imported yet */
    enter("a", SHA);
    assert_string_equal(all(NULL, true), "a 1 -1;a 2 -1;");
    assert_int_equal(timestamp_asked(catalog, &one, 5, NULL), 0);
    assert_string_equal(all("a", true), "a 1 -1 away;a 2 -1;");
    one.at_ms = 7;
    one.reason = NULL;
    assert_int_equal(timestamp_asked(catalog, &one, 8, NULL), 0);
    assert_string_equal(all(NULL, true), "a 2 -1;");
    assert_string_equal(all("a", false), "a 1 7;a 2 -1;");
    assert_string_equal(all("b", false), "");
}

static void test_other_volumes(void **state)
{
    struct timestamp one = { .volume = "a", .number = 1, .at_ms = 7 };
    struct err err;

    (void)state;
    enter("a", SHA);
    enter("a-r1", SHA);
    assert_int_equal(timestamp_want(catalog, "a", 1, "https://tsa/", true, NULL), 0);
    assert_int_equal(timestamp_asked(catalog, &one, 8, NULL), 0);
    /* a new volume of this name has no time stamp */
    assert_int_equal(timestamp_want(catalog, "a", 1, "https://tsa/", true, NULL), 0);
    assert_string_equal(all(NULL, true), "a 1 -1;");
    assert_int_equal(timestamp_asked(catalog, &one, 8, NULL), 0);
    /* and one that has it is not made to wait */
    assert_int_equal(timestamp_want(catalog, "a", 1, "https://tsa/", false, NULL), 0);
    assert_string_equal(all(NULL, true), "");
    assert_int_equal(timestamp_copy(catalog, "a", "a-r1", NULL), 0);
    assert_string_equal(all(NULL, false), "a 1 7;a-r1 1 -1;");
    assert_int_equal(timestamp_forget(catalog, "a", NULL), 0);
    assert_string_equal(all(NULL, false), "a-r1 1 -1;");
    assert_int_equal(timestamp_forget(catalog, "a-r1", NULL), 0);
    assert_string_equal(all(NULL, false), "");
    enter("a", SHA);
    /* one that waits for an authority that is gone waits for another one; one that came does
     * not */
    one.authority = "https://tsa/";
    assert_int_equal(timestamp_want(catalog, "a", 1, "https://tsa/", true, NULL), 0);
    assert_int_equal(timestamp_move(catalog, &one, "https://new/", NULL), 0);
    assert_int_equal(timestamp_move(catalog, &one, "https://newer/", NULL), 0);
    assert_int_equal(timestamp_want(catalog, "a", 2, "https://tsa/", true, NULL), 0);
    one.number = 2;
    assert_int_equal(timestamp_move(catalog, &one, "https://new/", NULL), 0);
    assert_string_equal(authorities(), "https://new/ https://tsa/ ");
    one.number = 1;
    one.authority = "https://new/";
    assert_int_equal(timestamp_asked(catalog, &one, 8, NULL), 0);
    assert_int_equal(timestamp_move(catalog, &one, "https://newer/", NULL), 0);
    assert_string_equal(authorities(), "https://new/ https://tsa/ ");
    enter("bad", "no digest");
    assert_int_equal(timestamp_want(catalog, "bad", 1, "https://tsa/", true, NULL), 0);
    assert_int_equal(timestamp_each(catalog, NULL, false, on_stamp, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_waiting, catalog_set_up, catalog_tear_down),
        cmocka_unit_test_setup_teardown(test_other_volumes, catalog_set_up, catalog_tear_down),
    };

    return RUN(tests);
}
