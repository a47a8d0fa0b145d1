/* SPDX-License-Identifier: MIT */
/* Bodies: in chunks while the pool has any, else in a file. */
#include "unit.h"
#include "writer/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        assert_int_equal(body_add(body, spool, spill, piece, sizeof(piece), NULL), 1);
}

static void test_full(void **state)
{
    struct spool spool = { pool_new(4, CHUNK_SIZE, NULL), "/tmp", &files };
    struct body *body = body_new(NULL);
    int i;
    int rc = 1;

    (void)state;
    for (i = 0; rc == 1 && i < 1000; i++)
        rc = body_add(body, &spool, false, piece, sizeof(piece), NULL);
    assert_int_equal(rc, 0); /* no byte of the last piece was accepted */
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
    struct spool spool = { pool_new(1, CHUNK_SIZE, NULL), "/tmp", &files };
    struct chunk *other = pool_try(spool.pool);
    struct body *body = body_new(NULL);
    char head[4];

    (void)state;
    assert_non_null(other);
    assert_int_equal(body_add(body, &spool, false, piece, sizeof(piece), NULL), 0);
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
    struct spool spool = { pool_new(2, CHUNK_SIZE, NULL), "/tmp", &files };
    struct body *body = body_new(NULL);

    (void)state;
    body_lend(body, pool_try(spool.pool));
    check_bytes(body);
    add(body, &spool, false, 20);
    check_bytes(body);
    assert_int_equal(body_park(body, &spool, NULL), 0);
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
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_chunk),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_borrowed),
    };

    memset(piece, 'x', sizeof(piece));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
