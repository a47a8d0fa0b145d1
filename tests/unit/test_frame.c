/* SPDX-License-Identifier: MIT */
#include "format/frame.h"
#include "format/seek.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define SIZE (3 * FRAME_PART_MAX + 777)

/* Code the parts of one text; returns the frame in *out. */
static void code(enum frame_codec codec, bool store, unsigned char *bytes, size_t size,
                 struct buf *out)
{
    struct frame_coder *coder = frame_coder_new(codec, 0, NULL);
    struct iovec parts[8];
    struct buf coded;
    size_t count = 0;
    size_t at = 0;

    while (at < size) {
        size_t n = size - at < FRAME_PART_MAX ? size - at : FRAME_PART_MAX;

        parts[count++] = (struct iovec){ bytes + at, n };
        at += n;
    }
    buf_init(&coded, 1 << 24);
    buf_init(out, 1 << 24);
    assert_non_null(coder);
    assert_int_equal(frame_code(coder, parts, count, size, &store, &coded, NULL), 0);
    assert_int_equal(frame_emit(codec, &(struct frame_parts){ parts, count, store, &coded },
                                buf_put, out, NULL),
                     0);
    buf_clear(&coded);
    frame_coder_free(coder);
}

static unsigned char *text(void)
{
    unsigned char *bytes = malloc(SIZE);
    size_t i;

    for (i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)("abcdefgh"[(i * i >> 7) & 7]);
    return bytes;
}

/* Decode a whole frame; the codec's own checks must pass. */
static void decode_zstd(const struct buf *frame, unsigned char *back)
{
    assert_int_equal(ZSTD_getFrameContentSize(frame->data, frame->len), SIZE);
    assert_int_equal(ZSTD_findFrameCompressedSize(frame->data, frame->len), frame->len);
    assert_int_equal(ZSTD_decompress(back, SIZE, frame->data, frame->len), SIZE);
}

static void decode_gzip(const struct buf *frame, unsigned char *back)
{
    z_stream z = { 0 };

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)frame->data;
    z.avail_in = (uInt)frame->len;
    z.next_out = back;
    z.avail_out = SIZE;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    (void)inflateEnd(&z);
}

static void test_coded_and_stored_frames(void **state)
{
    static const struct {
        enum frame_codec codec;
        bool store;
        void (*decode)(const struct buf *frame, unsigned char *back);
    } cases[] = {
        { FRAME_ZSTD, false, decode_zstd },
        { FRAME_ZSTD, true, decode_zstd },
        { FRAME_GZIP, false, decode_gzip },
        { FRAME_GZIP, true, decode_gzip },
    };
    unsigned char *bytes = text();
    unsigned char *back = malloc(SIZE);
    struct buf out;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        memset(back, 0, SIZE);
        code(cases[i].codec, cases[i].store, bytes, SIZE, &out);
        cases[i].decode(&out, back);
        assert_memory_equal(back, bytes, SIZE);
        assert_true(cases[i].store ? out.len > SIZE : out.len < SIZE / 2);
        buf_clear(&out);
    }
    free(bytes);
    free(back);
}

static void test_a_zstd_frame_has_a_checksum(void **state)
{
    unsigned char *bytes = text();
    unsigned char *back = malloc(SIZE);
    struct buf out;
    int store;

    (void)state;
    for (store = 0; store < 2; store++) {
        code(FRAME_ZSTD, store, bytes, SIZE, &out);
        out.data[out.len / 2] ^= 1;
        assert_true(ZSTD_isError(ZSTD_decompress(back, SIZE, out.data, out.len)));
        buf_clear(&out);
    }
    free(bytes);
    free(back);
}

static void test_none_and_empty(void **state)
{
    unsigned char bytes[5] = "abcd";
    struct buf out;

    (void)state;
    code(FRAME_NONE, false, bytes, 4, &out);
    assert_string_equal(buf_text(&out), "abcd");
    buf_clear(&out);
    code(FRAME_ZSTD, true, bytes, 0, &out);
    assert_int_equal(ZSTD_getFrameContentSize(out.data, out.len), 0);
    buf_clear(&out);
}

static void test_seek_tail(void **state)
{
    struct seek_locator locator = { .frame = 1, .coded = 100, .plain = 400, .size = 50 };
    struct seek seek = { 0 };
    struct buf out;
    char sink[16];
    int i;

    (void)state;
    for (i = 0; i < 3; i++)
        assert_int_equal(seek_add(&seek, 100, 400, NULL), 0);
    seek_cut(&seek, 2);
    assert_int_equal(seek.coded, 200);
    assert_int_equal(seek.plain, 800);
    buf_init(&out, 1 << 20);
    assert_int_equal(seek_tail(&seek, FRAME_ZSTD, &locator, &out, NULL), 0);
    assert_int_equal(out.len, 8 + SEEK_LOCATOR_SIZE + 8 + 3 * 8 + 9);
    assert_int_equal(ZSTD_decompress(sink, sizeof(sink), out.data, out.len), 0); /* skipped */
    assert_int_equal(seek_add(&seek, UINT64_C(1) << 32, 1, NULL), -1);
    buf_reset(&out);
    assert_int_equal(seek_tail(&seek, FRAME_NONE, &locator, &out, NULL), 0);
    assert_int_equal(out.len, 0);
    buf_clear(&out);
    seek_clear(&seek);
}

static int read_tail(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct buf *archive = ctx;

    (void)err;
    assert_true(at <= archive->len && len <= archive->len - at);
    memcpy(bytes, archive->data + at, len);
    return 0;
}

