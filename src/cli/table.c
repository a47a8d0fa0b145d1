/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include "base/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_MAX  400
#define CELLS_MAX ((size_t)TABLE_ROWS_KEPT * TABLE_COLUMNS)

int table_init(struct table *table, const struct table_column *columns, struct err *err)
{
    table->columns = columns;
    while (table->width < TABLE_COLUMNS && columns[table->width].title)
        table->width++;
    table->region = region_new(err);
    return table->region ? 0 : -1;
}

int table_row(struct table *table, const char *const *texts, struct err *err)
{
    char shown[CELL_MAX];
    size_t i;

    if (table->count >= TABLE_ROWS_KEPT * table->width) {
        table_print(table, stdout);
        region_free(table->region);
        table->count = 0;
        table->region = region_new(err);
        if (!table->region)
            return -1;
    }
    for (i = 0; i < table->width; i++) {
        if (mem_room(&table->cells, &table->cap, table->count, sizeof(*table->cells), CELLS_MAX,
                     err) < 0)
            return -1;
        (void)text_shown(shown, sizeof(shown), texts[i] && *texts[i] ? texts[i] : "-");
        table->cells[table->count] = region_copy(table->region, shown, strlen(shown), err);
        if (!table->cells[table->count])
            return -1;
        table->count++;
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

static void print_row(const struct table *table, const char *const *cells, size_t most,
                      FILE *out)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < table->width; i++) {
        size_t w = width_of(cells[i]);
        size_t pad = table->widths[i] > w ? table->widths[i] - w : 0;
        bool last = i + 1 == table->width;
        size_t room = most > used ? most - used : 1;

        if (table->columns[i].right)
            (void)fprintf(out, "%*s%s", (int)pad, "", cells[i]);
        else if (last)
            (void)fprintf(out, "%.*s", cut_at(cells[i], room), cells[i]);
        else
            (void)fprintf(out, "%s%*s", cells[i], (int)pad, "");
        (void)fputs(last ? "\n" : "  ", out);
        used += table->widths[i] + 2;
    }
}

void table_print(struct table *table, FILE *out)
{
    const char *titles[TABLE_COLUMNS];
    struct winsize size;
    size_t most = (size_t)-1;
    size_t i;

    if (!table->count)
        return;
    for (i = 0; i < table->width; i++) {
        titles[i] = table->columns[i].title;
        if (!table->begun)
            table->widths[i] = strlen(titles[i]);
    }
    for (i = 0; i < table->count; i++) {
        size_t w = width_of(table->cells[i]);

        if (w > table->widths[i % table->width])
            table->widths[i % table->width] = w;
    }
    if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        most = size.ws_col;
    if (!table->begun)
        print_row(table, titles, most, out);
    table->begun = true;
    for (i = 0; i < table->count; i += table->width)
        print_row(table, table->cells + i, most, out);
}

void table_clear(struct table *table)
{
    region_free(table->region);
    mem_free(table->cells);
    *table = (struct table){ 0 };
}
