/* SPDX-License-Identifier: MIT */
#include "evidence/inspection_csv.h"

#include "base/clock.h"
#include "base/text.h"
#include "evidence/inspection.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROW_MAX ((size_t)8 << 20)

/* A row being written. */
struct row {
    struct buf text;
    put_fn *put;
    void *ctx;
};

/*
 * Whether a spreadsheet could take a text, or a part of it after a separator of cells in
 * another locale than ours, for a formula; also by the full-width forms of =, +, - and @.
 */
static bool is_formula(const char *text)
{
    static const char *const wide[] = { "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                        "\xef\xbc\xa0" };
    size_t i;

    while (*text) {
        text += strspn(text, " \xc2\xa0");
        if (*text && strchr("=+-@\t\r|", *text))
            return true;
        for (i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
            if (strncmp(text, wide[i], strlen(wide[i])) == 0)
                return true;
        }
        text += strcspn(text, ";\t");
        text += *text != '\0';
    }
    return false;
}

/*
 * Append a cell. A text that a spreadsheet could take for a formula gets an apostrophe before
 * it; invisible characters become \xNN, so that no cell ends a line.
 */
static int add_cell(struct row *row, const char *text, struct err *err)
{
    size_t room = text ? strlen(text) * 4 + 1 : 1;
    char *shown = mem_new(room, err);
    const char *at;
    int rc;

    if (!shown)
        return -1;
    (void)text_shown(shown, room, text ? text : "");
    rc = buf_adds(&row->text, row->text.len ? ",\"" : "\"", err);
    if (rc == 0 && is_formula(shown))
        rc = buf_adds(&row->text, "'", err);
    for (at = shown; rc == 0 && *at; at++)
        rc = *at == '"' ? buf_adds(&row->text, "\"\"", err) : buf_add(&row->text, at, 1, err);
    mem_free(shown);
    return rc == 0 ? buf_adds(&row->text, "\"", err) : -1;
}

static int add_number(struct row *row, uint64_t value, struct err *err)
{
    return buf_addf(&row->text, err, ",%llu", (unsigned long long)value);
}

static int add_time(struct row *row, int64_t us, struct err *err)
{
    char text[CLOCK_TEXT_MAX];

    return add_cell(row, us == DB_UNKNOWN ? "" : clock_format(text, us / 1000, CLOCK_RFC3339),
                    err);
}

/* Write the row, and begin the next one. */
static int end_row(struct row *row, struct err *err)
{
    int rc = buf_adds(&row->text, "\r\n", err);

    if (rc == 0)
        rc = row->put(row->ctx, row->text.data, row->text.len, err);
    buf_reset(&row->text);
    return rc;
}

/* What of a run's archives is in a cell. */
enum column { NAMES, DIGESTS, STATES, SIGNATURES, STAMPS };

/* A cell with a line for each archive of a run, separated by "; ". */
static int add_archives(struct row *row, const struct inspection_run *run, enum column column,
                        struct err *err)
{
    struct buf cell;
    size_t i;
    int rc = 0;

    buf_init(&cell, ROW_MAX);
    for (i = 0; rc == 0 && i < run->archive_count; i++) {
        const struct archive_state *a = run->archives[i];
        const char *text = column == NAMES        ? a->name
                           : column == DIGESTS    ? a->sha256
                           : column == STATES     ? (a->fault   ? a->fault
                                                     : a->doubt ? a->doubt
                                                                : a->state)
                           : column == SIGNATURES ? a->signature
                                                  : a->stamped;

        rc = buf_addf(&cell, err, "%s%s", i ? "; " : "", text);
    }
    if (rc == 0)
        rc = add_cell(row, buf_text(&cell), err);
    buf_clear(&cell);
    return rc;
}

static int put_run(void *ctx, const struct inspection_run *run, struct err *err)
{
    struct row *row = ctx;
    const struct period_run *facts = run->facts;

    if (add_cell(row, facts->run_id, err) < 0 || add_cell(row, facts->other, err) < 0 ||
        add_cell(row, facts->parent, err) < 0 || add_cell(row, facts->title, err) < 0 ||
        add_cell(row, facts->status, err) < 0 || add_time(row, facts->created_at, err) < 0 ||
        add_time(row, facts->finished_at, err) < 0 ||
        add_cell(row, verdict_word(run->verdict), err) < 0 ||
        add_cell(row, run->why, err) < 0 || add_number(row, facts->artifacts, err) < 0 ||
        add_number(row, facts->missing + facts->lost, err) < 0 ||
        add_cell(row, run->hold ? (run->hold->reason ? run->hold->reason : "held") : "", err) <
            0 ||
        add_archives(row, run, NAMES, err) < 0 || add_archives(row, run, DIGESTS, err) < 0 ||
        add_archives(row, run, STATES, err) < 0 ||
        add_archives(row, run, SIGNATURES, err) < 0 || add_archives(row, run, STAMPS, err) < 0)
        return -1;
    return end_row(row, err);
}

int inspection_csv_write(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    static const char *const columns[] = { "run_id",      "other_run_id",    "parent_run_id",
                                           "title",       "status",          "created_at",
                                           "finished_at", "verdict",         "why",
                                           "artifacts",   "missing",         "held",
                                           "archives",    "manifest_sha256", "archive_state",
                                           "signature",   "time_stamp" };
    const struct inspection_document *document = ctx;
    struct row row = { .put = put, .ctx = put_ctx };
    size_t i;
    int rc = 0;

    buf_init(&row.text, ROW_MAX);
    if (put(put_ctx, "\xef\xbb\xbf", 3, err) < 0) /* for Excel: UTF-8 */
        return -1;
    for (i = 0; rc == 0 && i < sizeof(columns) / sizeof(*columns); i++)
        rc = add_cell(&row, columns[i], err);
    if (rc == 0)
        rc = end_row(&row, err);
    if (rc == 0)
        rc = inspection_runs(document->inspection, put_run, &row, err);
    buf_clear(&row.text);
    return rc;
}
