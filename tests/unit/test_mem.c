/* SPDX-License-Identifier: MIT */
/* Regions and tables on a page file. */
#include "base/mem.h"

#include "base/file.h"
#include "base/hashmap.h"
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB    ((size_t)1 << 20)
#define COUNT  ((size_t)200000) /* objects of some 100 bytes: more than stay in memory */
#define THREAD 3

static int fd; /* of the page file that make_file made */

static struct pagefile *make_file(void)
{
    struct pagefile *file;

    fd = file_temp("/tmp", NULL);
    assert_true(fd >= 0);
    file = pagefile_new(fd, NULL);
    assert_non_null(file);
    return file;
}

static uint64_t disk_size(void)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* Fill a region with objects that say which they are. */
static char **fill(struct region *region, size_t count)
{
    char **all = mem_array(count, sizeof(*all), NULL);
    char text[128];
    size_t i;

    assert_non_null(all);
    for (i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%090zu", i);
        all[i] = region_text(region, text, NULL);
        assert_non_null(all[i]);
    }
    return all;
}

static void check(char **all, size_t count)
{
    char text[128];
    size_t i;

    for (i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%090zu", i);
        assert_string_equal(all[i], text);
    }
    mem_free(all);
}

/* Whether the page of an address is mapped into memory. */
static bool is_resident(const char *at)
{
    uint64_t entry = 0;
    int map = open("/proc/self/pagemap", O_RDONLY);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    assert_true(map >= 0);
    assert_int_equal(pread(map, &entry, 8, (off_t)((uintptr_t)at / page * 8)), 8);
    (void)close(map);
    return entry >> 63;
}

static void test_objects_go_to_the_file_and_come_back(void **state)
{
    struct pagefile *file = make_file();
    struct region *region = region_on(file, NULL);
    const char *last;
    char **all;

    (void)state;
    region_free(region);
    region = region_on(file, NULL);
    mem_free(fill(region, 10000));
    assert_int_equal(disk_size(), 0); /* few objects need no file */
    all = fill(region, COUNT);
    last = all[COUNT - 1];
    assert_true(disk_size() > COUNT * 90 - 4 * MIB);
    assert_true(is_resident(last));
    pagefile_trim(file);
    assert_false(is_resident(last));
    assert_int_equal(pagefile_check(file, NULL), 0);
    check(all, COUNT);
    assert_true(is_resident(last));
    pagefile_touch(file, 64 * MIB);
    assert_false(is_resident(last));
    region_free(region);
    pagefile_free(file);
}

static void test_what_is_freed_is_used_again_and_zeroed(void **state)
{
    struct pagefile *file = make_file();
    struct region *stays = region_on(file, NULL);
    char **all = fill(stays, COUNT);
    uint64_t before = 0;
    const char *object;
    int i;

    (void)state;
    for (i = 0; i < 8; i++) {
        struct region *region = region_on(file, NULL);
        char *large = region_take(region, 32 * MIB, NULL);
        size_t k;

        mem_free(fill(region, COUNT));
        assert_non_null(large);
        memset(large, 'x', 32 * MIB);
        if (!i)
            before = disk_size();
        /* a file system counts its own blocks of a file, too */
        assert_in_range(disk_size(), before - MIB, before + MIB);
        region_free(region);
        assert_true(disk_size() < before - 31 * MIB); /* the large object's space is free */
        region = region_on(file, NULL);
        for (k = 0; k < 1000; k++) {
            object = region_take(region, 1000, NULL);
            assert_true(!object[0] && !memcmp(object, object + 1, 999));
        }
        region_free(region);
    }
    check(all, COUNT);
    region_free(stays);
    pagefile_free(file);
}

/* A file that cannot grow any more: space is asked for before a page is written, so that what
 * has no room is in memory, and nothing ends the process. */
static void test_a_file_that_gets_full(void **state)
{
    struct pagefile *file = make_file();
    struct region *region = region_on(file, NULL);
    struct rlimit before;
    struct rlimit full;
    struct stat st;
    char **all;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = (struct rlimit){ 24 * MIB, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    all = fill(region, 2 * COUNT);
    assert_int_equal(fstat(fd, &st), 0);
    assert_in_range(st.st_size, MIB, 24 * MIB);
    assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size); /* all is reserved */
    pagefile_trim(file);
    assert_int_equal(pagefile_check(file, NULL), 0);
    check(all, 2 * COUNT);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    region_free(region);
    pagefile_free(file);
}

