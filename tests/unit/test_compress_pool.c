/* SPDX-License-Identifier: MIT */
#include "writer/compress_pool.h"

#include "base/clock.h"
#include "output_file.h"

#include <errno.h>
#include <time.h>

#define CHUNKS 64
#define SIZE   4096

static struct pool *pool;

static int set_up(void **state)
{
    pool = pool_new(CHUNKS, SIZE, NULL);
    return pool ? output_set_up(state) : -1;
}

/* pool_free asserts that every chunk was returned. */
static int tear_down(void **state)
{
    pool_free(pool);
    return output_tear_down(state);
}

static struct chunk *chunk_of(unsigned char byte, size_t len)
{
    struct chunk *chunk = pool_wait(pool);

    memset(chunk->data, byte, len);
    chunk->len = len;
    return chunk;
}

/* Submit a chunk filled with one byte. */
static void submit(struct compress_pool *s, unsigned char byte, size_t len)
{
    struct piece piece = { .kind = PIECE_FRAME };

    assert_int_equal(piece_add(&piece, chunk_of(byte, len), 0, len, NULL), 0);
    compress_pool_submit(s, &piece);
    assert_int_equal(piece.count,
                     0); /* its ownership moved, and the caller got an empty piece */
    assert_int_equal(piece.size, 0);
    piece_clear(&piece);
}

static void submit_kind(struct compress_pool *s, enum piece_kind kind)
{
    struct piece piece = { .kind = kind };

    compress_pool_submit(s, &piece);
    piece_clear(&piece);
}

static struct compress_pool *make(enum frame_codec codec, unsigned workers, bool stepped)
{
    struct compress_pool *s = compress_pool_new(
        &(struct compress_pool_opts){ codec, 0, workers, 0, stepped }, output_made, NULL);

    assert_non_null(s);
    return s;
}

static void test_parts_of_a_piece(void **state)
{
    struct pool *two = pool_new(2, SIZE, NULL);
    struct piece piece = { .kind = PIECE_FRAME };
    struct chunk *chunk = pool_try(two);
    struct chunk *other = pool_try(two);

    (void)state;
    assert_int_equal(piece_add(&piece, chunk_ref(chunk), 0, 100, NULL), 0);
    assert_int_equal(piece_add(&piece, chunk_ref(chunk), 100, 50, NULL), 0);
    assert_int_equal(piece.count, 1); /* the second continues where the first ends */
    assert_int_equal(piece.size, 150);
    assert_int_equal(atomic_load(&chunk->refs), 2); /* the test's reference, and the part's */
    assert_int_equal(piece_add(&piece, chunk_ref(chunk), 200, 50, NULL), 0);
    assert_int_equal(piece.count, 2); /* after a gap */
    assert_int_equal(piece_add(&piece, chunk_ref(other), 250, 50, NULL), 0);
    assert_int_equal(piece.count, 3); /* of another chunk */
    assert_int_equal(piece.size, 250);
    piece_reset(&piece);
    assert_int_equal(piece.size, 0);
    assert_int_equal(atomic_load(&chunk->refs), 1);
    assert_ptr_equal(other->data, chunk->data + SIZE);
    assert_int_equal(piece_add(&piece, chunk, 0, SIZE, NULL), 0);
    assert_int_equal(piece_add(&piece, other, 0, 1, NULL), 0);
    assert_int_equal(piece.count, 2); /* adjacent, but each with its own reference */
    piece_clear(&piece);
    piece_clear(&piece);
    pool_free(two);
}

static void test_frames_come_out_in_order(void **state)
{
    struct compress_pool *s = make(FRAME_ZSTD, 3, false);
    struct buf plain;
    size_t i;
    size_t at = 0;

    (void)state;
    for (i = 0; i < 300; i++) /* long and short pieces: the workers finish out of order */
        submit(s, (unsigned char)i, i % 5 ? 1 + i % 7 : SIZE);
    assert_int_equal(compress_pool_drain(s, NULL), 0);
    assert_false(compress_pool_failed(s));
    assert_int_equal(compress_pool_seek(s)->count, 300);
    output_read(compress_pool_seek(s), FRAME_ZSTD, &plain);
    for (i = 0; i < 300; i++) {
        size_t len = i % 5 ? 1 + i % 7 : SIZE;

        assert_int_equal(compress_pool_seek(s)->rows[i].plain, len);
        assert_int_equal((unsigned char)plain.data[at], i % 256);
        assert_int_equal((unsigned char)plain.data[at + len - 1], i % 256);
        at += len;
    }
    assert_int_equal(at, plain.len);
    buf_clear(&plain);
    compress_pool_free(s);
}

