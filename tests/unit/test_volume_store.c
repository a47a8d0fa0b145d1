/* SPDX-License-Identifier: MIT */
#include "volumes/volume_store.h"

#include "base/mem.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_names(void **state)
{
    struct volume_name n;
    char out[VOLUME_NAME];

    (void)state;
    assert_true(volume_name_parse(&n, "2026/11/skyarc-20261124T020000Z-12-r3.tar.zst"));
    assert_string_equal(n.stem, "2026/11/skyarc-20261124T020000Z-12");
    assert_string_equal(n.top, "skyarc-20261124T020000Z-12-r3");
    assert_string_equal(n.stamp, "20261124T020000Z");
    assert_int_equal(n.number, 12);
    assert_int_equal(n.revision, 3);
    assert_string_equal(n.suffix, ".tar.zst");
    volume_name_revision(out, &n, 4);
    assert_string_equal(out, "2026/11/skyarc-20261124T020000Z-12-r4.tar.zst");
    volume_name_revision(out, &n, 0);
    assert_string_equal(out, "2026/11/skyarc-20261124T020000Z-12.tar.zst");
    assert_true(volume_name_parse(&n, "2026/11/skyarc-20261124T020000Z.tar"));
    assert_int_equal(n.number, 1);
    assert_int_equal(n.revision, 0);
}

static void test_what_is_no_name(void **state)
{
    static const char *const names[] = {
        "",
        "skyarc-20261124T020000Z.tar",
        "2026/11/skyarc-20261124T020000Z.tar.zst.damaged",
        "2026/11/skyarc-20261124T020000Z.tar.zst.partial",
        "2026/11/../skyarc-20261124T020000Z.tar.zst",
        "../../11/skyarc-20261124T020000Z.tar.zst",
        "2026/11/skyarc-/etc/passwd",
        "2026/11/skyarc-.tar",
        "2026/11/skyarc-20261124T020000Z-0.tar",
        "2026/11/skyarc-20261124T020000Z-r0.tar",
        "2026/11/skyarc-20261124T020000Z.zip",
        "2026/1x/skyarc-20261124T020000Z.tar",
        "/026/11/skyarc-20261124T020000Z.tar",
    };
    const struct volume_store store = { .place = "/nowhere", .dir = "/nowhere" };
    struct volume_name n;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(volume_name_parse(&n, names[i]));
        assert_null(volume_store_read(&store, names[i], &err));
        assert_int_equal(err.kind, ERR_FORMAT);
    }
}

static void test_order(void **state)
{
    static const char *const names[] = {
        "2026/10/skyarc-20261031T020000Z.tar.zst",
        "2026/11/skyarc-20261124T020000Z-r1.tar.zst",
        "2026/11/skyarc-20261124T020000Z-2.tar.zst",
        "2026/11/skyarc-20261124T020000Z-2-r1.tar.zst",
        "2026/11/skyarc-20261124T020000Z-10.tar.zst",
        "2026/11/skyarc-20261124T020001Z.tar.zst",
    };
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < 6; i++) {
        for (k = 0; k < 6; k++)
            assert_int_equal(volume_name_compare(names[i], names[k]) < 0, i < k);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Remove a file beside a volume; asserts whether it existed. */
static void gone(const char *volume, const char *suffix, int there)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s%s", volume, suffix);
    assert_int_equal(unlink(path) == 0, there);
}

/* Remove the empty folders of a store. */
static void remove_folders(const char *dir)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/2026/11", dir);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/2026", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_set_aside(void **state)
{
    static const char name[] = "2026/11/skyarc-20261124T020000Z.tar";
    char dir[] = "/tmp/skyarc-store-XXXXXX";
    char path[256];
    char out[VOLUME_NAME];
    const struct volume_store store = { .place = dir, .dir = dir };
    struct volume_seen seen;
    struct err err;
    char *at;

    (void)state;
    assert_non_null(mkdtemp(dir));
    at = volume_store_write(&store, name, &err);
    assert_non_null(at);
    assert_int_equal(volume_store_look(&store, name, &seen, &err), 0);
    write_file(at, "one");
    (void)snprintf(path, sizeof(path), "%s.sig", at);
    write_file(path, "signature");
    assert_int_equal(volume_store_look(&store, name, &seen, &err), 1);
    assert_int_equal(seen.size, 3);
    assert_int_equal(volume_store_set_aside(&store, name, "damaged", out, &err), 0);
    assert_string_equal(out, "2026/11/skyarc-20261124T020000Z.tar.damaged");
    write_file(at, "two");
    assert_int_equal(volume_store_set_aside(&store, name, "damaged", out, &err), 0);
    assert_string_equal(out, "2026/11/skyarc-20261124T020000Z.tar.damaged-2");
    /* only the remains of attempts are removed */
    write_file(path, "of nothing");
    (void)snprintf(path, sizeof(path), "%s.partial", at);
    write_file(path, "half");
    assert_int_equal(volume_store_sweep(&store, &err), 0);
    gone(at, "", 0);
    gone(at, ".sig", 0);
    gone(at, ".partial", 0);
    gone(at, ".damaged", 1);
    gone(at, ".damaged.sig", 1);
    gone(at, ".damaged-2", 1);
    remove_folders(dir);
    mem_free(at);
}

static int on_name(void *ctx, const char *name, uint64_t size, struct err *err)
{
    (void)name;
    (void)size;
    (void)err;
    ++*(int *)ctx;
    return 0;
}

/* Check a path that is a volume's name and not a regular file: it is seen, not read, and set
 * aside as what it is. */
static void check_other(const struct volume_store *store, const char *name, const char *at)
{
    char out[VOLUME_NAME];
    char path[512];
    struct volume_seen seen = { .regular = true };
    struct stat before;
    struct stat after;
    struct err err;
    int count = 0;

    assert_int_equal(lstat(at, &before), 0);
    assert_int_equal(volume_store_look(store, name, &seen, &err), 1);
    assert_false(seen.regular);
    assert_int_equal(volume_store_each(store, on_name, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(volume_store_sweep(store, &err), 0);
    assert_int_equal(volume_store_set_aside(store, name, "differs", out, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", store->dir, out);
    assert_int_equal(lstat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(volume_store_look(store, name, &seen, &err), 0);
    assert_int_equal(remove(path), 0);
}

static void test_what_is_no_file(void **state)
{
    static const char name[] = "2026/11/skyarc-20261124T020000Z.tar";
    char dir[] = "/tmp/skyarc-store-XXXXXX";
    const struct volume_store store = { .place = dir, .dir = dir };
    struct err err;
    char *at;

    (void)state;
    assert_non_null(mkdtemp(dir));
    at = volume_store_write(&store, name, &err);
    assert_non_null(at);
    assert_int_equal(mkfifo(at, 0600), 0);
    check_other(&store, name, at);
    assert_int_equal(mkdir(at, 0700), 0);
    check_other(&store, name, at);
    assert_int_equal(symlink("/dev/zero", at), 0);
    check_other(&store, name, at);
    assert_int_equal(symlink("/proc/self/exe", at), 0);
    check_other(&store, name, at);
    assert_int_equal(symlink("nowhere", at), 0);
    check_other(&store, name, at);
    remove_folders(dir);
    mem_free(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_order),           cmocka_unit_test(test_set_aside),
        cmocka_unit_test(test_what_is_no_file),
    };

    return RUN(tests);
}
