/* SPDX-License-Identifier: MIT */
/*
 * A directory being written: names, permissions, volume_back, and an earlier attempt.
 */
#include "unit.h"
#include "writer/tree.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAG "data/r/a"

static char dir[64];
static char bag[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/skyarc-unit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(bag, sizeof(bag), "%s/bag", dir);
    return 0;
}

static int tear_down(void **state)
{
    char command[160];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

/* A path below the test's folder; the next call overwrites it. */
static const char *at(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void put(struct tree *tree, const char *path, const char *text)
{
    const struct entry_file file = { .path = path, .size = strlen(text), .mtime = 7 };

    assert_int_equal(tree_begin(tree, &file, NULL), 0);
    assert_int_equal(tree_add(tree, text, strlen(text), NULL), 0);
    assert_int_equal(tree_end(tree, NULL), 0);
}

static struct tree *begin(bool force, unsigned mode)
{
    struct tree *tree = tree_open(bag, force, mode, NULL);

    assert_non_null(tree);
    assert_int_equal(tree_start(tree, NULL, 0, NULL), 0);
    return tree;
}

static void make_bag(bool force, unsigned mode, const char *name)
{
    struct tree *tree = begin(force, mode);

    char listed[128];

    (void)snprintf(listed, sizeof(listed), "%064d  %s\n", 0, name);
    put(tree, name, "hello");
    put(tree, "bagit.txt", "x");
    put(tree, "manifest-sha256.txt", listed);
    assert_int_equal(tree_commit(tree, NULL), 0);
    tree_free(tree, true);
}

static void test_a_directory_is_whole_or_not_there(void **state)
{
    struct tree *tree = begin(false, 0640);
    const struct entry_file link = { .path = "data/r/b", .link = BAG };
    struct stat st;
    struct stat other;

    (void)state;
    put(tree, BAG, "hello");
    assert_true(tree_links(tree));
    assert_int_equal(tree_begin(tree, &link, NULL), 0);
    assert_int_equal(tree_size(tree), 5);
    assert_int_equal(stat(bag, &st), -1);
    assert_int_equal(stat(at("bag.partial"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(at("bag.partial/" BAG), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(tree_commit(tree, NULL), 0);
    tree_free(tree, false);
    assert_int_equal(stat(at("bag/" BAG), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_mtime, 7);
    assert_int_equal(stat(at("bag/data/r/b"), &other), 0);
    assert_int_equal(st.st_ino, other.st_ino);
    assert_int_equal(stat(at("bag/data"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    assert_int_equal(access(at("bag.partial"), F_OK), -1);
}

static void test_the_way_back(void **state)
{
    struct tree *tree = begin(false, 0600);

    (void)state;
    tree_mark(tree);
    put(tree, BAG, "gone");
    assert_int_equal(tree_back(tree, NULL), 0);
    assert_int_equal(access(at("bag.partial/" BAG), F_OK), -1);
    tree_mark(tree);
    assert_int_equal(
        tree_begin(tree, &(struct entry_file){ .path = "data/r/half", .size = 9 }, NULL), 0);
    assert_int_equal(tree_add(tree, "half", 4, NULL), 0);
    assert_int_equal(tree_back(tree, NULL), 0);
    assert_int_equal(tree_size(tree), 0);
    put(tree, "data/r/half", "whole");
    tree_free(tree, false);
    assert_int_equal(access(at("bag.partial"), F_OK), -1);
}

static void test_names_stay_inside(void **state)
{
    struct tree *tree = begin(false, 0600);
    const char *const bad[] = { "../x", "/x", "data/../../x", "data//x", "" };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < 5; i++) {
        assert_int_equal(tree_begin(tree, &(struct entry_file){ .path = bad[i] }, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
    }
    tree_free(tree, false);
}

static void write_file(const char *path)
{
    FILE *file = fopen(at(path), "w");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void test_only_a_bag_is_replaced(void **state)
{
    struct err err;

    (void)state;
    make_bag(false, 0600, BAG);
    assert_null(tree_open(bag, false, 0600, &err));
    assert_int_equal(err.kind, ERR_EXISTS);
    make_bag(true, 0600, "data/r/new");
    assert_int_equal(access(at("bag/data/r/new"), F_OK), 0);
    assert_int_equal(access(at("bag/" BAG), F_OK), -1);
    assert_int_equal(access(at("bag.partial"), F_OK), -1);
    assert_int_equal(mkdir(at("bag/mine"), 0700), 0);
    assert_null(tree_open(bag, true, 0600, &err));
    assert_int_equal(err.kind, ERR_EXISTS);
    assert_int_equal(access(at("bag/mine"), F_OK), 0);
    assert_int_equal(rmdir(at("bag/mine")), 0);
    write_file("bag/data/r/mine"); /* also deep inside */
    assert_null(tree_open(bag, true, 0600, &err));
    assert_int_equal(err.kind, ERR_EXISTS);
    assert_non_null(strstr(err.text, "data/r/mine"));
    assert_int_equal(access(at("bag/data/r/mine"), F_OK), 0);
}

static void test_what_was_left(void **state)
{
    struct tree *tree = begin(false, 0600);
    struct hashmap *kept = hashmap_new(NULL);
    struct tree_left left;
    struct err err;

    (void)state;
    put(tree, BAG, "hello");
    put(tree, "data/r/loose", "hello");
    put(tree, "data/r/linked", "hello");
    put(tree, "data/r/open", "hello");
    assert_null(tree_open(bag, false, 0600, &err)); /* it is locked */
    assert_int_equal(err.kind, ERR_BUSY);
    tree_free(tree, true);
    assert_int_equal(symlink("a", at("bag.partial/data/r/soft")), 0);
    assert_int_equal(mkfifo(at("bag.partial/data/r/pipe"), 0600), 0);
    assert_int_equal(chmod(at("bag.partial/data/r/open"), 0666), 0);
    {
        char from[256];

        (void)snprintf(from, sizeof(from), "%s", at("bag.partial/data/r/linked"));
        assert_int_equal(link(from, at("outside")), 0);
    }
    tree = tree_open(bag, false, 0600, NULL);
    assert_non_null(tree);
    assert_true(tree_has_left(tree));
    assert_int_equal(tree_survey(tree, NULL), 0);
    assert_false(tree_look(tree, "data/r/soft", &left));
    assert_false(tree_look(tree, "data/r/pipe", &left));
    assert_false(tree_look(tree, "data/r/open", &left));
    assert_false(tree_look(tree, "data/r/linked", &left));
    assert_false(tree_look(tree, "data/r", &left));
    assert_false(tree_look(tree, "../outside", &left));
    assert_true(tree_look(tree, BAG, &left));
    assert_int_equal(left.size, 5);
    assert_int_equal(close(left.fd), 0);
    assert_int_equal(hashmap_add(kept, BAG, strlen(BAG), kept, NULL), 0);
    assert_int_equal(tree_start(tree, kept, 5, NULL), 0);
    assert_int_equal(tree_size(tree), 5);
    assert_int_equal(access(at("bag.partial/" BAG), F_OK), 0);
    assert_int_equal(access(at("bag.partial/data/r/loose"), F_OK), -1);
    assert_int_equal(access(at("bag.partial/data/r/open"), F_OK), -1);
    assert_int_equal(access(at("outside"), F_OK), 0);
    tree_free(tree, true);
    hashmap_free(kept);
}

static void test_strange_things_in_the_way(void **state)
{
    struct err err;
    struct tree *tree;

    (void)state;
    assert_int_equal(mkdir(at("outside"), 0700), 0);
    assert_int_equal(symlink("outside", at("bag.partial")), 0);
    tree = begin(false, 0600); /* the link is removed, not followed */
    put(tree, BAG, "hello");
    tree_free(tree, false);
    assert_int_equal(rmdir(at("outside")), 0);
    assert_int_equal(mkdir(at("bag.partial"), 0700), 0);
    assert_int_equal(chmod(at("bag.partial"), 0777), 0);
    assert_null(tree_open(bag, false, 0600, &err));
    assert_int_equal(err.kind, ERR_EXISTS);
    assert_int_equal(chmod(at("bag.partial"), 0700), 0);
    assert_int_equal(mkdir(at("bag.partial/mine"), 0700), 0);
    assert_null(tree_open(bag, false, 0600, &err));
    assert_int_equal(err.kind, ERR_EXISTS);
    assert_int_equal(access(at("bag.partial/mine"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_directory_is_whole_or_not_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_way_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_stay_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_a_bag_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strange_things_in_the_way, set_up, tear_down),
    };

    return RUN(tests);
}
