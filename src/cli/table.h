/* SPDX-License-Identifier: MIT */
/*
 * table: rows and columns for people.
 *
 * Rows are buffered so that columns get as wide as their widest cell, up to TABLE_ROWS_KEPT
 * rows or TABLE_BYTES_KEPT bytes. When the buffer is full, its rows are printed to standard
 * output and the buffer is emptied, so that memory does not grow with the number of rows. Cells
 * come from outside and are escaped.
 *
 * A terminal gets a table that fits its width: columns of little use are left out, and texts
 * are shortened in the middle (table_fit); times are ages, and statuses have colours
 * (cli/colour). Elsewhere nothing is cut, and times are RFC 3339.
 *
 * Units    columns of a terminal; milliseconds since 1970
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
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS    8
#define TABLE_ROWS_KEPT  4096
#define TABLE_BYTES_KEPT ((size_t)16 << 20)
/* `min` of a column of IDs, which users copy: up to this many columns they are not shortened */
#define TABLE_WHOLE      32
#define TABLE_NO_LIMIT   SIZE_MAX /* the width of what is not a terminal */

enum table_kind {
    TABLE_TEXT,
    TABLE_NUMBER, /* right-aligned */
    TABLE_TIME, /* an ISO 8601 time, as clock_us parses it; other texts are shown as they are */
    TABLE_STATUS, /* a run's status */
};

struct table_column {
    const char *title;
    enum table_kind kind;
    size_t min;    /* a longer cell may be shortened to this width; 0: it is not shortened */
    unsigned drop; /* the higher, the earlier the column is left out; 0: never */
};

struct table {
    const struct table_column *columns;
    size_t width; /* number of columns */
    struct region *region;
    const char **cells; /* `width` cells per row */
    size_t count;
    size_t cap;
    size_t bytes;                 /* of the buffered cells */
    size_t widths[TABLE_COLUMNS]; /* width of each column so far; 0: it is left out */
    bool begun;                   /* the titles are printed */
    size_t room;                  /* the terminal's width, or TABLE_NO_LIMIT */
    bool coloured;
    int64_t now_ms;
};

/* Start a table for standard output. columns: borrowed, ended by a NULL title. table must be
 * {0}. */
int table_init(struct table *table, const struct table_column *columns,
               struct err *err) MUST_CHECK;

/* Add a row: one text per column, NULL for "-". */
int table_row(struct table *table, const char *const *texts, struct err *err) MUST_CHECK;

/* Print the titles and the buffered rows; prints nothing if there were no rows. */
void table_print(struct table *table, FILE *out);

/* Print a text in place of a table without rows, such as "no runs": on a terminal only. */
void table_none(const char *text);

/* Free the rows; may be called twice. */
void table_clear(struct table *table);

/*
 * Fit columns into a width.
 *
 * widths   in: the width of each column's widest cell; out: the width to print, 0 if the column
 *          is left out
 */
void table_fit(const struct table_column *columns, size_t count, size_t room, size_t *widths);

#endif
