/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/colour.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELLS_MAX    ((size_t)TABLE_ROWS_KEPT * TABLE_COLUMNS)
#define GAP          2   /* columns between two cells */
#define USUAL_MAX    400 /* room for a cell, unless it is larger */
#define TERMINAL_MIN 20  /* a narrower terminal is not one to fit into */

int table_init(struct table *table, const struct table_column *columns, struct err *err)
{
    struct winsize size;

    table->columns = columns;
    while (table->width < TABLE_COLUMNS && columns[table->width].title)
        table->width++;
    table->room = TABLE_NO_LIMIT;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col >= TERMINAL_MIN)
        table->room = size.ws_col;
    table->coloured = colour_possible();
    table->now_ms = clock_wall();
    table->region = region_new(err);
    return table->region ? 0 : -1;
}

/* A time as the table shows it; NULL: the text is no time. */
static const char *time_shown(const struct table *table, char out[CLOCK_TEXT_MAX],
                              const char *text)
{
    int64_t us = clock_us(text);
    int64_t age = us == CLOCK_NONE ? 0 : table->now_ms - us / 1000;

    _Static_assert(CLOCK_TEXT_MAX >= TEXT_SIZE_MAX, "an age fits where a time fits");
    if (us == CLOCK_NONE)
        return NULL;
    if (table->room != TABLE_NO_LIMIT && age >= 0)
        return text_ago(out, (uint64_t)age / 1000);
    return clock_format(out, us / 1000, CLOCK_RFC3339);
}

/* A cell's text, safe for terminals; lent by the region. */
static const char *cell(struct table *table, size_t column, const char *text, struct err *err)
{
    char when[CLOCK_TEXT_MAX];
    char usual[USUAL_MAX];
    char *large = NULL;
    const char *shown = NULL;
    const char *time = NULL;
    size_t size;

    if (!text || !*text)
        text = "-";
    if (table->columns[column].kind == TABLE_TIME)
        time = time_shown(table, when, text);
    text = time ? time : text;
    size = 4 * strlen(text) + 8;
    if (size > sizeof(usual)) {
        large = mem_new(size, err);
        if (!large)
            return NULL;
    }
    shown = text_shown(large ? large : usual, large ? size : sizeof(usual), text);
    size = strlen(shown);
    table->bytes += size;
    shown = region_copy(table->region, shown, size, err);
    mem_free(large);
    return shown;
}

int table_row(struct table *table, const char *const *texts, struct err *err)
{
    size_t i;

    if (table->count >= TABLE_ROWS_KEPT * table->width || table->bytes >= TABLE_BYTES_KEPT) {
        table_print(table, stdout);
        region_free(table->region);
        table->count = 0;
        table->bytes = 0;
        table->region = region_new(err);
        if (!table->region)
            return -1;
    }
    for (i = 0; i < table->width; i++) {
        if (mem_room(&table->cells, &table->cap, table->count, sizeof(*table->cells), CELLS_MAX,
                     err) < 0)
            return -1;
        table->cells[table->count] = cell(table, i, texts[i], err);
        if (!table->cells[table->count])
            return -1;
        table->count++;
    }
    return 0;
}

/* The least width of a column, if its widest cell has this width. */
static size_t least(const struct table_column *column, size_t width)
{
    return column->min && column->min < width ? column->min : width;
}

/* The width of a row; a column of width 0 is left out. */
static size_t total(const size_t *widths, size_t count)
{
    size_t sum = 0;
    size_t i;

    for (i = 0; i < count; i++)
        sum += widths[i] ? widths[i] + (sum ? GAP : 0) : 0;
    return sum;
}

/*
 * First choose the columns: all of `drop` 0, then the others by their `drop`, each if it fits
 * at its least width beside those chosen before. Then shorten the widest column that can be
 * shortened, column by column; if none can, the widest of all, so that the row fits even then.
 */
void table_fit(const struct table_column *columns, size_t count, size_t room, size_t *widths)
{
    size_t lasts[TABLE_COLUMNS];
    unsigned drop;
    unsigned most = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        lasts[i] = columns[i].drop ? 0 : least(&columns[i], widths[i]);
        most = columns[i].drop > most ? columns[i].drop : most;
    }
    for (drop = 1; drop <= most; drop++) {
        for (i = 0; i < count; i++) {
            if (columns[i].drop != drop)
                continue;
            lasts[i] = least(&columns[i], widths[i]);
            if (total(lasts, count) > room)
                lasts[i] = 0;
        }
    }
    for (i = 0; i < count; i++)
        widths[i] = lasts[i] ? widths[i] : 0;
    while (total(widths, count) > room) {
        size_t widest = count;
        bool any = false; /* a column can be shortened */

        for (i = 0; i < count; i++)
            any = any || widths[i] > lasts[i];
        for (i = 0; i < count; i++) {
            if (widths[i] > (any ? lasts[i] : 1) &&
                (widest == count || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == count)
            break;
        widths[widest]--;
    }
}

static void print_cell(const struct table *table, size_t column, const char *text, bool title,
                       FILE *out)
{
    size_t width = table->widths[column];
    size_t used = text_width(text);
    const char *paint = "";
    char *shorter = NULL;
    size_t pad;

    if (table->room != TABLE_NO_LIMIT && used > width)
        shorter = mem_new(strlen(text) + 4, NULL);
    if (shorter) {
        text = text_shorten(shorter, text, width);
        used = text_width(text);
    }
    pad = width > used ? width - used : 0;
    if (table->coloured && !title && table->columns[column].kind == TABLE_STATUS)
        paint = colour_of_status(text);
    if (table->columns[column].kind == TABLE_NUMBER)
        (void)fprintf(out, "%*s", (int)pad, "");
    (void)fprintf(out, "%s%s%s", paint, text, *paint ? COLOUR_END : "");
    if (table->columns[column].kind != TABLE_NUMBER && column + 1 < table->width)
        (void)fprintf(out, "%*s", (int)pad, "");
    mem_free(shorter);
}

static void print_row(const struct table *table, const char *const *cells, bool title,
                      FILE *out)
{
    bool first = true;
    size_t i;

    for (i = 0; i < table->width; i++) {
        if (!table->widths[i])
            continue;
        (void)fprintf(out, "%*s", first ? 0 : GAP, "");
        print_cell(table, i, cells[i], title, out);
        first = false;
    }
    (void)fputc('\n', out);
}

void table_print(struct table *table, FILE *out)
{
    const char *titles[TABLE_COLUMNS];
    size_t i;

    if (!table->count)
        return;
    for (i = 0; i < table->width; i++) {
        titles[i] = table->columns[i].title;
        if (!table->begun)
            table->widths[i] = text_width(titles[i]);
    }
    for (i = 0; i < table->count && (!table->begun || table->room == TABLE_NO_LIMIT); i++) {
        size_t w = text_width(table->cells[i]);

        if (w > table->widths[i % table->width])
            table->widths[i % table->width] = w;
    }
    if (!table->begun && table->room != TABLE_NO_LIMIT)
        table_fit(table->columns, table->width, table->room, table->widths);
    if (!table->begun)
        print_row(table, titles, true, out);
    table->begun = true;
    for (i = 0; i < table->count; i += table->width)
        print_row(table, table->cells + i, false, out);
}

void table_none(const char *text)
{
    if (isatty(STDOUT_FILENO))
        (void)printf("%s\n", text);
}

void table_clear(struct table *table)
{
    region_free(table->region);
    mem_free(table->cells);
    *table = (struct table){ 0 };
}
