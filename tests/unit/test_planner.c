/* SPDX-License-Identifier: MIT */
#include "pull/planner.h"

#include "base/buf.h"
#include "base/clock.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define RUNS 40
#define ROWS 12

/* The lists of some runs, and the plan of them. */
struct lists {
    struct api api;
    struct listed_run runs[RUNS];
    char ids[RUNS][16];
    struct listing listing;
    struct artifact_filter filter;
    struct entry_names *names;
    struct planner planner;
};

/* Rows with equal downloads, objects and checksums within runs and across them, and ZIPs. */
static void put_row(struct buf *out, unsigned run, unsigned row)
{
    static const char *const types[] = { "html", "download", "har", "screenshot" };
    unsigned n = run * 7 + row * 3;
    char uri[64];

    if (row == 10)
        (void)snprintf(uri, sizeof(uri), "s3://b/%u.zip", run);
    else if (row > 7)
        (void)snprintf(uri, sizeof(uri), "s3://b/%u.zip\",\"bundle_key\":\"%u.html", run, row);
    else
        (void)snprintf(uri, sizeof(uri), "s3://b/%u/same.csv", n % 50);
    assert_int_equal(
        buf_addf(out, NULL,
                 "%s{\"artifact_id\":\"a%u\",\"artifact_type\":\"%s\",\"uri\":\"%s\","
                 "\"checksum\":\"%u\",\"file_size\":%u}",
                 row ? "," : "[", row == 11 ? 3u : run * 100 + row,
                 row == 10 ? "screenshot_archive" : types[n % 4], uri, n % 60, 100 + n % 60),
        0);
}

static void make(struct lists *l)
{
    struct planner_opts opts = {
        .listing = &l->listing, .filter = &l->filter, .dedupe = true, .skip = planner_skips_none
    };
    unsigned i;
    unsigned k;

    *l = (struct lists){ .listing = { .runs = l->runs, .count = RUNS, .api = &l->api } };
    assert_int_equal(api_init(&l->api, "https://api.test", NULL, NULL), 0);
    l->listing.filter = &l->filter.kinds;
    for (i = 0; i < RUNS; i++) {
        struct listed_run *run = &l->runs[i];
        struct buf json;

        (void)snprintf(l->ids[i], sizeof(l->ids[i]), "tsk_%u", i);
        run->id = l->ids[i];
        run->listing = &l->listing;
        run->root = i;
        run->failed = i % 9 == 4;
        buf_init(&json, 1 << 20);
        for (k = 0; k < ROWS; k++)
            put_row(&json, i, k);
        assert_int_equal(buf_adds(&json, "]", NULL), 0);
        assert_int_equal(artifact_list_parse(&run->list, buf_text(&json), json.len, NULL), 0);
        buf_clear(&json);
    }
    l->names = opts.names = entry_names_new(NULL);
    assert_int_equal(planner_begin(&l->planner, &opts, NULL), 0);
}

static void clear(struct lists *l)
{
    unsigned i;

    for (i = 0; i < RUNS; i++)
        artifact_list_clear(&l->runs[i].list);
    planner_clear(&l->planner);
    planner_clear(&l->planner);
    entry_names_free(l->names);
    api_clear(&l->api);
}

static const struct item *item_of(const struct lists *l, size_t i)
{
    return plan_at(l->planner.plan, i);
}

/* The same items; the same ones joined, unless their leaders are closed in b. */
static void check_equal(const struct lists *a, const struct lists *b, bool closed)
{
    size_t i;

    assert_int_equal(plan_count(a->planner.plan), plan_count(b->planner.plan));
    assert_int_equal(a->planner.count.listed, b->planner.count.listed);
    for (i = 0; i < plan_count(a->planner.plan); i++) {
        const struct item *x = item_of(a, i);
        const struct item *y = item_of(b, i);

        assert_string_equal(x->what.run_id, y->what.run_id);
        assert_string_equal(x->what.artifact_id, y->what.artifact_id);
        assert_int_equal(x->run, y->run);
        assert_int_equal(x->row, y->row);
        assert_int_equal(x->path == NULL, y->path == NULL);
        if (x->path)
            assert_string_equal(x->path, y->path);
        assert_int_equal(x->note_count, y->note_count);
        if (closed)
            continue;
        assert_int_equal(x->leader ? x->leader->index : SIZE_MAX,
                         y->leader ? y->leader->index : SIZE_MAX);
        assert_int_equal(x->unlisted, y->unlisted);
        assert_int_equal(x->bundle != NULL, y->bundle != NULL);
        if (x->bundle)
            assert_int_equal(x->bundle->whole, y->bundle->whole);
    }
    if (closed)
        return;
    assert_int_equal(a->planner.count.bytes, b->planner.count.bytes);
    assert_int_equal(a->planner.count.unsized, b->planner.count.unsized);
}

