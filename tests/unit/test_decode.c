/* SPDX-License-Identifier: MIT */
/* Encoded bodies: complete ones, and incomplete ones that must be refused. */
#include "unit.h"
#include "writer/decode.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define SIZE 300000

static struct spool spool;
static char text[SIZE];
static char coded[4 * SIZE];

static int set_up(void **state)
{
    unsigned seed = 7;
    size_t i;

    (void)state;
    for (i = 0; i < SIZE; i++)
        text[i] = (char)((seed = seed * 1103515245 + 12345) >> 16 & 0x3f);
    spool = (struct spool){ pool_new(4, CHUNK_SIZE, NULL), "/tmp", NULL, NULL };
    return spool.pool ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(spool.pool);
    return 0;
}

/* Encode bytes; bits: as for deflateInit2, 0: zstd. */
static size_t code(char *to, int bits, const void *bytes, size_t len)
{
    z_stream z = { 0 };

    if (!bits)
        return ZSTD_compress(to, 2 * SIZE, bytes, len, 3);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)to;
    z.avail_out = 2 * SIZE;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    len = z.total_out;
    (void)deflateEnd(&z);
    return len;
}

/*
 * Decode len bytes; the error's kind, or ERR_NONE when that gives the text's first size bytes.
 */
static enum err_kind decode(enum body_coding coding, size_t len, uint64_t max, size_t size)
{
    struct body *body = body_new(NULL);
    struct body *out;
    struct err err;
    char *got = malloc(size + 1);

    err_clear(&err);
    assert_int_equal(body_append(body, &spool, coded, len, NULL), 0);
    out = decode_body(body, coding, &spool, max, &err);
    if (out) {
        assert_int_equal(out->size, size);
        assert_int_equal(body_head(out, got, size + 1), size);
        assert_memory_equal(got, text, size);
    }
    assert_true(!out == (err.kind != ERR_NONE));
    body_free(out);
    body_free(body);
    free(got);
    return err.kind;
}

static void test_codings(void **state)
{
    static const struct {
        enum body_coding coding;
        int bits;
    } cases[] = {
        { CODED_GZIP, 31 }, { CODED_DEFLATE, 15 }, { CODED_DEFLATE, -15 }, { CODED_ZSTD, 0 }
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum body_coding coding = cases[i].coding;
        size_t len = code(coded, cases[i].bits, text, SIZE);
        size_t cut;

        assert_int_equal(decode(coding, len, SIZE, SIZE), ERR_NONE);
        assert_int_equal(decode(coding, len, SIZE - 1, SIZE), ERR_LIMIT);
        for (cut = 1; cut < 12; cut++) /* also within the checksum after the last byte */
            assert_int_equal(decode(coding, len - cut, SIZE, SIZE), ERR_FORMAT);
        assert_int_equal(decode(coding, len / 2, SIZE, SIZE), ERR_FORMAT);
        assert_int_equal(decode(coding, 0, SIZE, SIZE), ERR_FORMAT);
        memcpy(coded + len, "garbage", 7);
        assert_int_equal(decode(coding, len + 7, SIZE, SIZE), ERR_FORMAT);
        assert_int_equal(decode(coding, code(coded, cases[i].bits, text, 0), SIZE, 0),
                         ERR_NONE);
    }
}

/* gzip members and zstd frames may follow each other. */
static void test_several(void **state)
{
    size_t len;

    (void)state;
    len = code(coded, 31, text, 1000);
    len += code(coded + len, 31, text + 1000, SIZE - 1000);
    assert_int_equal(decode(CODED_GZIP, len, SIZE, SIZE), ERR_NONE);
    assert_int_equal(decode(CODED_GZIP, len - 1, SIZE, SIZE), ERR_FORMAT);
    len = code(coded, 0, text, 1000);
    len += code(coded + len, 0, text + 1000, SIZE - 1000);
    assert_int_equal(decode(CODED_ZSTD, len, SIZE, SIZE), ERR_NONE);
    assert_int_equal(decode(CODED_ZSTD, len - 1, SIZE, SIZE), ERR_FORMAT);
}

static void test_bomb(void **state)
{
    size_t size = (size_t)64 << 20;
    void *zeros = calloc(1, size);
    size_t len;

    (void)state;
    len = code(coded, 31, zeros, size);
    assert_int_equal(decode(CODED_GZIP, len, UINT64_MAX, 0), ERR_LIMIT);
    len = code(coded, 0, zeros, size);
    assert_int_equal(decode(CODED_ZSTD, len, UINT64_MAX, 0), ERR_LIMIT);
    free(zeros);
}

/* Valid, but decoding it takes too much memory: it is not broken. */
static void test_window(void **state)
{
    static const char wide[] = "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00"; /* 256 MiB; empty */

    (void)state;
    memcpy(coded, wide, sizeof(wide) - 1);
    assert_int_equal(decode(CODED_ZSTD, sizeof(wide) - 1, SIZE, 0), ERR_LIMIT);
    coded[5] = 0; /* 1 KiB */
    assert_int_equal(decode(CODED_ZSTD, sizeof(wide) - 1, SIZE, 0), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_codings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bomb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
