/* SPDX-License-Identifier: MIT */
#include "writer/framer.h"

#include "base/clock.h"
#include "output_file.h"

/* Frames so small that each test has several. */
#define CUT_FILE  2048
#define CUT_PIECE 4096
#define CUT_TEXT  8192 /* follows from it */
#define COPY_MAX  256
#define CHUNK     512
#define BLOCK     512

static struct framer *make(enum frame_codec codec)
{
    const struct framer_opts opts = { .codec = codec,
                                      .workers = 2,
                                      .sizes = { .cut_file = CUT_FILE,
                                                 .cut_piece = CUT_PIECE,
                                                 .copy_max = COPY_MAX,
                                                 .chunk = CHUNK } };
    struct framer *framer = framer_new(&opts, output_made, NULL);

    assert_non_null(framer);
    return framer;
}

/* Add an entry of size bytes, each of them the first letter of its name. */
static void put(struct framer *framer, const char *name, size_t size, bool packed,
                struct spot *place)
{
    const struct entry_file file = { .path = name, .size = size, .mtime = 1, .packed = packed };
    unsigned char bytes[700];
    size_t at;

    memset(bytes, *name, sizeof(bytes));
    assert_int_equal(framer_begin(framer, &file, place, NULL), 0);
    for (at = 0; at < size; at += sizeof(bytes))
        assert_int_equal(framer_add(framer, bytes,
                                    size - at < sizeof(bytes) ? size - at : sizeof(bytes),
                                    NULL),
                         0);
    assert_int_equal(framer_end(framer, size, NULL), 0);
}

/* Assert that the tar stream has a complete entry there. */
static void assert_entry(const struct buf *tar, const struct spot *place, const char *name,
                         size_t size)
{
    const char *at = tar->data + place->offset;
    size_t i;

    assert_true(place->offset + BLOCK + size <= tar->len);
    assert_string_equal(at, name);
    assert_int_equal(strtoull(at + 124, NULL, 8), size);
    for (i = 0; i < size; i++)
        assert_int_equal(at[BLOCK + i], *name);
}

/* Bytes of the tar stream before a frame. */
static uint64_t plain_before(const struct seek *seek, uint64_t frame)
{
    uint64_t plain = 0;
    size_t i;

    for (i = 0; i < frame; i++)
        plain += seek->rows[i].plain;
    return plain;
}

static void test_two_lanes(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[3] = { { SPOT_NONE, SPOT_NONE, 0 },
                             { SPOT_NONE, SPOT_NONE, 0 },
                             { 0, 0, 0 } };
    struct seek *seek;
    struct buf tar;

    (void)state;
    put(framer, "a", 100, false, &place[0]);
    put(framer, "packed", 200, true, &place[1]);
    put(framer, "b", 300, false, &place[2]);
    assert_int_equal(place[0].frame, SPOT_NONE); /* its frame has not ended */
    put(framer, "packed, nobody asks", 10, true, NULL);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(seek->count, 2);
    assert_int_equal(place[0].frame, place[2].frame);
    assert_int_not_equal(place[0].frame, place[1].frame);
    assert_int_equal(place[1].offset, plain_before(seek, place[1].frame));
    assert_int_equal(place[0].offset, plain_before(seek, place[0].frame));
    assert_int_equal(place[2].offset, place[0].offset + 2 * BLOCK);
    output_read(seek, FRAME_ZSTD, &tar);
    assert_int_equal(tar.len, 8 * BLOCK);
    assert_entry(&tar, &place[0], "a", 100);
    assert_entry(&tar, &place[1], "packed", 200);
    assert_entry(&tar, &place[2], "b", 300);
    buf_clear(&tar);
    framer_free(framer);
}