static void test_run_by_run_or_at_once(void **state)
{
    static struct lists at_once;
    static struct lists grown;
    size_t runs;

    (void)state;
    make(&at_once);
    assert_int_equal(planner_finish(&at_once.planner, NULL), 0);
    assert_true(plan_count(at_once.planner.plan) > (size_t)RUNS * 8);
    for (runs = 0; runs <= RUNS; runs += 8) {
        make(&grown);
        while (grown.planner.runs < runs)
            assert_int_equal(planner_next(&grown.planner, NULL), 0);
        assert_int_equal(planner_finish(&grown.planner, NULL), 0);
        check_equal(&at_once, &grown, false);
        clear(&grown);
    }
    clear(&at_once);
}

static void test_closed_items_do_not_change(void **state)
{
    static struct lists at_once;
    static struct lists grown;
    const struct item *last[RUNS * ROWS];
    size_t count = 0;
    size_t joined = 0;
    size_t i;

    (void)state;
    make(&at_once);
    assert_int_equal(planner_finish(&at_once.planner, NULL), 0);
    make(&grown);
    while (grown.planner.runs < RUNS) {
        assert_int_equal(planner_next(&grown.planner, NULL), 0);
        for (i = 0; i < count; i++) /* nothing has joined what was closed */
            assert_ptr_equal(item_of(&grown, i)->followers, last[i]);
        for (; count < plan_count(grown.planner.plan); count++) {
            const struct item *item = item_of(&grown, count);

            plan_close(grown.planner.plan, item);
            last[count] = item->followers;
            if (item->leader) {
                assert_int_equal(item->leader->run, item->run);
                joined++;
            }
        }
    }
    assert_int_equal(planner_finish(&grown.planner, NULL), 0);
    check_equal(&at_once, &grown, true);
    for (i = 0; i < plan_count(at_once.planner.plan); i++)
        joined -= joined && item_of(&at_once, i)->leader != NULL;
    assert_int_equal(joined, 0); /* at once more are joined */
    clear(&grown);
    clear(&at_once);
}

static void test_what_is_equal_to_a_closed_item_joins_the_next(void **state)
{
    struct plan *plan = plan_new(true, NULL);
    struct plan_artifact what = { .uri = "s3://b/x", .created_us = CLOCK_NONE };
    struct item *items[3];
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        static const char *const ids[] = { "a", "b", "c" };

        what.run_id = what.artifact_id = ids[i];
        assert_int_equal(plan_add(plan, &what, i, 0, &items[i], NULL), 0);
        if (i == 0)
            plan_close(plan, items[0]);
    }
    assert_null(items[1]->leader);
    assert_ptr_equal(items[2]->leader, items[1]);
    assert_null(items[0]->followers);
    plan_free(plan);
}

static void test_a_limit_of_bytes_run_by_run(void **state)
{
    static struct lists at_once;
    static struct lists grown;
    uint64_t most;

    (void)state;
    for (most = 0; most < 70000; most += 1777) {
        make(&at_once);
        make(&grown);
        while (grown.planner.runs < RUNS / 2 && planner_admits(&grown.planner, most))
            assert_int_equal(planner_next(&grown.planner, NULL), 0);
        assert_int_equal(planner_fit(&grown.planner, most),
                         planner_fit(&at_once.planner, most));
        clear(&grown);
        clear(&at_once);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_by_run_or_at_once),
        cmocka_unit_test(test_closed_items_do_not_change),
        cmocka_unit_test(test_what_is_equal_to_a_closed_item_joins_the_next),
        cmocka_unit_test(test_a_limit_of_bytes_run_by_run),
    };

    return RUN(tests);
}
