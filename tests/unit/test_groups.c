/* SPDX-License-Identifier: MIT */
#include "pull/groups.h"

#include "base/clock.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST "{\"skyarc_journal\": 2, \"request\": \"x\"}"

enum { LEADER, FIRST, SECOND, ALONE, MEMBER_A, MEMBER_B, ZIP, ITEMS };

static const char *const ids[ITEMS] = { "l", "f", "s", "x", "a", "b", "z" };

struct scene {
    struct plan *plan;
    struct groups *groups;
    struct journal *journal;
    bool beside;
};

static void put(struct plan *plan, const char *id, const char *uri, const char *key,
                const char *checksum)
{
    struct plan_artifact what = { .run_id = "r",
                                  .artifact_id = id,
                                  .type = "html",
                                  .uri = uri,
                                  .bundle_key = key,
                                  .checksum = checksum,
                                  .file_size = 9,
                                  .sized = true,
                                  .created_us = CLOCK_NONE };

    assert_int_equal(plan_add(plan, &what, 0, 0, NULL, NULL), 0);
}

static const struct item *item_of(const struct scene *s, size_t i)
{
    const struct item *item = plan_find(s->plan, "r", ids[i], NULL);

    assert_non_null(item);
    return item;
}

static bool is_member(size_t i)
{
    return i == MEMBER_A || i == MEMBER_B;
}

static void find(const struct scene *s, size_t i)
{
    groups_add(s->groups, item_of(s, i),
               &(struct journal_row){ .beside_zip = s->beside && is_member(i) });
}

static bool complete(const struct scene *s, size_t i)
{
    return groups_complete(s->groups, item_of(s, i));
}

/*
 * Three identical items, one alone, and a bundle; the journal lists all but `absent`, the
 * members as stored beside the ZIP or not.
 */
static void begin(struct scene *s, size_t absent, bool beside)
{
    const char *const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct plan_artifact zip = {
        .run_id = "r", .artifact_id = "z", .uri = "s3://b/z", .created_us = CLOCK_NONE
    };
    char path[] = "/tmp/skyarc-groups-XXXXXX";
    int fd = mkstemp(path);
    size_t i;

    s->beside = beside;
    assert_true(fd >= 0);
    (void)close(fd);
    s->plan = plan_new(true, NULL);
    assert_int_equal(plan_bundle_row(s->plan, 0, "s3://b/z", "a", NULL), 0);
    assert_int_equal(plan_bundle_row(s->plan, 0, "s3://b/z", "b", NULL), 0);
    put(s->plan, "l", "s3://b/1", NULL, sum);
    put(s->plan, "f", "s3://b/2", NULL, sum);
    put(s->plan, "s", "s3://b/3", NULL, sum);
    put(s->plan, "x", "s3://b/4", NULL, NULL);
    put(s->plan, "a", "s3://b/z", "a", NULL);
    put(s->plan, "b", "s3://b/z", "b", NULL);
    assert_int_equal(plan_parent(s->plan, &zip, 0, 0, false, false, NULL), 0);
    assert_ptr_equal(item_of(s, FIRST)->leader, item_of(s, LEADER));
    assert_ptr_equal(item_of(s, MEMBER_A)->bundle->parent, item_of(s, ZIP));
    s->journal = journal_open(path, REQUEST, NULL, NULL);
    assert_non_null(s->journal);
    for (i = 0; i < ITEMS; i++) {
        struct journal_row row = { .path = ids[i],
                                   .run_id = "r",
                                   .artifact_id = ids[i],
                                   .via = "signed-url",
                                   .beside_zip = beside && is_member(i) };

        if (i != absent)
            assert_int_equal(journal_add(s->journal, &row, NULL), 0);
    }
    assert_int_equal(journal_flush(s->journal, NULL), 0);
    journal_free(s->journal, false);
    s->journal = journal_open(path, REQUEST, NULL, NULL);
    assert_int_equal(unlink(path), 0);
    s->groups = groups_new(s->plan, s->journal, NULL);
    assert_non_null(s->groups);
}

static void end(struct scene *s)
{
    groups_free(s->groups);
    journal_free(s->journal, false);
    plan_free(s->plan);
}

static void test_identical_items(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, ITEMS, true);
    find(&s, ALONE);
    assert_int_equal(groups_owed(s.groups), 0);
    find(&s, LEADER);
    assert_int_equal(groups_owed(s.groups), 2);
    assert_false(complete(&s, LEADER));
    find(&s, SECOND);
    find(&s, FIRST);
    assert_int_equal(groups_owed(s.groups), 0);
    assert_true(complete(&s, LEADER));
    groups_drop(s.groups, item_of(&s, FIRST));
    assert_false(groups_found(s.groups, item_of(&s, FIRST)->index));
    assert_false(complete(&s, LEADER));
    end(&s);
}

static void test_a_follower_before_its_leader(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, SECOND, true); /* it was not archived then */
    find(&s, FIRST);
    find(&s, LEADER);
    assert_int_equal(groups_owed(s.groups), 0);
    assert_true(complete(&s, LEADER));
    end(&s);
}

static void test_a_zip_that_holds_more_than_its_members(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, ITEMS, true);
    find(&s, MEMBER_A);
    find(&s, MEMBER_B);
    assert_int_equal(groups_owed(s.groups), 1);
    assert_false(complete(&s, MEMBER_A));
    find(&s, ZIP);
    assert_int_equal(groups_owed(s.groups), 0);
    assert_true(complete(&s, MEMBER_A));
    assert_true(complete(&s, ZIP));
    end(&s);
    begin(&s, ITEMS, true);
    find(&s, ZIP);
    find(&s, MEMBER_B);
    assert_int_equal(groups_owed(s.groups), 0);
    assert_true(complete(&s, MEMBER_B));
    end(&s);
}

/* The ZIP held no more than its members, or only an earlier attempt had it. */
static void test_members_without_a_zip(void **state)
{
    struct scene s;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        begin(&s, i ? ZIP : ITEMS, false);
        find(&s, MEMBER_A);
        assert_int_equal(groups_owed(s.groups), 0);
        assert_true(complete(&s, MEMBER_A));
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identical_items),
        cmocka_unit_test(test_a_follower_before_its_leader),
        cmocka_unit_test(test_a_zip_that_holds_more_than_its_members),
        cmocka_unit_test(test_members_without_a_zip),
    };

    return RUN(tests);
}