static void test_a_full_frame_ends_where_a_file_begins(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[6];
    struct seek *seek;
    size_t i;

    (void)state;
    for (i = 0; i < 6; i++) /* four entries of one block fill a frame */
        put(framer, "small", 0, true, &place[i]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(seek->count, 2);
    assert_int_equal(seek->rows[0].plain, CUT_FILE);
    assert_int_equal(place[3].frame, 0);
    assert_int_equal(place[4].frame, 1);
    assert_int_equal(place[4].offset, CUT_FILE);
    framer_free(framer);
}

/* Put an entry of a family. */
static void put_text(struct framer *framer, const char *name, size_t size,
                     enum entry_family family, struct spot *place)
{
    const struct entry_file file = { .path = name, .size = size, .mtime = 1, .family = family };
    static const unsigned char zeros[CUT_PIECE * 4];

    *place = (struct spot){ SPOT_NONE, SPOT_NONE, 0 };
    assert_int_equal(framer_begin(framer, &file, place, NULL), 0);
    assert_int_equal(framer_add(framer, zeros, size, NULL), 0);
    assert_int_equal(framer_end(framer, size, NULL), 0);
}

static void test_each_family_has_a_frame(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[5];
    struct seek *seek;

    (void)state;
    put_text(framer, "page", 100, FAMILY_HTML, &place[0]);
    put_text(framer, "tree", 100, FAMILY_DOM, &place[1]);
    put_text(framer, "page 2", 100, FAMILY_HTML, &place[2]);
    put_text(framer, "log", 100, FAMILY_LOGS, &place[3]);
    put_text(framer, "link to page", 0, FAMILY_HTML, &place[4]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(seek->count, 3);
    assert_int_equal(place[0].frame, place[2].frame);
    assert_int_equal(place[0].frame, place[4].frame);
    assert_true(place[4].offset > place[2].offset);
    assert_int_not_equal(place[0].frame, place[1].frame);
    assert_int_not_equal(place[1].frame, place[3].frame);
    framer_free(framer);
}

/*
 * A frame of a family is filled until the next file does not fit. A file that fits into a frame
 * is not cut, a longer one is cut as other files are.
 */
static void test_a_family_fills_its_frame(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[5];
    struct seek *seek;

    (void)state;
    put_text(framer, "a", 3 * BLOCK, FAMILY_LLM, &place[0]);
    put_text(framer, "b", CUT_TEXT - 5 * BLOCK, FAMILY_LLM, &place[1]); /* just fits */
    put_text(framer, "c", CUT_TEXT - 3 * BLOCK, FAMILY_LLM, &place[2]);
    put_text(framer, "d", 2 * BLOCK, FAMILY_LLM, &place[3]); /* does not fit */
    put_text(framer, "longer than a frame", CUT_TEXT, FAMILY_LLM, &place[4]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(seek->count, 5);
    assert_int_equal(place[0].frame, 0);
    assert_int_equal(place[1].frame, 0);
    assert_int_equal(seek->rows[0].plain, CUT_TEXT);
    assert_int_equal(place[2].frame, 1);
    assert_int_equal(seek->rows[1].plain, CUT_TEXT - 2 * BLOCK);
    assert_int_equal(place[3].frame, 2);
    assert_int_equal(place[4].frame, 2); /* short frames are filled by long files */
    assert_int_equal(seek->rows[2].plain, CUT_PIECE);
    assert_int_equal(seek->rows[3].plain, CUT_PIECE);
    assert_int_equal(seek->rows[4].plain, 4 * BLOCK);
    framer_free(framer);
}

/* All families together hold so little that there are chunks for the next frame. */
static void test_families_are_bounded_together(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[FAMILIES];
    struct spot large;
    struct seek *seek;
    size_t open;
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < FAMILIES; i++) { /* three blocks less than a frame */
        put_text(framer, "x", CUT_TEXT - 4 * BLOCK, (enum entry_family)i, &place[i]);
        for (open = k = 0; k <= i; k++)
            open += place[k].frame == SPOT_NONE;
        assert_int_equal(open, i < 3 ? i + 1 : 3);
    }
    put_text(framer, "large", 4 * CUT_PIECE, FAMILY_HTML, &large);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    for (i = 0; i < 4; i++) /* nothing came between its parts */
        assert_int_equal(seek->rows[large.frame + i].plain, CUT_PIECE);
    framer_free(framer);
}

/* A buffer that returns gives its pages back, and no page of another. */
static void test_buffers_share_no_page(void **state)
{
    struct pool *pool = pool_new(2, 100, NULL);
    struct chunk *one;
    struct chunk *two;

    (void)state;
    pool_lazy(pool, 150);
    one = pool_try(pool);
    two = pool_try(pool);
    assert_true(pool_grow(two, 100) && pool_grow(one, 50));
    assert_false(pool_grow(one, 1)); /* they have all that the pool may have */
    one->data[0] = two->data[0] = 'x';
    chunk_unref(one);
    assert_int_equal(two->data[0], 'x');
    chunk_unref(two);
    pool_free(pool);
}

static void test_old_frames_end(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[3];

    (void)state;
    put_text(framer, "a", 100, FAMILY_HTML, &place[0]);
    framer_age(framer);
    put_text(framer, "b", 100, FAMILY_DOM, &place[1]);
    assert_int_equal(place[0].frame, SPOT_NONE);
    framer_age(framer);
    assert_int_equal(place[0].frame, 0);
    assert_int_equal(place[1].frame, SPOT_NONE);
    put_text(framer, "c", 100, FAMILY_HTML, &place[2]);
    framer_age(framer);
    assert_int_equal(place[1].frame, 1);
    assert_int_equal(place[2].frame, SPOT_NONE); /* a new frame is not old */
    framer_free(framer);
}

/* A large file's frames are adjacent, whatever is pending in the other lane. */
static void test_nothing_comes_between_the_parts_of_a_file(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[3];
    struct seek *seek;
    struct buf tar;

    (void)state;
    put(framer, "waits", 30, false, &place[0]);
    put(framer, "large", 8704, true, &place[1]); /* two full frames, and two blocks */
    put(framer, "after", 30, true, &place[2]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(place[1].frame, 0);
    assert_int_equal(place[1].offset, 0);
    assert_int_equal(seek->rows[0].plain, CUT_PIECE);
    assert_int_equal(seek->rows[1].plain, CUT_PIECE);
    assert_int_equal(seek->rows[2].plain, 2 * BLOCK); /* it ended with the file */
    assert_int_equal(place[0].frame, 3);
    assert_int_equal(place[2].frame, 4); /* what was added last is last */
    assert_int_equal(place[2].offset, 3 * BLOCK + 8704);
    output_read(seek, FRAME_ZSTD, &tar);
    assert_entry(&tar, &place[0], "waits", 30);
    assert_entry(&tar, &place[1], "large", 8704);
    assert_entry(&tar, &place[2], "after", 30);
    buf_clear(&tar);
    framer_free(framer);
}

static void test_without_frames_there_is_one_lane(void **state)
{
    struct framer *framer = make(FRAME_NONE);
    struct spot place[3];
    struct seek *seek;
    struct buf tar;

    (void)state;
    put(framer, "a", 1, false, &place[0]);
    put(framer, "b", 1, true, &place[1]);
    put(framer, "c", 1, false, &place[2]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(place[0].offset, 0);
    assert_int_equal(place[1].offset, 2 * BLOCK);
    assert_int_equal(place[2].offset, 4 * BLOCK);
    assert_int_equal(place[2].frame, SPOT_NONE);
    output_read(seek, FRAME_NONE, &tar);
    assert_entry(&tar, &place[1], "b", 1);
    buf_clear(&tar);
    framer_free(framer);
}

static void test_back_to_the_mark(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place[3];
    struct seek *seek;
    struct buf tar;

    (void)state;
    place[0].frame = SPOT_NONE;
    put(framer, "kept", 100, false, &place[0]);
    framer_mark(framer);
    put(framer, "undone", 6000, true, &place[1]);
    framer_back(framer);
    assert_int_equal(place[0].frame, SPOT_NONE); /* other frames stay open, and as they are */
    framer_mark(framer);
    put(framer, "undone in the same lane", 100, false, &place[1]);
    assert_int_equal(place[0].frame, 0); /* a mark is at the start of a frame */
    framer_back(framer);
    put(framer, "again", 200, true, &place[2]);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(seek->count, 2);
    assert_int_equal(place[2].frame, 1);
    assert_int_equal(place[2].offset, 2 * BLOCK);
    output_read(seek, FRAME_ZSTD, &tar);
    assert_int_equal(tar.len, 4 * BLOCK);
    assert_entry(&tar, &place[0], "kept", 100);
    assert_entry(&tar, &place[2], "again", 200);
    buf_clear(&tar);
    framer_free(framer);
}

static void test_behind_frames_that_are_there(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct spot place;
    struct seek rows = { 0 };
    struct seek *seek;

    (void)state;
    assert_int_equal(seek_add(&rows, 50, 1024, NULL), 0);
    assert_int_equal(seek_add(&rows, 70, 2048, NULL), 0);
    framer_start(framer, &rows, 3072);
    assert_null(rows.rows); /* their place in the stream has changed */
    put(framer, "next", 0, false, &place);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(place.frame, 2);
    assert_int_equal(place.offset, 3072);
    assert_int_equal(seek->count, 3);
    framer_free(framer);
}

/* A long chunk is referenced until its frame is written; a short one is copied. */
static void test_chunks_by_reference(void **state)
{
    struct framer *framer = make(FRAME_ZSTD);
    struct pool *pool = pool_new(2, CHUNK, NULL);
    const struct entry_file file = {
        .path = "x", .size = COPY_MAX - 1 + CHUNK, .mtime = 1, .packed = true
    };
    struct chunk *chunk[2];
    struct spot place;
    struct seek *seek;
    struct buf tar;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        chunk[i] = pool_try(pool);
        chunk[i]->len = i ? CHUNK : COPY_MAX - 1;
        memset(chunk[i]->data, 'x', CHUNK);
    }
    assert_int_equal(framer_begin(framer, &file, &place, NULL), 0);
    for (i = 0; i < 2; i++)
        assert_int_equal(framer_add_chunk(framer, chunk[i], NULL), 0);
    assert_int_equal(atomic_load(&chunk[0]->refs), 1);
    assert_int_equal(atomic_load(&chunk[1]->refs), 2);
    memset(chunk[0]->data, '!', CHUNK); /* it was copied */
    assert_int_equal(framer_end(framer, file.size, NULL), 0);
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    assert_int_equal(atomic_load(&chunk[1]->refs), 1);
    output_read(seek, FRAME_ZSTD, &tar);
    assert_entry(&tar, &place, "x", file.size);
    buf_clear(&tar);
    framer_free(framer);
    chunk_unref(chunk[0]);
    chunk_unref(chunk[1]);
    pool_free(pool);
}

/* How many frames 400 texts, with their headers 1000 KiB, fill. */
static size_t frames_of_texts(struct reserve *reserve, bool lacking)
{
    enum { TEXTS = 400, TEXT = 2048 };
    const struct framer_opts opts = { .codec = FRAME_ZSTD,
                                      .workers = 2,
                                      .sizes = { .cut_file = 8 * CUT_FILE,
                                                 .cut_piece = 8 * CUT_PIECE,
                                                 .copy_max = COPY_MAX,
                                                 .chunk = 8 * CHUNK,
                                                 .cut_most = 32 * CUT_TEXT },
                                      .reserve = reserve };
    struct framer *framer = framer_new(&opts, output_made, NULL);
    struct spot place[TEXTS];
    struct seek *seek;
    struct buf tar;
    size_t count;
    size_t i;

    assert_non_null(framer);
    for (i = 0; i < TEXTS; i++) {
        if (lacking && i == TEXTS / 2)
            reserve_lack(reserve, clock_mono());
        put(framer, "text", TEXT, false, &place[i]);
    }
    assert_int_equal(framer_drain(framer, &seek, NULL), 0);
    count = seek->count;
    output_read(seek, FRAME_ZSTD, &tar);
    for (i = 0; i < TEXTS; i++)
        assert_entry(&tar, &place[i], "text", TEXT);
    buf_clear(&tar);
    framer_free(framer);
    assert_int_equal(output_tear_down(NULL), 0);
    assert_int_equal(output_set_up(NULL), 0);
    return count;
}

/* Frames are longer while memory is lent, and as before when it is needed elsewhere. */
static void test_memory_is_borrowed(void **state)
{
    enum { ALL = 256 * CUT_TEXT };
    struct reserve reserve;

    (void)state;
    assert_int_equal(frames_of_texts(NULL, false), 16);
    reserve_init(&reserve, ALL);
    assert_in_range(frames_of_texts(&reserve, false), 4, 5);
    assert_int_equal(reserve_left(&reserve), ALL); /* it was returned */
    assert_in_range(frames_of_texts(&reserve, true), 6, 14);
    assert_int_equal(reserve_left(&reserve), ALL);
    assert_int_equal(frames_of_texts(&reserve, false), 16); /* for RESERVE_QUIET */
    reserve_init(&reserve, CHUNK); /* less than is borrowed at a time */
    assert_int_equal(frames_of_texts(&reserve, false), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffers_share_no_page),
        cmocka_unit_test_setup_teardown(test_two_lanes, output_set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_frame_ends_where_a_file_begins,
                                        output_set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_each_family_has_a_frame, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_a_family_fills_its_frame, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_families_are_bounded_together, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_old_frames_end, output_set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_comes_between_the_parts_of_a_file,
                                        output_set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_without_frames_there_is_one_lane, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_back_to_the_mark, output_set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_behind_frames_that_are_there, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_memory_is_borrowed, output_set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_chunks_by_reference, output_set_up,
                                        output_tear_down),
    };

    return RUN(tests);
}
