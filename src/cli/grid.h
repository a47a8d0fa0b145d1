/* SPDX-License-Identifier: MIT */
/*
 * grid: rows and columns for people.
 *
 * Rows are kept until printed, so that columns are as wide as they must be;
 * cells are escaped, since they come from elsewhere. On a terminal the last
 * column is cut at its width.
 *
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     copies of its cells
 * Threads  one
 */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GRID_COLUMNS 8

struct grid_column {
    const char *title;
    bool right; /* numbers */
};

struct grid {
    const struct grid_column *columns;
    size_t width; /* how many */
    struct region *region;
    const char **cells; /* width a row */
    size_t count;
    size_t cap;
};

/* columns: an array that ends with a NULL title; lent. grid must be {0}. */
int grid_init(struct grid *grid, const struct grid_column *columns, struct err *err) MUST_CHECK;

/* Add a row; as many texts as there are columns, NULL for "-". */
int grid_row(struct grid *grid, const char *const *texts, struct err *err) MUST_CHECK;

/* Print title and rows; nothing at all when there are no rows. */
void grid_print(const struct grid *grid, FILE *out);

void grid_clear(struct grid *grid);

#endif
