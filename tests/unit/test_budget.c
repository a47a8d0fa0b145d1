/* SPDX-License-Identifier: MIT */
#include "fetch/budget.h"

#include "base/pool.h"
#include "format/frame.h"
#include "unit.h"
#include "writer/compress_pool.h"

static struct budget choose(unsigned jobs, uint64_t rate, uint64_t descriptors)
{
    struct budget budget;

    const struct budget_limits limits = { .jobs = jobs,
                                          .rate = rate,
                                          .descriptors = descriptors };

    assert_int_equal(budget_choose(&budget, &limits, NULL), 0);
    assert_true(budget.files >= budget.jobs && budget.jobs >= 1);
    assert_true(BUDGET_RESERVED + 2 * (uint64_t)budget.jobs + budget.files <= descriptors);
    return budget;
}

static void test_descriptors(void **state)
{
    struct budget budget;
    struct err err;

    (void)state;
    assert_int_equal(choose(16, 0, 1024).jobs, 16);
    assert_int_equal(choose(256, 0, 1048576).jobs, 256);
    assert_int_equal(choose(256, 0, 1024).jobs, 256);
    assert_int_equal(choose(256, 0, 64).jobs, 12);
    assert_int_equal(choose(16, 0, BUDGET_RESERVED + 3).jobs, 1);
    assert_int_equal(
        budget_choose(&budget,
                      &(struct budget_limits){ .jobs = 1, .descriptors = BUDGET_RESERVED + 2 },
                      &err),
        -1);
    assert_int_equal(err.kind, ERR_LIMIT);
}

/* With a rate limit, each connection is read every few seconds. */
static void test_rate(void **state)
{
    (void)state;
    assert_int_equal(choose(256, 10, 1024).jobs, 1);
    assert_int_equal(choose(256, 100 << 10, 1024).jobs, 3);
    assert_int_equal(choose(256, 1 << 20, 1024).jobs, 40);
    assert_int_equal(choose(16, 1 << 30, 1024).jobs, 16);
}

/* Parallel pulls share the processors. */
static void test_workers(void **state)
{
    struct budget budget;

    (void)state;
    assert_int_equal(choose(16, 0, 1024).workers, budget_workers());
    assert_int_equal(
        budget_choose(&budget,
                      &(struct budget_limits){ .jobs = 16, .share = 64, .descriptors = 4096 },
                      NULL),
        0);
    assert_int_equal(budget.workers, 1);
}

/* The parts have the memory together, whatever it is, and each has what it needs at least. */
static void test_memory(void **state)
{
    uint64_t memory;

    (void)state;
    for (memory = BUDGET_MEMORY_MIN; memory <= BUDGET_MEMORY_MAX; memory += memory / 5) {
        struct budget_limits limits = { .jobs = 256, .descriptors = 4096, .memory = memory };
        struct budget b;
        uint64_t sum;

        assert_int_equal(budget_choose(&b, &limits, NULL), 0);
        sum = BUDGET_FIXED + b.wire + b.reserve + (uint64_t)b.body_chunks * BUDGET_CHUNK +
              (uint64_t)b.pass_chunks * CHUNK_SIZE + b.copies + b.contexts;
        assert_in_range(sum, memory - CHUNK_SIZE, memory);
        assert_in_range(b.cut_text, FRAME_CUT_PIECE, FRAME_CUT_TEXT);
        assert_true(b.copies >= b.cut_text + FRAME_CUT_PIECE + 8 * CHUNK_SIZE);
        assert_true(b.pass_chunks * CHUNK_SIZE > FRAME_CUT_PIECE);
        assert_true(b.body_chunks >= 128);
    }
    /* the default is enough for two threads at the level that idle ones reach */
    assert_true(choose(16, 0, 1024).contexts >= 2 * frame_context(6));
    assert_true(choose(256, 0, 1024).contexts >= 2 * frame_context(6));
    assert_in_range(choose(256, 0, 1024).cut_text, FRAME_CUT_TEXT / 2, FRAME_CUT_TEXT);
}

/* More processors never mean fewer compressing threads, and the default has two of them. */
static void test_processors(void **state)
{
    static const uint64_t some[] = { 0, 96 << 20, 160 << 20, (uint64_t)1 << 30 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(some) / sizeof(*some); i++) {
        unsigned before = 0;
        unsigned n;

        for (n = 1; n <= 64; n++) {
            const struct budget_limits limits = {
                .jobs = 256, .descriptors = 4096, .processors = n, .memory = some[i]
            };
            struct compress_pool_opts opts = { .codec = FRAME_ZSTD };
            struct budget b;

            assert_int_equal(budget_choose(&b, &limits, NULL), 0);
            opts.workers = b.workers;
            opts.contexts = b.contexts;
            assert_in_range(compress_pool_workers(&opts), before, n);
            assert_true(b.copies >= b.cut_text + FRAME_CUT_PIECE + 8 * CHUNK_SIZE);
            before = compress_pool_workers(&opts);
        }
        assert_true(before >= 2);
    }
}

/*
 * A chosen level has its contexts, beside what all else needs; or the user is told what fits.
 */
static void test_level(void **state)
{
    static const uint64_t some[] = { 0, 96 << 20, 160 << 20, (uint64_t)1 << 30 };
    struct budget_limits limits = { .jobs = 256, .descriptors = 4096 };
    struct budget b;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(some) / sizeof(*some); i++) {
        limits.memory = some[i];
        limits.context = frame_context(9);
        assert_int_equal(budget_choose(&b, &limits, NULL), 0);
        assert_in_range(b.workers, 1, budget_workers());
        assert_true(b.contexts >= b.workers * limits.context);
        assert_true(b.copies >= b.cut_text + FRAME_CUT_PIECE + 8 * CHUNK_SIZE);
        if (some[i])
            assert_true(BUDGET_FIXED + b.wire + b.reserve +
                            (uint64_t)b.body_chunks * BUDGET_CHUNK +
                            (uint64_t)b.pass_chunks * CHUNK_SIZE + b.copies + b.contexts <=
                        some[i]);
    }
    limits.memory = BUDGET_MEMORY_MIN;
    assert_int_equal(budget_choose(&b, &limits, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    limits.memory += limits.context + ((uint64_t)1 << 20);
    assert_int_equal(budget_choose(&b, &limits, NULL), 0);
    limits.context = frame_context(3);
    limits.memory = BUDGET_MEMORY;
    assert_int_equal(budget_choose(&b, &limits, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_level),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_workers),     cmocka_unit_test(test_processors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
