/* SPDX-License-Identifier: MIT */
#include "cmdutil/idlist.h"

#include "base/log.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct idlist list;
static struct err err;

static int set_up(void **state)
{
    int fd;

    (void)state;
    log_setup(LOG_ERROR, 0); /* an empty list is a warning */
    err_clear(&err);
    (void)snprintf(path, sizeof(path), "/tmp/skyarc-idlist-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    idlist_clear(&list);
    idlist_clear(&list);
    return unlink(path);
}

/* Load a file of these bytes. */
static int load(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return idlist_load(&list, path, &err);
}

/* The IDs, with a blank between. */
static const char *ids(void)
{
    static char text[256];
    size_t i;

    *text = '\0';
    for (i = 0; i < list.count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                       list.ids[i]);
    return text;
}

static void test_ids_and_pages(void **state)
{
    static const char *const bad[] = { "",
                                       "../x",
                                       "tsk 1",
                                       "tsk_1\n",
                                       "tsk_\xc3\xa9",
                                       "https://h/x",
                                       "https://h/runs/",
                                       "https://h/runs/?x",
                                       "runs/tsk_1",
                                       "app.skyvern.com/tsk",
                                       "app.skyvern.com/workflows/wpid_1",
                                       "https://h/workflows/wpid_1/edit",
                                       "https://wr_1/x",
                                       "tsk_1.example" };
    size_t i;

    (void)state;
    assert_int_equal(idlist_add(&list, "tsk_1", "argument 1", &err), 0);
    assert_int_equal(idlist_add(&list, "wr-2", "argument 2", &err), 0);
    assert_int_equal(idlist_add(&list, "tsk_1", "argument 3", &err), 0); /* once */
    assert_int_equal(idlist_add(&list, "https://h:1/runs/tsk_3/actions?a=1#b", "x", &err), 0);
    assert_int_equal(idlist_add(&list, "https://h/runs/wr-2#top", "x", &err), 0);
    assert_int_equal(idlist_add(&list, "h.example/runs/tsk_3/", "x", &err), 0);
    assert_int_equal(idlist_add(&list, "127.0.0.1:80/tasks/own", "x", &err), 0);
    assert_int_equal(
        idlist_add(&list, "https://h/workflows/wpid_1/wr_5/overview?a=1", "x", &err), 0);
    assert_int_equal(idlist_add(&list, "h:1/workflows/wpid_1/wr_5#b", "x", &err), 0);
    assert_string_equal(ids(), "tsk_1 wr-2 tsk_3 own wr_5");
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(idlist_add(&list, bad[i], "argument 9", &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_int_equal(strncmp(err.text, "argument 9: ", 12), 0);
    }
    assert_int_equal(list.count, 5);
}

static void test_lines_of_a_file(void **state)
{
    static const char text[] = "# a good week\n\ntsk_1\r\n  tsk_2\t# why\ntsk_3#\n   \n"
                               "https://h/#/runs/tsk_4#top # again\ntsk_5";

    (void)state;
    assert_int_equal(load(text, sizeof(text) - 1), 0);
    assert_string_equal(ids(), "tsk_1 tsk_2 tsk_3 tsk_4 tsk_5");
    assert_int_equal(load("", 0), 0);
    assert_int_equal(load("tsk_6\n\ntsk 7\ntsk_8\n", 19), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.text, "line 3"));
    assert_int_equal(idlist_load(&list, "/nonexistent/ids", &err), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
}

/* Bytes after a zero byte are not ignored. */
static void test_a_file_that_is_no_text(void **state)
{
    (void)state;
    assert_int_equal(load("tsk_1\0\ntsk_2\n", 13), -1);
    assert_int_equal(err.kind, ERR_USAGE);
}

static void test_operands_and_files(void **state)
{
    char operand[] = "tsk_9";
    char wrong[] = "tsk 9";
    char *operands[] = { operand, wrong };
    const char *file = path;
    struct opt_list none = { 0 };
    struct opt_list files = { .at = (void *)&file, .count = 1 };

    (void)state;
    assert_int_equal(idlist_collect(&list, 0, NULL, &none, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_int_equal(load("# nothing\n", 10), 0);
    assert_int_equal(idlist_collect(&list, 0, NULL, &files, &err), 0); /* nothing to do */
    assert_int_equal(list.count, 0);
    assert_int_equal(idlist_collect(&list, 1, operands, &files, &err), 0);
    assert_string_equal(ids(), "tsk_9");
    assert_int_equal(idlist_collect(&list, 2, operands, &files, &err), -1);
    assert_non_null(strstr(err.text, "argument 2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ids_and_pages),
        TEST(test_lines_of_a_file),
        TEST(test_a_file_that_is_no_text),
        TEST(test_operands_and_files),
    };

    return RUN(tests);
}
