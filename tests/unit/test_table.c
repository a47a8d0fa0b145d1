/* SPDX-License-Identifier: MIT */
#include "cli/table.h"
#include "unit.h"

#include <string.h>

static const struct table_column columns[] = {
    { "ID", TABLE_TEXT, TABLE_WHOLE, 0 },
    { "TYPE", TABLE_TEXT, 8, 0 },
    { "SIZE", TABLE_NUMBER, 0, 0 },
    { "CREATED", TABLE_TIME, 0, 2 },
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 3 },
    { "PATH", TABLE_TEXT, 16, 1 },
    { NULL, TABLE_TEXT, 0, 0 },
};

/* Fit ID 22, TYPE 24, SIZE 9, CREATED 8, RUN 22, PATH 90 into a width, and compare. */
static void fit(size_t room, const size_t *want)
{
    size_t widths[] = { 22, 24, 9, 8, 22, 90 };
    size_t sum = 0;
    size_t i;

    table_fit(columns, 6, room, widths);
    for (i = 0; i < 6; i++) {
        assert_int_equal(widths[i], want[i]);
        sum += widths[i] ? widths[i] + (sum ? 2 : 0) : 0;
    }
    assert_true(sum <= room);
}

static void test_fit(void **state)
{
    (void)state;
    fit(TABLE_NO_LIMIT, (const size_t[]){ 22, 24, 9, 8, 22, 90 });
    fit(185, (const size_t[]){ 22, 24, 9, 8, 22, 90 });
    fit(120, (const size_t[]){ 22, 24, 9, 8, 22, 25 });
    fit(100, (const size_t[]){ 22, 13, 9, 8, 22, 16 });
    fit(80, (const size_t[]){ 22, 16, 9, 8, 0, 17 });
    fit(55, (const size_t[]){ 22, 10, 9, 8, 0, 0 });
    fit(54, (const size_t[]){ 22, 9, 9, 8, 0, 0 });
    fit(52, (const size_t[]){ 22, 17, 9, 0, 0, 0 });
    fit(44, (const size_t[]){ 22, 9, 9, 0, 0, 0 });
}

static void test_nothing_but_the_first_column(void **state)
{
    static const struct table_column one[] = { { "ID", TABLE_TEXT, TABLE_WHOLE, 0 },
                                               { "SIZE", TABLE_NUMBER, 0, 0 },
                                               { NULL, TABLE_TEXT, 0, 0 } };
    size_t widths[] = { 400, 9 };

    (void)state;
    table_fit(one, 2, 80, widths);
    assert_int_equal(widths[0], 69); /* 400 characters are not an ID */
    assert_int_equal(widths[1], 9);
    widths[0] = 32;
    table_fit(one, 2, 20, widths);
    assert_true(widths[0] + 2 + widths[1] <= 20);
}

/* Print a table, free it, and compare what was printed. */
static void check_printed(struct table *table, const char *want)
{
    char text[1000];
    FILE *out = tmpfile();

    assert_non_null(out);
    table_print(table, out);
    table_clear(table);
    rewind(out);
    text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
    assert_string_equal(text, want);
    (void)fclose(out);
}

/* Without a terminal, each row is printed in full, also beyond the buffered rows. */
static void test_rows(void **state)
{
    struct table table = { 0 };
    const char *cells[TABLE_COLUMNS] = { "a_1", "har", "1.0 KiB", "2026-01-20T11:52:29.276851",
                                         NULL,  "x" };

    (void)state;
    assert_int_equal(table_init(&table, columns, NULL), 0);
    table.room = TABLE_NO_LIMIT;
    assert_int_equal(table_row(&table, cells, NULL), 0);
    check_printed(&table, "ID   TYPE     SIZE  CREATED               RUN  PATH\n"
                          "a_1  har   1.0 KiB  2026-01-20T11:52:29Z  -    x\n");
}

/* On a terminal times are ages, long cells are cut with an ellipsis, statuses coloured. */
static void test_terminal(void **state)
{
    static const struct table_column some[] = {
        { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 },
        { "STATUS", TABLE_STATUS, 0, 0 },
        { "CREATED", TABLE_TIME, 0, 0 },
        { "TITLE", TABLE_TEXT, 8, 0 },
        { NULL, TABLE_TEXT, 0, 0 },
    };
    struct table table = { 0 };
    const char *cells[TABLE_COLUMNS] = { "tsk_1", "failed", "2026-01-20T11:52:29.276851",
                                         "a title\033 that is long" };
    const char *later[TABLE_COLUMNS] = { "tsk_2", "odd", "2026-01-21T11:52:29", "b" };
    const char *odd[TABLE_COLUMNS] = { "tsk_3", "completed", "yesterday", "" };

    (void)state;
    assert_int_equal(table_init(&table, some, NULL), 0);
    table.room = 54;
    table.coloured = true;
    table.now_ms = 1768910000 * INT64_C(1000); /* 11:53:20 */
    assert_int_equal(table_row(&table, cells, NULL), 0);
    assert_int_equal(table_row(&table, later, NULL), 0);
    assert_int_equal(table_row(&table, odd, NULL), 0);
    check_printed(
        &table,
        "RUN    STATUS     CREATED               TITLE\n"
        "tsk_1  \033[31mfailed\033[0m     50s ago               a title\xe2\x80\xa6s long\n"
        "tsk_2  odd        2026-01-21T11:52:29Z  b\n"
        "tsk_3  \033[32mcompleted\033[0m  yesterday             -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_nothing_but_the_first_column),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_terminal),
    };

    return RUN(tests);
}
