/* SPDX-License-Identifier: MIT */
/*
 * table: rows and columns for people.
 *
 * Rows are kept until printed, so that columns are as wide as they must be, but
 * no more than TABLE_ROWS_KEPT: when there are more, those go to standard output
 * with the widths that they need, and so on; so memory does not grow with rows.
 * Cells are escaped, since they come from elsewhere. On a terminal the last
 * column is cut at its width.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of its cells
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
    bool right; /* numbers */
};

struct table {
    const struct table_column *columns;
    size_t width; /* how many */
    struct region *region;
    const char **cells; /* width a row */
    size_t count;
    size_t cap;
    size_t widths[TABLE_COLUMNS]; /* as wide as rows needed so far */
    bool begun;                   /* the title is printed */
};

/* columns: an array that ends with a NULL title; lent. grid must be {0}. */
int table_init(struct table *grid, const struct table_column *columns,
               struct err *err) MUST_CHECK;

/* Add a row; as many texts as there are columns, NULL for "-". */
int table_row(struct table *grid, const char *const *texts, struct err *err) MUST_CHECK;

/* Print title and rows, or what is left of them; nothing at all when there were no rows. */
void table_print(struct table *grid, FILE *out);

/* Free a grid's rows; may be called twice. */
void table_clear(struct table *grid);

#endif
