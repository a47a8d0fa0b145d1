/* SPDX-License-Identifier: MIT */
/* Bodies extracted from ZIPs, in memory and in files. */
#include "base/mem.h"
#include "format/zip.h"
#include "unit.h"
#include "writer/split.h"

#include <stdlib.h>
#include <string.h>

static struct spool spool;

static int set_up(void **state)
{
    (void)state;
    spool = (struct spool){ pool_new(4, CHUNK_SIZE, NULL), "/tmp", NULL, NULL };
    return spool.pool ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(spool.pool);
    return 0;
}

/* Make a body: a small one in chunks, a large one mostly in a file. */
static struct body *body_with(const char *bytes, size_t len)
{
    struct body *body = body_new(NULL);
    size_t at;

    for (at = 0; at < len; at += 50000)
        assert_int_equal(
            body_add(body, &spool, true, bytes + at, len - at < 50000 ? len - at : 50000), 1);
    return body;
}

static char *noise(size_t len)
{
    char *bytes = malloc(len);
    unsigned seed = 7;
    size_t i;

    for (i = 0; i < len; i++)
        bytes[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
    return bytes;
}

static void check_body(struct body *body, const char *bytes, size_t len)
{
    struct body_cursor cursor = { 0 };
    char *got = malloc(len + 1);
    size_t at = 0;
    ssize_t n;

    assert_non_null(body);
    assert_int_equal(body->size, len);
    while ((n = body_read_at(body, &cursor, got + at, len + 1 - at, at, NULL)) > 0)
        at += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(at, len);
    assert_memory_equal(got, bytes, len);
    free(got);
    body_free(body);
}

static void test_zip(void **state)
{
    static const char *const names[] = { "a.txt", "dir/b.bin", "empty" };
    const size_t sizes[] = { 5000, 700000, 0 };
    char *bytes = noise(700000);
    struct split_reader reader;
    struct unzip *unzip;
    struct body *whole;
    struct buf out;
    struct zip *zip;
    size_t i;

    (void)state;
    buf_init(&out, 4 << 20);
    zip = zip_new(0, buf_put, &out, NULL);
    for (i = 0; i < 3; i++) {
        assert_int_equal(zip_entry(zip, names[i], sizes[i], 1, i == 1, NULL), 0);
        assert_int_equal(zip_add(zip, bytes, sizes[i], NULL), 0);
    }
    assert_int_equal(zip_end(zip, NULL), 0);
    zip_free(zip);
    whole = body_with(out.data, out.len);
    assert_true(whole->spilled > 0);
    unzip = split_open(&reader, whole, 1 << 20, NULL);
    assert_non_null(unzip);
    assert_true(unzip_has(unzip, "dir/b.bin"));
    assert_false(unzip_has(unzip, "b.bin"));
    for (i = 0; i < 3; i++) {
        assert_string_equal(unzip_next(unzip, NULL), names[i]);
        check_body(split_entry(unzip, &spool, NULL), bytes, sizes[i]);
    }
    assert_null(unzip_next(unzip, NULL));
    unzip_free(unzip);
    assert_null(split_open(&reader, whole, 600000, NULL)); /* an entry is larger */
    body_free(whole);
    whole = body_with(out.data, out.len / 2);
    assert_null(split_open(&reader, whole, 1 << 20, NULL));
    body_free(whole);
    buf_clear(&out);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_zip, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
