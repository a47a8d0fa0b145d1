/* SPDX-License-Identifier: MIT */
#include "volumes/tail_cache.h"
#include "volumes/work_dir.h"

#include "base/mem.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "2026/11/skyarc-20261124T020000Z.tar.zst"

static const struct location place = { "runs", "night/" };
static const struct location other = { "runs", "day/" };

static void test_the_path(void **state)
{
    struct err err = { 0 };
    char *one;
    char *two;

    (void)state;
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "/s", 1), 0);
    one = work_dir_path(&place, "http://a", NULL, &err);
    two = work_dir_path(&place, "http://b", NULL, &err);
    assert_non_null(one);
    assert_non_null(two);
    assert_memory_equal(one, "/s/skyarc/sync/runs-", 20);
    assert_string_not_equal(one, two); /* equal names of two stores do not meet */
    mem_free(one);
    mem_free(two);
    one = work_dir_path(&place, "", "given", &err);
    assert_string_equal(one, "given");
    mem_free(one);
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_null(work_dir_path(&place, "", NULL, &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

static void test_the_place(void **state)
{
    char dir[] = "/tmp/skyarc-work-XXXXXX";
    char owner[WORK_DIR_OWNER];
    char again[WORK_DIR_OWNER];
    char path[64];
    struct err err = { 0 };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(work_dir_check(dir, &place, &err), 0);
    assert_int_equal(work_dir_make(dir, &place, &err), 0);
    work_dir_owner(dir, owner);
    assert_int_equal(strlen(owner), 16);
    assert_int_equal(work_dir_make(dir, &place, &err), 0);
    work_dir_owner(dir, again);
    assert_string_equal(owner, again);
    assert_int_equal(work_dir_check(dir, &other, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(work_dir_make(dir, &other, &err), -1);
    (void)snprintf(path, sizeof(path), "%s/place", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_the_tails(void **state)
{
    char dir[] = "/tmp/skyarc-work-XXXXXX";
    const uint8_t one[SHA256_SIZE] = { 1 };
    const uint8_t two[SHA256_SIZE] = { 2 };
    struct tail_cache cache = { .dir = dir };
    uint8_t out[SHA256_SIZE];
    char path[64];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_false(tail_cache_get(&cache, NAME, "e", 5, out));
    tail_cache_put(&cache, NAME, "e", 5, one);
    tail_cache_put(&cache, NAME, "f", 6, two); /* the last one counts */
    tail_cache_put(&cache, NAME, "bad\ttag", 6, one);
    tail_cache_clear(&cache);
    (void)snprintf(path, sizeof(path), "%s/tails", dir);
    file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs("rubbish\n" NAME "\tf\tx\ty\n../../etc/passwd\tf\t6\t00\n" NAME "\tg",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_true(tail_cache_get(&cache, NAME, "f", 6, out));
    assert_memory_equal(out, two, SHA256_SIZE);
    assert_false(tail_cache_get(&cache, NAME, "e", 5, out));
    assert_false(tail_cache_get(&cache, NAME, "f", 7, out));
    assert_false(tail_cache_get(&cache, NAME, "", 6, out));
    tail_cache_clear(&cache);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_path),
        cmocka_unit_test(test_the_place),
        cmocka_unit_test(test_the_tails),
    };

    return RUN(tests);
}