/* No space, no file: then the objects are in memory. */
static void test_without_a_file_all_is_in_memory(void **state)
{
    int fds[] = { -1, open("/dev/null", O_RDONLY), open("/proc/self/exe", O_RDONLY) };
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct pagefile *file = pagefile_new(fds[i], NULL);
        struct region *region = region_on(file, NULL);
        char **all = fill(region, COUNT);

        assert_non_null(region_take(region, 32 * MIB, NULL));
        pagefile_trim(file);
        assert_int_equal(pagefile_check(file, NULL), 0);
        check(all, COUNT);
        region_free(region);
        pagefile_free(file);
    }
    pagefile_trim(NULL);
    pagefile_touch(NULL, MIB);
    assert_int_equal(pagefile_check(NULL, NULL), 0);
    pagefile_free(NULL);
}

static void test_a_failed_allocation_is_told(void **state)
{
    struct pagefile *file = make_file();
    struct region *region = region_on(file, NULL);
    struct err err;
    char **all = fill(region, COUNT);

    (void)state;
    mem_fail_at(1, 1);
    assert_null(region_take(region, MIB, &err));
    mem_fail_at(0, 0);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_null(region_take(region, SIZE_MAX - 64, &err));
    check(all, COUNT);
    region_free(region);
    pagefile_free(file);
}

static void *fill_and_check(void *file)
{
    struct region *region = region_on(file, NULL);

    check(fill(region, COUNT), COUNT);
    region_free(region);
    return NULL;
}

static void test_threads(void **state)
{
    struct pagefile *file = make_file();
    pthread_t threads[THREAD];
    int i;

    (void)state;
    for (i = 0; i < THREAD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fill_and_check, file), 0);
    for (i = 0; i < THREAD; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pagefile_free(file);
}

static void test_a_table(void **state)
{
    struct pagefile *file = make_file();
    struct hashmap *table = hashmap_on(file, NULL);
    char key[128];
    uintptr_t i;

    (void)state;
    for (i = 1; i <= COUNT; i++) {
        int len = snprintf(key, sizeof(key), "%090zu", (size_t)i);

        assert_int_equal(hashmap_add(table, key, (size_t)len, (void *)i, NULL), 0);
    }
    pagefile_trim(file);
    assert_true(disk_size() > COUNT * 90 - 4 * MIB);
    for (i = 1; i <= COUNT + 5; i++) {
        int len = snprintf(key, sizeof(key), "%090zu", (size_t)i);

        assert_ptr_equal(hashmap_get(table, key, (size_t)len), i > COUNT ? NULL : (void *)i);
    }
    hashmap_free(table);
    pagefile_free(file);
}

#define ELEMENTS 100000

struct element {
    size_t number;
    char more[100];
};

static void test_elements_stay_in_their_place(void **state)
{
    struct region *region = region_new(NULL);
    struct segments s;
    struct element *first;
    size_t i;

    (void)state;
    segments_init(&s, region, sizeof(struct element));
    assert_int_equal(segments_room(&s), 0);
    assert_int_equal(segments_reach(&s, 1, NULL), 0);
    first = segments_at(&s, 0);
    for (i = 0; i < ELEMENTS; i++) {
        struct element *element;

        assert_int_equal(segments_reach(&s, i + 1, NULL), 0);
        element = segments_at(&s, i);
        assert_int_equal(element->number, 0); /* zeroed, and no other element */
        element->number = i + 1;
    }
    assert_ptr_equal(segments_at(&s, 0), first);
    for (i = 0; i < ELEMENTS; i++)
        assert_int_equal(((struct element *)segments_at(&s, i))->number, i + 1);
    segments_clear(&s);
    segments_clear(&s);
    region_free(region);
}

static void test_segments_without_memory(void **state)
{
    struct region *region = region_new(NULL);
    struct segments s;
    struct err err;
    unsigned long nth;

    (void)state;
    for (nth = 1; nth < 3; nth++) {
        segments_init(&s, region, 1 << 20); /* larger than a block of a region */
        mem_fail_at(nth, 1);
        assert_int_equal(segments_reach(&s, 1, &err), -1);
        mem_fail_at(0, 0);
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_int_equal(segments_room(&s), 0);
        assert_int_equal(segments_reach(&s, 2, &err), 0);
        assert_int_equal(segments_room(&s), 2);
        segments_clear(&s);
    }
    region_free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_go_to_the_file_and_come_back),
        cmocka_unit_test(test_what_is_freed_is_used_again_and_zeroed),
        cmocka_unit_test(test_a_file_that_gets_full),
        cmocka_unit_test(test_without_a_file_all_is_in_memory),
        cmocka_unit_test(test_a_failed_allocation_is_told),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_a_table),
        cmocka_unit_test(test_elements_stay_in_their_place),
        cmocka_unit_test(test_segments_without_memory),
    };

    return RUN(tests);
}
