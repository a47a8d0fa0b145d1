/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include "api/secret.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char top[] = "/tmp/skyarc-file-XXXXXX";
static int dir = -1;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(top) || chdir(top) < 0 || mkdir("a", 0700) < 0 || mkdir("a/b", 0700) < 0)
        return -1;
    if (file_put("a/b/file", "x", 1, 0600, NULL) < 0 || symlink("a", "inside") < 0 ||
        symlink("/etc", "outside") < 0 || symlink("file", "a/b/link") < 0 ||
        symlink("../../..", "a/b/up") < 0)
        return -1;
    dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir < 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = { "a/b/file", "a/b/link", "a/b/up", "inside",
                                         "outside" };
    size_t i;

    (void)state;
    file_close(&dir);
    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        (void)unlink(names[i]);
    return rmdir("a/b") < 0 || rmdir("a") < 0 || rmdir(top) < 0;
}

/* The result of each open: 0 for a descriptor, else errno. */
static int walk(const char *path, int flags)
{
    int fd = file_walk(dir, path, flags);
    int error = fd < 0 ? errno : 0;

    file_close(&fd);
    return error;
}

static int beneath(const char *path, int flags, bool links)
{
    int fd = file_beneath(dir, path, flags, links);
    int error = fd < 0 ? errno : 0;

    file_close(&fd);
    return error;
}

static bool knows_openat2(void)
{
    return syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno != ENOSYS;
}

static void test_what_is_beneath(void **state)
{
    (void)state;
    assert_int_equal(walk("a/b/file", O_RDONLY), 0);
    assert_int_equal(beneath("a/b/file", O_RDONLY, false), 0);
    assert_int_equal(walk("a/b", O_PATH | O_DIRECTORY), 0);
    assert_int_equal(walk("a//b/./file", O_RDONLY), 0);
    assert_int_equal(walk("/a/b/file", O_RDONLY), 0); /* inside the directory all the same */
    assert_int_equal(walk("/etc/passwd", O_RDONLY), ENOENT);
    assert_int_equal(walk("a/none", O_RDONLY), ENOENT);
    assert_int_equal(walk("none/file", O_RDONLY), ENOENT);
    assert_int_equal(walk("a/b/file/x", O_RDONLY), ENOTDIR);
    if (knows_openat2()) /* without it no link is followed */
        assert_int_equal(beneath("inside/b/link", O_RDONLY, true), 0);
}

static void test_what_leads_elsewhere(void **state)
{
    static const char *const paths[] = { "..", "../x", "a/../a/b/file", "a/b/..", "a/.." };
    static const char *const links[] = { "inside/b/file", "outside/passwd", "a/b/link",
                                         "a/b/up/etc/passwd", "outside" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        assert_int_equal(walk(paths[i], O_RDONLY), EXDEV);
    for (i = 0; i < sizeof(links) / sizeof(*links); i++) {
        int error = walk(links[i], O_RDONLY);

        assert_true(error == ELOOP || error == ENOTDIR);
        assert_true(beneath(links[i], O_RDONLY, false) != 0);
    }
    assert_true(beneath("outside/passwd", O_RDONLY, true) != 0);
    assert_true(beneath("a/b/up/etc/passwd", O_RDONLY, true) != 0);
}

/* Ask to stop the third time, and count. */
static bool third(void *ctx)
{
    return ++*(unsigned *)ctx >= 3;
}

static void test_a_pipe_without_a_reader_is_left_when_stopped(void **state)
{
    unsigned asked = 0;
    struct stop stop = { third, -1, &asked };
    struct err err;
    int reader;
    int fd;

    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(file_open_to_write("pipe", stop, &err), -1); /* no signal arrives */
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(asked, 3);
    reader = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    fd = file_open_to_write("pipe", stop_never(), &err);
    assert_true(fd >= 0);
    file_close(&fd);
    file_close(&reader);
    assert_int_equal(unlink("pipe"), 0);
}

static void test_a_pipe_whose_writer_waits_is_left_when_stopped(void **state)
{
    unsigned asked = 0;
    struct stop stop = { third, -1, &asked };
    struct buf got;
    struct err err;
    int writer;

    (void)state;
    buf_init(&got, 16);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(file_load("pipe", stop, &got, &err), -1); /* nobody writes, no signal */
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(asked, 3);
    asked = 0;
    writer = open("pipe", O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_int_equal(file_write(writer, "key", 3, &err), 0);
    assert_int_equal(file_load("pipe", stop, &got, &err), -1); /* and no end comes */
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.data, "key", 3);
    asked = 0;
    assert_null(secret_load("pipe", stop, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    buf_clear(&got);
    file_close(&writer);
    assert_int_equal(unlink("pipe"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_beneath),
        cmocka_unit_test(test_what_leads_elsewhere),
        cmocka_unit_test(test_a_pipe_without_a_reader_is_left_when_stopped),
        cmocka_unit_test(test_a_pipe_whose_writer_waits_is_left_when_stopped),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
