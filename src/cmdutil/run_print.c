/* SPDX-License-Identifier: MIT */
#include "cmdutil/run_print.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/colour.h"
#include "cli/table.h"
#include "redact/redact.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX  4000
#define NAME_WIDTH 12

static void field(const char *name, const char *value)
{
    char shown[SHOWN_MAX];

    if (value && *value)
        (void)printf("%-*s %s\n", NAME_WIDTH, name, text_shown(shown, sizeof(shown), value));
}

static void print_status(const char *status)
{
    char shown[80];

    if (!status || !*status)
        return;
    (void)printf("%-*s ", NAME_WIDTH, "status");
    colour_print_status(text_shown(shown, sizeof(shown), status));
    (void)putchar('\n');
}

/* Print a time, and the time elapsed since another. */
static void moment(const char *name, const char *value, const char *since, const char *what)
{
    int64_t at = clock_us(value);
    int64_t from = clock_us(since);
    char when[CLOCK_TEXT_MAX];
    char took[TEXT_SIZE_MAX];

    if (at == CLOCK_NONE) {
        field(name, value);
        return;
    }
    (void)printf("%-*s %s", NAME_WIDTH, name, clock_format(when, at / 1000, CLOCK_RFC3339));
    if (from != CLOCK_NONE && at >= from)
        (void)printf("  (%s %s)", text_duration(took, (uint64_t)(at - from) / 1000), what);
    (void)putchar('\n');
}

/* Print JSON escaped for a terminal: JSON does not escape C1 and bidi control characters. */
static void put_raw(const char *raw, size_t len)
{
    char piece[1024];
    char shown[4 * sizeof(piece)];

    while (len) {
        size_t n = len < 200 ? len : 200;

        while (n < len && ((unsigned char)raw[n] & 0xc0) == 0x80)
            n++;
        (void)snprintf(piece, sizeof(piece), "%.*s", (int)n, raw);
        (void)fputs(text_shown(shown, sizeof(shown), piece), stdout);
        raw += n;
        len -= n;
    }
}

static void put_scalar(struct json_value v)
{
    size_t len;
    const char *raw = json_raw(v, &len);

    if (json_type(v) == JSON_STRING)
        (void)putchar('"');
    put_raw(raw, len);
    if (json_type(v) == JSON_STRING)
        (void)putchar('"');
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static void put_pretty(struct json_value v, int indent)
{
    bool object = json_type(v) == JSON_OBJECT;
    struct json_value member = { 0 };
    bool first = true;

    if (!object && json_type(v) != JSON_ARRAY) {
        put_scalar(v);
        return;
    }
    (void)putchar(object ? '{' : '[');
    while ((member = json_next(v, member)).doc) {
        (void)printf("%s\n%*s", first ? "" : ",", indent + 2, "");
        first = false;
        if (object) {
            put_scalar(json_key(member));
            (void)fputs(": ", stdout);
        }
        put_pretty(member, indent + 2);
    }
    if (!first)
        (void)printf("\n%*s", indent, "");
    (void)putchar(object ? '}' : ']');
}

/* Print a part of the record as JSON under a heading; nothing for null and empty values. */
static void section(const char *title, struct json_value v)
{
    bool empty =
        json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL ||
        ((json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) && !json_count(v));

    if (empty)
        return;
    (void)printf("\n%s\n  ", title);
    put_pretty(v, 2);
    (void)putchar('\n');
}

static void print_files(const struct run *run)
{
    char name[256];
    char size[TEXT_SIZE_MAX];
    size_t i;

    if (run->file_count)
        (void)printf("\ndownloaded files\n");
    for (i = 0; i < run->file_count; i++) {
        const struct run_file *file = &run->files[i];

        (void)printf("  %10s  %s\n", file->sized ? text_size(size, file->file_size) : "unknown",
                     text_shown(name, sizeof(name), file->filename ? file->filename : "-"));
    }
}

/* How texts of the service are redacted, and the region that holds redacted texts. */
struct printing {
    struct redact what;
    struct region *region;
};

static const char *clean(const struct printing *p, const char *text)
{
    return redact_copy(text, &p->what, p->region);
}

/* Print the attempts of a run that was retried. */
static void print_attempts(const struct printing *p, const struct run *run)
{
    char status[80];
    char decision[200];
    char reason[SHOWN_MAX];
    size_t i;

    if (run->attempt_count)
        (void)printf("\nattempts (%zu)\n", run->attempt_count);
    for (i = 0; i < run->attempt_count; i++) {
        const struct run_attempt *a = &run->attempts[i];

        (void)printf(
            "  %llu  %s%s%s%s%s\n", (unsigned long long)(a->number ? a->number : i + 1),
            text_shown(status, sizeof(status), a->status ? clean(p, a->status) : "-"),
            a->failure_reason ? ": " : "",
            text_shown(reason, sizeof(reason),
                       a->failure_reason ? clean(p, a->failure_reason) : ""),
            a->decision ? "; then " : "",
            text_shown(decision, sizeof(decision), a->decision ? clean(p, a->decision) : ""));
    }
}

static const struct table_column child_columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "STATUS", TABLE_STATUS, 0, 0 },
    { "TYPE", TABLE_TEXT, 0, 3 },          { "STARTED BY", TABLE_TEXT, TABLE_WHOLE, 2 },
    { "TITLE", TABLE_TEXT, 16, 1 },        { NULL, TABLE_TEXT, 0, 0 },
};

