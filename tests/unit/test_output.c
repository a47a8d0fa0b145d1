/* SPDX-License-Identifier: MIT */
/*
 * Outputs, hashed by another thread: the digest is that of the file's bytes, whatever the sizes
 * of the pieces, after marks and ways back, after a start in the middle, and after failures.
 */
#include "writer/output.h"

#include "base/clock.h"
#include "output_file.h"
#include "writer/async_write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define SIZE ((size_t)5 << 20)

static unsigned char bytes[SIZE];

static int set_up(void **state)
{
    size_t i;

    for (i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251 + i / 65537);
    return output_set_up(state);
}

static void put(size_t from, size_t len)
{
    assert_int_equal(output_put(output_made, bytes + from, len, NULL), 0);
}

/* Commit: the file has these bytes, and the digest is theirs. */
static void check(const struct buf *expected)
{
    struct sha256 *sha = sha256_new(NULL);
    uint8_t want[SHA256_SIZE];
    uint8_t got[SHA256_SIZE];
    struct buf file;

    buf_init(&file, 4 * SIZE);
    assert_int_equal(output_commit(output_made, got, NULL), 0);
    assert_int_equal(file_load(output_path, stop_never(), &file, NULL), 0);
    assert_int_equal(file.len, expected->len);
    assert_memory_equal(file.data, expected->data, file.len);
    sha256_add(sha, file.data, file.len);
    sha256_end(sha, want);
    assert_memory_equal(got, want, SHA256_SIZE);
    sha256_free(sha);
    buf_clear(&file);
}

static void check_bytes(size_t len)
{
    struct buf expected;

    buf_init(&expected, 4 * SIZE);
    assert_int_equal(buf_put(&expected, bytes, len, NULL), 0);
    check(&expected);
    buf_clear(&expected);
}

static void test_pieces_of_all_sizes(void **state)
{
    size_t at = 0;
    size_t len = 1;

    (void)state;
    while (at < SIZE) {
        size_t n = len < SIZE - at ? len : SIZE - at;

        put(at, n);
        at += n;
        len = len * 3 % 700001 + 1;
    }
    assert_int_equal(output_offset(output_made), SIZE);
    check_bytes(SIZE);
}

static void test_lengths_around_a_buffer(void **state)
{
    static const size_t lens[] = { 0,
                                   1,
                                   ASYNC_WRITE_ALIGN - 1,
                                   ASYNC_WRITE_ALIGN,
                                   ASYNC_WRITE_BUFFER - 1,
                                   ASYNC_WRITE_BUFFER,
                                   ASYNC_WRITE_BUFFER + 1,
                                   3 * ASYNC_WRITE_BUFFER,
                                   4 * ASYNC_WRITE_BUFFER + 1 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        put(0, lens[i]);
        check_bytes(lens[i]);
        assert_int_equal(output_tear_down(NULL), 0);
        assert_int_equal(output_set_up(NULL), 0);
    }
}

static void test_marks_and_ways_back(void **state)
{
    struct buf expected;
    size_t i;

    (void)state;
    buf_init(&expected, 4 * SIZE);
    for (i = 0; i < 40; i++) {
        size_t from = i * 1013;
        size_t len = 1 + i * 9973;

        put(from, len);
        assert_int_equal(buf_put(&expected, bytes + from, len, NULL), 0);
        if (i % 3 == 0) {
            assert_int_equal(output_mark(output_made, NULL), 0);
            put(3, i * 50021); /* removed, up to twice */
            assert_int_equal(output_back(output_made, NULL), 0);
            put(9, i % 2 ? 0 : 700000);
            assert_int_equal(output_back(output_made, NULL), 0);
        }
    }
    check(&expected);
    buf_clear(&expected);
}

/* Start in the middle of a file: what was kept is not hashed again. */
static void test_a_start_after_kept_bytes(void **state)
{
    static const size_t kept[] = { 1, ASYNC_WRITE_ALIGN, 10000, 700001 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        struct sha256 *sha = sha256_new(NULL);

        put(0, 2000000);
        output_free(output_made, true);
        output_made = output_open(output_path, false, 0600, false, true, stop_never(), NULL);
        assert_true(output_left(output_made) >= 0);
        sha256_add(sha, bytes, kept[i]);
        assert_int_equal(output_start(output_made, kept[i], sha, NULL), 0);
        assert_int_equal(output_mark(output_made, NULL), 0);
        put(5, 600000);
        assert_int_equal(output_back(output_made, NULL), 0);
        put(kept[i], SIZE - kept[i]);
        check_bytes(SIZE);
        sha256_free(sha);
        assert_int_equal(output_tear_down(NULL), 0);
        assert_int_equal(output_set_up(NULL), 0);
    }
}

