/* SPDX-License-Identifier: MIT */
/*
 * table: rows and columns for people.
 *
 * Rows are buffered so that columns get as wide as their widest cell, up to TABLE_ROWS_KEPT
 * rows. When the buffer is full, its rows are printed to standard output and the buffer is
 * emptied, so that memory does not grow with the number of rows. Cells come from outside and
 * are escaped. On a terminal the last column is truncated at the terminal's width.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of the cells
 * Threads  one
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS   8
#define TABLE_ROWS_KEPT 4096

struct table_column {
    const char *title;
    bool right; /* right-aligned, for numbers */
};

struct table {
    const struct table_column *columns;
    size_t width; /* number of columns */
    struct region *region;
    const char **cells; /* `width` cells per row */
    size_t count;
    size_t cap;
    size_t widths[TABLE_COLUMNS]; /* width of each column so far */
    bool begun;                   /* the titles are printed */
};

/* Start a table. columns: borrowed, ended by a NULL title. table must be {0}. */
int table_init(struct table *table, const struct table_column *columns,
               struct err *err) MUST_CHECK;

/* Add a row: one text per column, NULL for "-". */
int table_row(struct table *table, const char *const *texts, struct err *err) MUST_CHECK;

/* Print the titles and the buffered rows; prints nothing if there were no rows. */
void table_print(struct table *table, FILE *out);

/* Free the rows; may be called twice. */
void table_clear(struct table *table);

#endif