/* Print all runs started by this run, directly or not. */
static int print_children(const struct printing *p, const struct listing *listing, size_t at,
                          struct err *err)
{
    struct table table = { 0 };
    size_t count = 0;
    size_t i;
    int rc = table_init(&table, child_columns, err);

    for (i = at + 1; rc == 0 && i < listing->count && listing->runs[i].depth; i++) {
        const struct listed_run *child = &listing->runs[i];
        const char *cells[TABLE_COLUMNS] = {
            child->id, child->failed ? reason_word(child->reason) : clean(p, child->run.status),
            clean(p, child->run.run_type), child->parent, clean(p, child->run.title)
        };

        count++;
        rc = table_row(&table, cells, err);
    }
    if (rc == 0 && count) {
        (void)printf("\nstarted runs (%zu)\n", count);
        table_print(&table, stdout);
    }
    table_clear(&table);
    return rc;
}

static const struct table_column columns[] = {
    { "TYPE", TABLE_TEXT, 8, 0 },
    { "COUNT", TABLE_NUMBER, 0, 0 },
    { "SIZE", TABLE_NUMBER, 0, 0 },
    { NULL, TABLE_TEXT, 0, 0 },
};

/* Print the number and size of artifacts per type, in the order of first occurrence. */
static int print_artifacts(const struct artifact_list *list, struct err *err)
{
    struct table table = { 0 };
    size_t i;
    size_t k;
    int rc = table_init(&table, columns, err);

    for (i = 0; rc == 0 && i < list->count; i++) {
        const char *type = list->rows[i].artifact_type ? list->rows[i].artifact_type : "";
        unsigned long long count = 0;
        uint64_t bytes = 0;
        bool sized = false;
        bool unsized = false;
        char number[32];
        char size[TEXT_SIZE_MAX];
        char sum[TEXT_SIZE_MAX + 16] = "unknown";
        const char *cells[TABLE_COLUMNS];

        for (k = 0; k < list->count; k++) {
            const struct artifact *a = &list->rows[k];

            if (strcmp(a->artifact_type ? a->artifact_type : "", type) != 0)
                continue;
            if (k < i)
                break;
            count++;
            bytes += a->sized ? a->file_size : 0;
            sized = sized || a->sized;
            unsized = unsized || !a->sized;
        }
        if (k < list->count) /* this type has been printed */
            continue;
        (void)snprintf(number, sizeof(number), "%llu", count);
        cells[0] = *type ? type : "(none)";
        cells[1] = number;
        if (sized)
            (void)snprintf(sum, sizeof(sum), "%s%s", unsized ? "at least " : "",
                           text_size(size, bytes));
        cells[2] = sum;
        rc = table_row(&table, cells, err);
    }
    if (rc == 0 && list->count)
        (void)printf("\nartifacts (%zu)\n", list->count);
    if (rc == 0)
        table_print(&table, stdout);
    table_clear(&table);
    return rc;
}

static void print_run(const struct printing *p, const struct listed_run *listed,
                      const struct run *run, struct json_value root)
{
    field("run", listed->id);
    field("also", listed->other);
    field("started by", listed->parent);
    print_status(run->status);
    if (listed->run.retry_pending)
        moment("next attempt",
               listed->run.next_attempt_at ? clean(p, listed->run.next_attempt_at) : "pending",
               NULL, "");
    field("type", run->run_type);
    moment("created", run->created_at, NULL, "");
    moment("started", run->started_at, run->created_at, "after it was created");
    moment("finished", run->finished_at, run->started_at, "after it started");
    if (run->counted)
        (void)printf("%-*s %llu\n", NAME_WIDTH, "steps", (unsigned long long)run->step_count);
    field("app", run->app_url);
    field("title", run->title ? run->title : clean(p, listed->workflow.title));
    field("failure", run->failure_reason);
    if (run->status && strcmp(run->status, "failed") == 0 && run->failure_reason &&
        strcasestr(run->failure_reason, "webhook"))
        field("note",
              "the run has the status failed because its webhook was not delivered; its output "
              "is below");
    section("request", json_get(root, "run_request"));
    section("output", json_get(root, "output"));
    section("errors", json_get(root, "errors"));
    print_attempts(p, &listed->run);
    print_files(run);
}

int run_print(const struct listing *listing, size_t at, bool apart, struct err *err)
{
    const struct listed_run *listed = &listing->runs[at];
    const struct buf *json = &listed->run_json;
    const struct listed_text *rows = &listed->list_json;
    struct printing printing = { { secret_peek(listing->api->key), listing->raw, NULL },
                                 region_new(err) };
    struct json *doc = printing.region ? json_parse(buf_text(json), json->len, err) : NULL;
    struct artifact_list list = { 0 };
    struct run run = { 0 };
    int rc = -1;

    /* listed->run and its list are not redacted; the two documents are */
    if (doc && run_parse(&run, buf_text(json), json->len, err) == 0 &&
        artifact_list_parse(&list, rows->text, rows->len, err) == 0) {
        if (apart)
            (void)printf("\n----\n\n");
        print_run(&printing, listed, &run, json_root(doc));
        rc = print_children(&printing, listing, at, err);
        if (rc == 0)
            rc = print_artifacts(&list, err);
    }
    artifact_list_clear(&list);
    run_clear(&run);
    json_free(doc);
    region_free(printing.region);
    return rc;
}
