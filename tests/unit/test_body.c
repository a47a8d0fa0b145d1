/* SPDX-License-Identifier: MIT */
/* Bodies: in chunks while the pool has any, else in a file. */
#include "unit.h"
#include "writer/body.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char piece[10007];
static atomic_uint files;

static void check_bytes(const struct body *body)
{
    struct body_cursor cursor = { 0 };
    unsigned char *scratch = malloc(CHUNK_SIZE);
    const unsigned char *bytes;
    struct chunk *chunk;
    uint64_t total = 0;
    ssize_t n;

    while ((n = body_next(body, &cursor, scratch, &bytes, &chunk, NULL)) > 0) {
        assert_int_equal(bytes[0] == 'x' && bytes[n - 1] == 'x', 1);
        total += (uint64_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(total, body->size);
    free(scratch);
}

static void add(struct body *body, const struct spool *spool, bool spill, int count)
{
    while (count--)
        assert_true(body_add(body, spool, spill, piece, sizeof(piece)));
}

static void test_full(void **state)
{
    struct spool spool = { pool_new(4, CHUNK_SIZE, NULL), "/tmp", &files, NULL };
    struct body *body = body_new(NULL);
    int i;
    bool taken = true;

    (void)state;
    for (i = 0; taken && i < 1000; i++)
        taken = body_add(body, &spool, false, piece, sizeof(piece));
    assert_false(taken); /* no byte of the last piece was accepted */
    assert_int_equal(body->size, (uint64_t)(i - 1) * sizeof(piece));
    assert_int_equal(atomic_load(&files), 0);
    add(body, &spool, true, 200);
    assert_int_equal(atomic_load(&files), 1);
    check_bytes(body);
    body_free(body);
    assert_int_equal(atomic_load(&files), 0);
    pool_free(spool.pool); /* asserts that every chunk was returned */
}

/* A body whose pool is exhausted continues in a file, from its first byte on. */
static void test_no_chunk(void **state)
{
    struct spool spool = { pool_new(1, CHUNK_SIZE, NULL), "/tmp", &files, NULL };
    struct chunk *other = pool_try(spool.pool);
    struct body *body = body_new(NULL);
    char head[4];

    (void)state;
    assert_non_null(other);
    assert_false(body_add(body, &spool, false, piece, sizeof(piece)));
    assert_int_equal(body->size, 0);
    add(body, &spool, true, 40);
    check_bytes(body);
    assert_int_equal(body_head(body, head, sizeof(head)), 4);
    assert_memory_equal(head, "xxxx", 4);
    chunk_unref(other);
    add(body, &spool, false, 40); /* it stays in its file, which has its bytes in order */
    check_bytes(body);
    body_free(body);
    pool_free(spool.pool);
}

/* A body whose first chunk is given when it is made. */
static void test_lent(void **state)
{
    struct spool spool = { pool_new(2, CHUNK_SIZE, NULL), "/tmp", &files, NULL };
    struct body *body = body_new(NULL);

    (void)state;
    body_lend(body, pool_try(spool.pool));
    check_bytes(body);
    add(body, &spool, false, 20);
    check_bytes(body);
    assert_true(body_park(body, &spool));
    assert_null(body->first);
    check_bytes(body);
    body_lend(body, pool_try(spool.pool));
    check_bytes(body);
    add(body, &spool, false, 40);
    check_bytes(body);
    body_free(body);
    pool_free(spool.pool);
}

/* Bodies of a text and of a part of a file, which belong to somebody else. */
/* The body's bytes are 0, 1, 2, ... modulo 251. */
static void check_counting(const struct body *body)
{
    struct body_cursor cursor = { 0 };
    unsigned char *scratch = malloc(CHUNK_SIZE);
    const unsigned char *bytes;
    struct chunk *chunk;
    uint64_t at = 0;
    ssize_t n;

    while ((n = body_next(body, &cursor, scratch, &bytes, &chunk, NULL)) > 0) {
        for (ssize_t i = 0; i < n; i++, at++)
            assert_int_equal(bytes[i], at % 251);
    }
    assert_int_equal(n, 0);
    assert_int_equal(at, body->size);
    free(scratch);
}

/* Add pieces of such bytes until one is refused. */
static void count_up(struct body *body, const struct spool *spool, bool spill, uint64_t most)
{
    bool taken = true;

    while (taken && body->size < most) {
        uint64_t before = body->size;
        size_t i;

        for (i = 0; i < sizeof(piece); i++)
            piece[i] = (char)((before + i) % 251);
        taken = body_add(body, spool, spill, piece, sizeof(piece));
        assert_int_equal(body->size, taken ? before + sizeof(piece) : before);
    }
    memset(piece, 'x', sizeof(piece));
}

/* Without a usable directory a body has the pool alone, and keeps its bytes. */
static void test_no_file(void **state)
{
    static const char *const dirs[] = { "/nonexistent/dir", "/dev/null" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        atomic_bool barred = false;
        struct spool spool = { pool_new(2, CHUNK_SIZE, NULL), dirs[i], &files, &barred };
        struct body *body = body_new(NULL);
        struct err err;

        count_up(body, &spool, true, UINT64_MAX);
        assert_true(barred && spool_barred(&spool));
        assert_true(body->size > 2 * CHUNK_SIZE - sizeof(piece));
        assert_int_equal(body->fd, -1);
        assert_int_equal(atomic_load(&files), 0);
        assert_int_equal(body_chunks(body), 2);
        assert_false(body_park(body, &spool));
        check_counting(body);
        assert_int_equal(body_append(body, &spool, piece, sizeof(piece), &err), -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        body_free(body);
        pool_free(spool.pool);
    }
}

/* A file that gets full: its body goes on in chunks, after the bytes of the file. */
static void test_full_file(void **state)
{
    struct rlimit before;
    struct rlimit small = { 300000, RLIM_INFINITY };
    atomic_bool barred = false;
    struct spool spool = { pool_new(2, CHUNK_SIZE, NULL), "/tmp", &files, &barred };
    struct chunk *other = pool_try(spool.pool);
    struct body *body = body_new(NULL);
    struct body *second = body_new(NULL);
    char byte;

    (void)state;
    assert_non_null(other);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    count_up(body, &spool, true, UINT64_MAX);
    assert_true(spool_barred(&spool));
    assert_true(body->fd >= 0 && body->spilled > 200000 && body->spilled <= 300000);
    assert_int_equal(atomic_load(&files), 1);
    check_counting(body);
    chunk_unref(other);
    count_up(body, &spool, false, UINT64_MAX); /* there is a chunk now */
    assert_int_equal(body_chunks(body), 2);
    check_counting(body);
    assert_int_equal(
        body_read_at(body, &(struct body_cursor){ 0 }, &byte, 1, body->size - 1, NULL), 1);
    assert_int_equal((unsigned char)byte, (body->size - 1) % 251);
    assert_false(body_add(second, &spool, true, piece, sizeof(piece)));
    assert_int_equal(second->fd, -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    body_free(body);
    body_free(second);
    assert_int_equal(atomic_load(&files), 0);
    pool_free(spool.pool);
}

/* A copied file goes into chunks if it has to. */
static void test_file_copied_without_files(void **state)
{
    atomic_bool barred = false;
    struct spool spool = { pool_new(2, CHUNK_SIZE, NULL), "/nonexistent", NULL, &barred };
    char name[] = "/tmp/skyarc-unit-XXXXXX";
    int fd = mkstemp(name);
    struct body *body;
    struct err err;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    memset(piece, 'x', sizeof(piece));
    while (lseek(fd, 0, SEEK_CUR) < 200000)
        assert_int_equal(write(fd, piece, sizeof(piece)), sizeof(piece));
    body = body_of_file(fd, &spool, 1 << 20, &err);
    assert_non_null(body);
    check_bytes(body);
    body_free(body);
    assert_null(body_of_file(fd, &spool, 100000, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    while (lseek(fd, 0, SEEK_CUR) < 300000)
        assert_int_equal(write(fd, piece, sizeof(piece)), sizeof(piece));
    assert_null(body_of_file(fd, &spool, 1 << 20, &err));
    assert_int_equal(err.kind, ERR_BUSY);
    (void)close(fd);
    pool_free(spool.pool);
}

static void test_borrowed(void **state)
{
    FILE *file = tmpfile();
    struct body *part = body_of_part(fileno(file), 3, 2 * sizeof(piece), NULL);
    struct body *text = body_of_borrowed(piece, sizeof(piece), NULL);
    struct body_cursor cursor = { 0 };
    char bytes[5];

    (void)state;
    assert_int_equal(fwrite("abc", 1, 3, file), 3);
    assert_int_equal(fwrite(piece, 1, sizeof(piece), file), sizeof(piece));
    assert_int_equal(fwrite(piece, 1, sizeof(piece), file), sizeof(piece));
    assert_int_equal(fwrite("def", 1, 3, file), 3);
    assert_int_equal(fflush(file), 0);
    check_bytes(part);
    assert_int_equal(
        body_read_at(part, &cursor, bytes, sizeof(bytes), 2 * sizeof(piece) - 4, NULL), 4);
    assert_memory_equal(bytes, "xxxx", 4);
    check_bytes(text);
    body_free(part);
    body_free(text);
    assert_int_equal(piece[0], 'x');
    assert_int_equal(fclose(file), 0); /* it is still open */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),      cmocka_unit_test(test_no_chunk),
        cmocka_unit_test(test_lent),      cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_full_file), cmocka_unit_test(test_file_copied_without_files),
        cmocka_unit_test(test_borrowed),
    };

    memset(piece, 'x', sizeof(piece));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