/* Read a table of one frame of 100 bytes with this content size; 1: it is accepted. */
static int load_claim(enum frame_codec codec, uint64_t plain, struct err *err)
{
    static const char frame[100];
    struct seek_locator locator = { .size = 50 };
    struct seek made = { 0 };
    struct seek seek = { 0 };
    struct buf archive;
    int rc;

    buf_init(&archive, 1 << 20);
    assert_int_equal(buf_add(&archive, frame, sizeof(frame), NULL), 0);
    assert_int_equal(seek_add(&made, sizeof(frame), plain, NULL), 0);
    assert_int_equal(seek_tail(&made, codec, &locator, &archive, NULL), 0);
    rc = seek_load(&seek, codec, &locator, read_tail, &archive, archive.len, err);
    seek_clear(&made);
    seek_clear(&seek);
    buf_clear(&archive);
    return rc;
}

static void test_largest_frame(void **state)
{
    static const enum frame_codec codecs[] = { FRAME_ZSTD, FRAME_GZIP };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        assert_int_equal(load_claim(codecs[i], SEEK_PLAIN_MAX, &err), 1);
        assert_int_equal(load_claim(codecs[i], SEEK_PLAIN_MAX + 1, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_int_equal(load_claim(codecs[i], 0, &err), -1);
    }
}

/* The end of an archive with a table of *ctx frames, of which no other byte is read. */
static int read_count(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const uint32_t *count = ctx;
    unsigned char foot[9] = { 0 };
    uint32_t magic = SEEK_MAGIC;

    (void)at;
    if (len != sizeof(foot))
        return err_set(err, ERR_SYSTEM, "read beyond the count");
    memcpy(foot, count, sizeof(*count));
    memcpy(foot + 5, &magic, sizeof(magic));
    memcpy(bytes, foot, sizeof(foot));
    return 0;
}

static void test_most_frames(void **state)
{
    struct seek full = { .count = SEEK_ROWS_MAX, .cap = SEEK_ROWS_MAX };
    uint32_t count = SEEK_ROWS_MAX;
    struct seek_locator locator;
    struct seek seek = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(seek_add(&full, 1, 1, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(
        seek_load(&seek, FRAME_ZSTD, &locator, read_count, &count, UINT64_C(1) << 40, &err),
        -1);
    assert_int_equal(err.kind, ERR_SYSTEM); /* this many are accepted */
    count++;
    assert_int_equal(
        seek_load(&seek, FRAME_ZSTD, &locator, read_count, &count, UINT64_C(1) << 40, &err),
        -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(seek.count, 0);
}

/* Bisection finds the same row as a linear search, also at the bounds. */
static void test_seek_find(void **state)
{
    struct seek seek = { 0 };
    uint64_t begin_coded = 0;
    uint64_t begin_plain = 0;
    uint64_t coded;
    uint64_t plain;
    size_t i;

    (void)state;
    assert_int_equal(seek_find(&seek, 0, &coded, &plain), 0);
    for (i = 0; i < 1000; i++)
        assert_int_equal(seek_add(&seek, 10 + i % 7, 100 + i * 13 % 50, NULL), 0);
    seek_cut(&seek, 700);
    for (i = 700; i < 1000; i++)
        assert_int_equal(seek_add(&seek, 3, 1 + i % 3, NULL), 0);
    for (i = 0; i < seek.count; i++) {
        uint64_t last = begin_plain + seek.rows[i].plain - 1;

        assert_int_equal(seek_find(&seek, begin_plain, &coded, &plain), i);
        assert_true(coded == begin_coded && plain == begin_plain);
        assert_int_equal(seek_find(&seek, last, &coded, &plain), i);
        begin_coded += seek.rows[i].coded;
        begin_plain += seek.rows[i].plain;
    }
    assert_int_equal(seek_find(&seek, begin_plain, &coded, &plain), seek.count);
    assert_true(coded == seek.coded && plain == seek.plain);
    assert_int_equal(seek_find(&seek, UINT64_MAX, &coded, &plain), seek.count);
    seek_clear(&seek);
}

/* After frame_coder_hurry frames are stored, although compression was requested. */
static void test_hurried(void **state)
{
    static const enum frame_codec codecs[] = { FRAME_ZSTD, FRAME_GZIP };
    unsigned char *bytes = text();
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct frame_coder *coder = frame_coder_new(codecs[i], 0, NULL);
        struct iovec part = { bytes, FRAME_PART_MAX };
        atomic_bool hurried = false;
        bool store = false;
        struct buf coded;

        assert_non_null(coder);
        buf_init(&coded, 1 << 24);
        frame_coder_watch(coder, &hurried);
        assert_int_equal(frame_code(coder, &part, 1, FRAME_PART_MAX, &store, &coded, NULL), 0);
        assert_false(store);
        assert_in_range(coded.len, 20, FRAME_PART_MAX / 8);
        buf_reset(&coded);
        hurried = true;
        assert_int_equal(frame_code(coder, &part, 1, FRAME_PART_MAX, &store, &coded, NULL), 0);
        assert_true(store);
        if (codecs[i] ==
            FRAME_GZIP) /* zstd's block headers are added between the parts by frame_emit */
            assert_in_range(coded.len, FRAME_PART_MAX, FRAME_PART_MAX + 256);
        buf_clear(&coded);
        frame_coder_free(coder);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hurried),
        cmocka_unit_test(test_coded_and_stored_frames),
        cmocka_unit_test(test_a_zstd_frame_has_a_checksum),
        cmocka_unit_test(test_none_and_empty),
        cmocka_unit_test(test_seek_tail),
        cmocka_unit_test(test_largest_frame),
        cmocka_unit_test(test_most_frames),
        cmocka_unit_test(test_seek_find),
    };

    return RUN(tests);
}