static void test_back_to_the_mark(void **state)
{
    static const enum frame_codec codecs[] = { FRAME_NONE, FRAME_ZSTD };
    struct buf plain;
    size_t i;

    for (i = 0; i < 2; i++) {
        struct compress_pool *s = make(codecs[i], 2, false);

        submit(s, 'a', 100);
        submit_kind(s, PIECE_MARK);
        submit(s, 'b', 200);
        submit(s, 'b', 300);
        submit_kind(s, PIECE_BACK);
        submit(s, 'c', 400);
        assert_int_equal(compress_pool_drain(s, NULL), 0);
        assert_int_equal(compress_pool_seek(s)->count, 2);
        output_read(compress_pool_seek(s), codecs[i], &plain);
        assert_int_equal(plain.len, 500);
        assert_int_equal(plain.data[99], 'a');
        assert_int_equal(plain.data[100], 'c');
        assert_int_equal(plain.data[499], 'c');
        buf_clear(&plain);
        compress_pool_free(s);
        if (i == 0) {
            assert_int_equal(output_tear_down(state), 0);
            assert_int_equal(output_set_up(state), 0);
        }
    }
}

static void test_in_a_hurry_frames_are_stored(void **state)
{
    struct compress_pool *s = make(FRAME_ZSTD, 1, false);
    struct buf plain;

    (void)state;
    submit(s, 'x', SIZE);
    assert_int_equal(compress_pool_drain(s, NULL), 0);
    compress_pool_hurry(s);
    submit(s, 'x', SIZE);
    assert_int_equal(compress_pool_drain(s, NULL), 0);
    assert_true(compress_pool_seek(s)->rows[0].coded < SIZE / 10);
    assert_true(compress_pool_seek(s)->rows[1].coded > SIZE);
    output_read(compress_pool_seek(s), FRAME_ZSTD, &plain);
    assert_int_equal(plain.len, 2 * SIZE);
    buf_clear(&plain);
    compress_pool_free(s);
}

static void test_steps_instead_of_threads(void **state)
{
    struct compress_pool *s = make(FRAME_ZSTD, 2, true);
    struct buf plain;
    size_t i;

    (void)state;
    assert_false(compress_pool_step(s));
    submit(s, 'a', 10);
    submit(s, 'b', 20);
    assert_int_equal(compress_pool_seek(s)->count, 0);
    assert_true(compress_pool_step(s)); /* the oldest */
    assert_int_equal(compress_pool_seek(s)->count, 1);
    assert_int_equal(compress_pool_seek(s)->rows[0].plain, 10);
    assert_true(compress_pool_step(s));
    assert_false(compress_pool_step(s));
    for (i = 0; i < 20; i++) /* submitting to a full ring performs a step */
        submit(s, 'c', 1);
    assert_int_equal(compress_pool_drain(s, NULL), 0);
    assert_int_equal(compress_pool_seek(s)->count, 22);
    output_read(compress_pool_seek(s), FRAME_ZSTD, &plain);
    assert_int_equal(plain.len, 50);
    buf_clear(&plain);
    compress_pool_free(s);
}

/*
 * Pieces after a failure are discarded, so that the packer never waits for a full disk.
 */
