/* SPDX-License-Identifier: MIT */
/* The packer step by step: bodies in, results out, by value and in order. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "format/zip.h"
#include "unit.h"
#include "writer/packer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EMPTY_SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char dir[64];
static char path[128];
static struct spool spool;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/skyarc-unit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/p.tar", dir);
    spool = (struct spool){ pool_new(16, CHUNK_SIZE, NULL), dir, NULL, NULL };
    return spool.pool ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(spool.pool);
    (void)unlink(path);
    return rmdir(dir);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

struct house {
    struct plan *plan;
    struct entry_names *names;
    struct volume *volume;
    struct packer *packer;
};

static void begin(struct house *h, const struct packed_before *before)
{
    struct volume_opts volume = {
        .path = path, .format = CONTAINER_TAR, .mode = 0600, .workers = 1, .stepped = true
    };
    struct packer_opts opts = {
        .entries = { .top = "top", .seen = entry_writer_unseen, .dedupe = true },
        .parts = &spool,
        .max_size = 1 << 20,
        .news = nothing,
        .stepped = true
    };

    if (before)
        opts.entries.before = *before;
    h->names = entry_names_new(NULL);
    h->volume = volume_open(&volume, NULL);
    assert_non_null(h->volume);
    assert_int_equal(volume_start(h->volume, NULL, NULL), 0);
    h->packer = packer_new(&opts, h->volume, h->plan, h->names, NULL);
    assert_non_null(h->packer);
}

static void end(struct house *h)
{
    packer_free(h->packer);
    volume_free(h->volume, false);
    plan_free(h->plan);
    entry_names_free(h->names);
}

static struct plan_artifact artifact(const char *run, const char *id)
{
    return (struct plan_artifact){
        .run_id = run, .artifact_id = id, .type = "html", .created_us = CLOCK_NONE
    };
}

static const struct item *add(struct plan *plan, struct plan_artifact what)
{
    struct item *item;

    assert_int_equal(plan_add(plan, &what, 0, 0, &item, NULL), 0);
    return item;
}

static void give(struct house *h, const struct item *item, const char *text, size_t len,
                 unsigned again)
{
    char *copy = mem_new(len + 1, NULL);

    memcpy(copy, text, len);
    assert_int_equal(packer_item(h->packer, item, body_of_text(copy, len, NULL), again, NULL),
                     0);
    assert_true(packer_step(h->packer));
}

/* Take the next result, which must be this event of this item. */
static struct pack_result next(struct house *h, enum pack_event event, const struct item *item)
{
    struct pack_result result;

    assert_true(packer_result(h->packer, &result));
    assert_int_equal(result.event, event);
    assert_ptr_equal(result.item, item);
    return result;
}

static void no_more(struct house *h)
{
    struct pack_result result;

    assert_false(packer_result(h->packer, &result));
}

static void test_followers_are_told_of_before_the_answer(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    struct plan_artifact what = artifact("r1", "a");
    const struct item *leader;
    const struct item *same;
    const struct item *other;
    struct pack_result result;
    const char *first;

    (void)state;
    what.uri = "s3://b/x";
    leader = add(h.plan, what);
    what.run_id = "r2";
    same = add(h.plan, what);
    what.run_id = "r3";
    what.checksum = EMPTY_SUM; /* does not match the content */
    other = add(h.plan, what);
    assert_ptr_equal(other->leader, leader);
    begin(&h, NULL);
    give(&h, leader, "hello", 5, 0);
    result = next(&h, PACK_STORED, leader);
    first = result.packed.path;
    assert_true(result.packed.here);
    assert_int_equal(result.packed.size, 5);
    assert_null(result.packed.duplicate_of);
    result = next(&h, PACK_STORED, same);
    assert_string_equal(result.packed.duplicate_of, first);
    assert_string_not_equal(result.packed.path, first);
    (void)next(&h, PACK_DONE, leader);
    no_more(&h);
    give(&h, other, "", 0, 0); /* it is stored on its own */
    result = next(&h, PACK_STORED, other);
    assert_null(result.packed.duplicate_of);
    assert_false(result.packed.mismatch);
    (void)next(&h, PACK_DONE, other);
    no_more(&h);
    assert_int_equal(packer_join(h.packer, NULL), 0);
    volume_flush(h.volume);
    assert_int_equal(packer_place(h.packer, leader).offset, 0);
    assert_true(packer_place(h.packer, same).offset > 0);
    assert_true(packer_place(h.packer, other).offset > packer_place(h.packer, same).offset);
    end(&h);
}

static void test_what_is_refused_is_not_stored(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    struct plan_artifact what = artifact("r1", "a");
    const struct item *item;
    struct pack_result result;

    (void)state;
    what.checksum = EMPTY_SUM;
    item = add(h.plan, what);
    begin(&h, NULL);
    give(&h, item, "hello", 5, PACKER_AGAIN_SUM);
    (void)next(&h, PACK_MISMATCH, item);
    no_more(&h);
    give(&h, item, "hello", 5, 0);
    result = next(&h, PACK_STORED, item);
    assert_true(result.packed.mismatch);
    (void)next(&h, PACK_DONE, item);
    give(&h, item, "", 0, 0); /* again: it is stored already */
    (void)next(&h, PACK_DONE, item);
    no_more(&h);
    end(&h);
}

