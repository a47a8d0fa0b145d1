/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include "base/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_MAX  400
#define CELLS_MAX ((size_t)TABLE_ROWS_KEPT * TABLE_COLUMNS)

int table_init(struct table *grid, const struct table_column *columns, struct err *err)
{
    grid->columns = columns;
    while (grid->width < TABLE_COLUMNS && columns[grid->width].title)
        grid->width++;
    grid->region = region_new(err);
    return grid->region ? 0 : -1;
}

int table_row(struct table *grid, const char *const *texts, struct err *err)
{
    char shown[CELL_MAX];
    size_t i;

    if (grid->count >= TABLE_ROWS_KEPT * grid->width) {
        table_print(grid, stdout);
        region_free(grid->region);
        grid->count = 0;
        grid->region = region_new(err);
        if (!grid->region)
            return -1;
    }
    for (i = 0; i < grid->width; i++) {
        if (mem_room(&grid->cells, &grid->cap, grid->count, sizeof(*grid->cells), CELLS_MAX,
                     err) < 0)
            return -1;
        (void)text_shown(shown, sizeof(shown), texts[i] && *texts[i] ? texts[i] : "-");
        grid->cells[grid->count] = region_copy(grid->region, shown, strlen(shown), err);
        if (!grid->cells[grid->count])
            return -1;
        grid->count++;
    }
    return 0;
}

/* Characters in a text, counted as code points. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* The length in bytes of the first `most` characters of a text. */
static int cut_at(const char *text, size_t most)
{
    const char *c = text;
    size_t n = 0;

    for (; *c; c++) {
        if (((unsigned char)*c & 0xc0) != 0x80 && n++ == most)
            break;
    }
    return (int)(c - text);
}

static void print_row(const struct table *grid, const char *const *cells, size_t most,
                      FILE *out)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < grid->width; i++) {
        size_t w = width_of(cells[i]);
        size_t pad = grid->widths[i] > w ? grid->widths[i] - w : 0;
        bool last = i + 1 == grid->width;
        size_t room = most > used ? most - used : 1;

        if (grid->columns[i].right)
            (void)fprintf(out, "%*s%s", (int)pad, "", cells[i]);
        else if (last)
            (void)fprintf(out, "%.*s", cut_at(cells[i], room), cells[i]);
        else
            (void)fprintf(out, "%s%*s", cells[i], (int)pad, "");
        (void)fputs(last ? "\n" : "  ", out);
        used += grid->widths[i] + 2;
    }
}

void table_print(struct table *grid, FILE *out)
{
    const char *titles[TABLE_COLUMNS];
    struct winsize size;
    size_t most = (size_t)-1;
    size_t i;

    if (!grid->count)
        return;
    for (i = 0; i < grid->width; i++) {
        titles[i] = grid->columns[i].title;
        if (!grid->begun)
            grid->widths[i] = strlen(titles[i]);
    }
    for (i = 0; i < grid->count; i++) {
        size_t w = width_of(grid->cells[i]);

        if (w > grid->widths[i % grid->width])
            grid->widths[i % grid->width] = w;
    }
    if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        most = size.ws_col;
    if (!grid->begun)
        print_row(grid, titles, most, out);
    grid->begun = true;
    for (i = 0; i < grid->count; i += grid->width)
        print_row(grid, grid->cells + i, most, out);
}

void table_clear(struct table *grid)
{
    region_free(grid->region);
    mem_free(grid->cells);
    *grid = (struct table){ 0 };
}