static void test_without_a_digest(void **state)
{
    static const uint8_t none[SHA256_SIZE];
    struct sha256 *sha = sha256_new(NULL);
    uint8_t got[SHA256_SIZE] = { 1 };
    struct buf file;

    (void)state;
    output_free(output_made, false);
    output_made = output_open(output_path, false, 0600, false, false, stop_never(), NULL);
    assert_int_equal(output_start(output_made, 0, sha, NULL), 0);
    assert_int_equal(output_mark(output_made, NULL), 0);
    put(7, 1300000);
    assert_int_equal(output_back(output_made, NULL), 0);
    put(0, SIZE);
    assert_int_equal(output_commit(output_made, got, NULL), 0);
    assert_memory_equal(got, none, SHA256_SIZE);
    buf_init(&file, 4 * SIZE);
    assert_int_equal(file_load(output_path, stop_never(), &file, NULL), 0);
    assert_int_equal(file.len, SIZE);
    assert_memory_equal(file.data, bytes, SIZE);
    buf_clear(&file);
    sha256_free(sha);
}

/* A full disk: every later call returns, the first error is reported, marks fail. */
static void test_a_full_disk(void **state)
{
    struct output *full = output_open("/dev/full", true, 0600, false, true, stop_never(), NULL);
    uint64_t deadline = clock_mono() + 20000;
    uint8_t sha256[SHA256_SIZE];
    struct err err;
    int rc = 0;

    (void)state;
    assert_non_null(full);
    assert_int_equal(output_start(full, 0, NULL, NULL), 0);
    err_clear(&err);
    while (rc == 0 && clock_mono() < deadline)
        rc = output_put(full, bytes, SIZE, &err);
    assert_int_equal(rc, -1);
    assert_int_equal(err.os, ENOSPC);
    assert_int_equal(output_mark(full, NULL), -1);
    assert_int_equal(output_put(full, bytes, 1, NULL), -1);
    assert_int_equal(output_commit(full, sha256, NULL), -1);
    output_free(full, false);
}

static void *abort_later(void *ctx)
{
    (void)usleep(100000);
    output_abort(ctx);
    return NULL;
}

/*
 * A pipe that nobody reads: after output_abort nothing waits, with buffers written or hashed.
 */
static void test_abort_ends_all_waits(void **state)
{
    struct output *to;
    char path[160];
    pthread_t thread;
    struct err err;
    int rc = 0;
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/fifo", output_dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    to = output_open(path, true, 0600, false, true, stop_never(), NULL);
    assert_non_null(to);
    assert_int_equal(output_start(to, 0, NULL, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, abort_later, to), 0);
    err_clear(&err);
    while (rc == 0)
        rc = output_put(to, bytes, SIZE, &err);
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    output_free(to, true);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
}

/* What was saved is in the file before the buffer is full, also its last incomplete block. */
static void test_saved_before_it_is_full(void **state)
{
    struct buf file;
    char partial[160];

    (void)state;
    (void)snprintf(partial, sizeof(partial), "%s.partial", output_path);
    put(0, ASYNC_WRITE_BUFFER + 5000);
    assert_int_equal(output_save(output_made, NULL), 0);
    buf_init(&file, 4 * SIZE);
    while (file.len < ASYNC_WRITE_BUFFER) { /* the full buffer is written by another thread */
        buf_reset(&file);
        assert_int_equal(file_load(partial, stop_never(), &file, NULL), 0);
    }
    assert_true(file.len >= ASYNC_WRITE_BUFFER + 5000);
    assert_memory_equal(file.data + ASYNC_WRITE_BUFFER, bytes + ASYNC_WRITE_BUFFER, 5000);
    put(ASYNC_WRITE_BUFFER + 5000, 100);
    assert_int_equal(output_save(output_made, NULL), 0);
    put(ASYNC_WRITE_BUFFER + 5100, 7);
    check_bytes(ASYNC_WRITE_BUFFER + 5107);
    buf_clear(&file);
}

/* Freed with buffers in all stages. */
static void test_given_up(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 12; i++) {
        put(0, i * 300000);
        assert_int_equal(output_tear_down(NULL), 0);
        assert_int_equal(output_set_up(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_of_all_sizes, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_lengths_around_a_buffer, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_marks_and_ways_back, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_a_start_after_kept_bytes, set_up,
                                        output_tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_digest, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_abort_ends_all_waits, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_saved_before_it_is_full, set_up, output_tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, set_up, output_tear_down),
    };

    return RUN(tests);
}