/* A body that passes through leaves no entry if it breaks off or was stored before. */
static void test_a_body_that_passes_through_is_written_once(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    const struct item *item = add(h.plan, artifact("r1", "a"));
    const struct item *next_item = add(h.plan, artifact("r1", "b"));
    uint64_t offset;
    size_t i;

    (void)state;
    begin(&h, NULL);
    for (i = 0; i < 3; i++) {
        struct body *body = body_new(NULL);

        assert_true(body_add(body, &spool, false, "hello", 5));
        assert_int_equal(packer_head(h.packer, item, body, 5, NULL), 0);
        assert_int_equal(packer_tail(h.packer, i > 0, 0, NULL), 0);
        while (packer_step(h.packer))
            ;
        if (i == 1)
            (void)next(&h, PACK_STORED, item);
        if (i > 0)
            (void)next(&h, PACK_DONE, item);
        no_more(&h);
    }
    give(&h, next_item, "other", 5, 0);
    assert_int_equal(packer_join(h.packer, NULL), 0);
    volume_flush(h.volume);
    assert_int_equal(packer_place(h.packer, item).offset, 0);
    offset = packer_place(h.packer, next_item).offset;
    assert_int_equal(offset, 1024); /* a header and a block: one entry is before it */
    end(&h);
}

/* A ZIP with two entries, of which rows name one. */
static void make_zip(struct buf *out)
{
    struct zip *zip;

    buf_init(out, 1 << 16);
    zip = zip_new(0, buf_put, out, NULL);
    assert_int_equal(zip_entry(zip, "m", 5, 1, true, NULL), 0);
    assert_int_equal(zip_add(zip, "hello", 5, NULL), 0);
    assert_int_equal(zip_entry(zip, "more", 4, 1, true, NULL), 0);
    assert_int_equal(zip_add(zip, "more", 4, NULL), 0);
    assert_int_equal(zip_end(zip, NULL), 0);
    zip_free(zip);
}

static const struct item *add_bundle(struct plan *plan, const struct item **parent)
{
    struct plan_artifact what = artifact("r1", "m");
    const struct item *member;

    what.uri = "s3://b/z";
    what.bundle_key = "m";
    assert_int_equal(plan_bundle_row(plan, 0, what.uri, "m", NULL), 0);
    member = add(plan, what);
    what.artifact_id = "z";
    what.bundle_key = NULL;
    assert_int_equal(plan_parent(plan, &what, 0, 0, false, false, NULL), 0);
    plan_choose(plan, BUNDLE_MEMBERS);
    *parent = plan_bundles(plan)->parent;
    assert_non_null(*parent);
    assert_true((*parent)->unlisted);
    return member;
}

static void test_a_zip_that_holds_more_is_kept(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    const struct item *parent;
    const struct item *member = add_bundle(h.plan, &parent);
    struct pack_result result;
    struct buf zip;

    (void)state;
    make_zip(&zip);
    begin(&h, NULL);
    give(&h, member, zip.data, zip.len, 0);
    result = next(&h, PACK_STORED, parent);
    assert_int_equal(result.packed.note_count, 1);
    assert_string_equal(result.packed.notes[0], PACKED_HOLDS_MORE);
    assert_int_equal(result.packed.size, zip.len);
    result = next(&h, PACK_STORED, member);
    assert_int_equal(result.packed.size, 5);
    (void)next(&h, PACK_SPLIT, member);
    no_more(&h);
    buf_clear(&zip);
    end(&h);
}

/* The same ZIP again, after an interrupted attempt has kept it: it is not written twice. */
static void test_a_zip_that_is_kept_is_not_written_again(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    const struct item *parent;
    const struct item *member = add_bundle(h.plan, &parent);
    struct packed packed[2] = { 0 };
    struct spot places[2] = { 0 };
    struct packed_before before = { packed, places };
    struct hasher *hasher = hasher_new(NULL);
    struct buf zip;

    (void)state;
    make_zip(&zip);
    hasher_add(hasher, zip.data, zip.len);
    hasher_end(hasher, &packed[parent->index].digest);
    hasher_free(hasher);
    packed[parent->index].here = true;
    packed[parent->index].path = "data/r1/html/notime_z.zip";
    packed[parent->index].size = zip.len;
    begin(&h, &before);
    give(&h, member, zip.data, zip.len, 0);
    assert_string_equal(next(&h, PACK_NOTED, parent).note, PACKED_HOLDS_MORE);
    (void)next(&h, PACK_STORED, member);
    (void)next(&h, PACK_SPLIT, member);
    no_more(&h);
    buf_clear(&zip);
    end(&h);
}

static void test_what_was_kept_before_is_found_again(void **state)
{
    struct house h = { .plan = plan_new(true, NULL) };
    const struct item *kept = add(h.plan, artifact("r1", "a"));
    const struct item *item = add(h.plan, artifact("r1", "b"));
    struct packed packed[2] = { 0 };
    struct spot places[2] = { { 3, 4, 0 } };
    struct packed_before before = { packed, places };
    struct hasher *hasher = hasher_new(NULL);

    (void)state;
    hasher_add(hasher, "hello", 5);
    hasher_end(hasher, &packed[0].digest);
    hasher_free(hasher);
    packed[0].here = true;
    packed[0].path = "data/r1/html/kept.html";
    packed[0].size = 5;
    begin(&h, &before);
    give(&h, item, "hello", 5, 0);
    assert_string_equal(next(&h, PACK_STORED, item).packed.duplicate_of,
                        "data/r1/html/kept.html");
    (void)next(&h, PACK_DONE, item);
    assert_int_equal(packer_place(h.packer, kept).frame, 3);
    assert_int_equal(packer_place(h.packer, kept).offset, 4);
    end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_followers_are_told_of_before_the_answer),
        cmocka_unit_test(test_what_is_refused_is_not_stored),
        cmocka_unit_test(test_a_body_that_passes_through_is_written_once),
        cmocka_unit_test(test_a_zip_that_holds_more_is_kept),
        cmocka_unit_test(test_a_zip_that_is_kept_is_not_written_again),
        cmocka_unit_test(test_what_was_kept_before_is_found_again),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