static void test_a_failure_is_told_at_drain(void **state)
{
    struct output *full = output_open("/dev/full", true, 0600, false, true, stop_never(), NULL);
    struct compress_pool *s;
    struct err err;
    uint64_t deadline = clock_mono() + 20000;
    size_t i;

    (void)state;
    assert_non_null(full);
    assert_int_equal(output_start(full, 0, NULL, NULL), 0);
    s = compress_pool_new(&(struct compress_pool_opts){ .codec = FRAME_ZSTD, .workers = 2 },
                          full, NULL);
    assert_non_null(s);
    compress_pool_hurry(s);
    while (!compress_pool_failed(s) && clock_mono() < deadline)
        submit(s, 'x', SIZE);
    for (i = 0; i < 10 * CHUNKS; i++)
        submit(s, 'y', SIZE);
    err_clear(&err);
    assert_int_equal(compress_pool_drain(s, &err), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_int_equal(err.os, ENOSPC);
    assert_true(compress_pool_failed(s));
    compress_pool_free(s);
    output_free(full, false);
}

/* Freed with pieces in all stages: every chunk is returned, and nothing hangs. */
static void test_given_up(void **state)
{
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < 40; i++) {
        struct compress_pool *s = make(FRAME_ZSTD, 1 + (unsigned)i % 3, i % 4 == 3);

        for (k = 0; k < i; k++)
            submit(s, 'x', SIZE);
        compress_pool_free(s);
    }
    compress_pool_free(NULL);
}

/*
 * Frames of `bytes` ms of work at level 1 each arrive every `every` ms; returns the last level.
 */
static int level_after(struct compress_pace *pace, unsigned work, unsigned every, bool blocks)
{
    static const unsigned cost[] = { 0, 10, 10, 15, 15, 15, 40, 40, 40, 60 };
    unsigned i;
    uint64_t now = pace->since;

    for (i = 0; i < 1000; i++) {
        now += (uint64_t)every * 1000;
        pace->busy += (uint64_t)work * 1000 * cost[pace->level] / 10;
        pace->blocked += blocks ? (uint64_t)every * 100 : 0;
        compress_pace_look(pace, now);
    }
    return pace->level;
}

static void test_the_level_follows_the_load(void **state)
{
    struct compress_pace pace = { .level = 3, .most = 9, .workers = 2, .since = 7 };

    (void)state;
    assert_int_equal(level_after(&pace, 8, 100, false), 9);  /* idle threads */
    assert_int_equal(level_after(&pace, 30, 100, false), 6); /* 9 would take 90 % */
    assert_int_equal(level_after(&pace, 8, 100, true), 1);   /* everyone waits for them */
    assert_int_equal(level_after(&pace, 80, 100, false), 3);
    assert_int_equal(level_after(&pace, 195, 100, false), 1);
    pace.most = 6;
    assert_int_equal(level_after(&pace, 1, 100, false), 6); /* more memory than its share */
}

static void test_the_level_rises_step_by_step(void **state)
{
    struct compress_pace pace = { .level = 1, .most = 9, .workers = 1 };

    (void)state;
    compress_pace_look(&pace, 100000); /* too early to judge */
    assert_int_equal(pace.level, 1);
    compress_pace_look(&pace, 300000);
    assert_int_equal(pace.level, 3);
    compress_pace_look(&pace, 600000);
    assert_int_equal(pace.level, 6);
}

/* The threads are idle, so that the level rises as far as each context fits into its share. */
static void test_no_level_exceeds_its_share_of_memory(void **state)
{
    static const int most[] = { 1, 3, 6 };
    const struct timespec interval = { .tv_nsec = 260000000 };
    size_t i;
    unsigned k;

    (void)state;
    for (i = 0; i < sizeof(most) / sizeof(*most); i++) {
        const struct compress_pool_opts opts = { .codec = FRAME_ZSTD,
                                                 .workers = 1,
                                                 .contexts = frame_context(most[i]) };
        struct compress_pool *s = compress_pool_new(&opts, output_made, NULL);

        assert_non_null(s);
        assert_true(compress_pool_level(s) <= most[i]);
        for (k = 0; k < 3; k++) {
            assert_int_equal(nanosleep(&interval, NULL), 0);
            assert_true(compress_pool_level(s) <= most[i]);
        }
        assert_int_equal(compress_pool_level(s), most[i]);
        compress_pool_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_level_exceeds_its_share_of_memory, set_up,
                                        tear_down),
        cmocka_unit_test(test_parts_of_a_piece),
        cmocka_unit_test_setup_teardown(test_frames_come_out_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_back_to_the_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_a_hurry_frames_are_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_steps_instead_of_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failure_is_told_at_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
        cmocka_unit_test(test_the_level_follows_the_load),
        cmocka_unit_test(test_the_level_rises_step_by_step),
    };

    return RUN(tests);
}
