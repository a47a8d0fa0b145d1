/* SPDX-License-Identifier: MIT */
/*
 * A bag as a tar stream: the order, what is refused, what changes while it is read.
 */
#include "base/file.h"
#include "reader/bag_stream.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

/* Write a file below the test's folder. */
static void put(const char *path, const char *text)
{
    char full[160];
    FILE *file;

    (void)snprintf(full, sizeof(full), "%s/%s", dir, path);
    file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    char folder[96];

    (void)state;
    strcpy(dir, "/tmp/skyarc-unit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(folder, sizeof(folder), "%s/data", dir);
    if (mkdir(folder, 0700) < 0)
        return -1;
    put("bagit.txt", "BagIt");
    put("data/b", "second");
    put("data/a", "");
    put("manifest.json", "{}");
    return 0;
}

static int tear_down(void **state)
{
    char command[160];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static int open_dir(void)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* Read the stream to its end in pieces; returns its length, or -1. */
static long read_all(struct bag_stream *stream, char *out, size_t size, size_t piece,
                     struct err *err)
{
    size_t len = 0;
    ssize_t n;

    while ((n = bag_stream_read(stream, out + len, size - len < piece ? size - len : piece,
                                err)) > 0)
        len += (size_t)n;
    return n < 0 ? -1 : (long)len;
}

static void test_a_bag_is_known(void **state)
{
    char path[96];

    (void)state;
    assert_true(bag_is(dir));
    (void)snprintf(path, sizeof(path), "%s/data", dir);
    assert_false(bag_is(path));
    (void)snprintf(path, sizeof(path), "%s/bagit.txt", dir);
    assert_false(bag_is(path));
    assert_false(bag_is("/nonexistent"));
}

/* Any size of the pieces gives the same stream; the manifest is first. */
static void test_the_stream(void **state)
{
    static const char *const names[] = { "t/manifest.json", "t/bagit.txt", "t/data/a",
                                         "t/data/b" };
    static char whole[16384];
    static char again[16384];
    int fd = open_dir();
    struct bag_files *files = bag_files_list(fd, NULL);
    size_t at = 0;
    size_t i;
    size_t piece;

    (void)state;
    assert_non_null(files);
    assert_int_equal(bag_files_size(files), 2 + 5 + 6);
    for (piece = 1; piece < 2000; piece = piece * 3 + 1) {
        struct bag_stream *stream = bag_stream_open(files, "t", NULL);

        assert_non_null(stream);
        /* four headers, three files of one block, two blocks at the end */
        assert_int_equal(read_all(stream, again, sizeof(again), piece, NULL), 512 * 9);
        assert_int_equal(bag_stream_read(stream, again, 1, NULL), 0);
        if (piece == 1)
            memcpy(whole, again, sizeof(whole));
        assert_memory_equal(whole, again, 512 * 9);
        bag_stream_free(stream);
    }
    for (i = 0; i < 4; i++) {
        assert_string_equal(whole + at, names[i]);
        at += i == 2 ? 512 : 1024;
    }
    assert_string_equal(whole + 512, "{}");
    bag_files_free(files);
    file_close(&fd);
}

/* Only the content of a file is passed over, not its header or what follows. */
static void test_skip(void **state)
{
    static char bytes[16384];
    int fd = open_dir();
    struct bag_files *files = bag_files_list(fd, NULL);
    struct bag_stream *stream = bag_stream_open(files, "t", NULL);

    (void)state;
    assert_non_null(stream);
    assert_int_equal(bag_stream_skip(stream, 100), 0);
    assert_int_equal(bag_stream_read(stream, bytes, 512, NULL), 512);
    assert_int_equal(bag_stream_skip(stream, 100), 2);
    assert_int_equal(bag_stream_skip(stream, 100), 0);
    assert_int_equal(bag_stream_read(stream, bytes, 511, NULL), 510); /* padding */
    assert_int_equal(bag_stream_read(stream, bytes, 512, NULL), 512);
    assert_string_equal(bytes, "t/bagit.txt");
    bag_stream_free(stream);
    bag_files_free(files);
    file_close(&fd);
}

static void test_changes_are_errors(void **state)
{
    static char bytes[16384];
    char path[96];
    int fd = open_dir();
    struct bag_files *files = bag_files_list(fd, NULL);
    struct bag_stream *stream = bag_stream_open(files, "t", NULL);
    struct err err;

    (void)state;
    assert_non_null(stream);
    put("data/b", "longer than before");
    assert_int_equal(read_all(stream, bytes, sizeof(bytes), 512, &err), -1);
    assert_int_equal(err.kind, ERR_MISMATCH);
    bag_stream_free(stream);
    (void)snprintf(path, sizeof(path), "%s/data/b", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    stream = bag_stream_open(files, "t", NULL);
    assert_int_equal(read_all(stream, bytes, sizeof(bytes), 512, &err), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    bag_stream_free(stream);
    bag_files_free(files);
    assert_null(bag_files_list(fd, &err));
    assert_int_equal(err.kind, ERR_FORMAT);
    file_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_bag_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_skip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_are_errors, set_up, tear_down),
    };

    return RUN(tests);
}
