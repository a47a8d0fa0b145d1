/* SPDX-License-Identifier: MIT */
#include "evidence/inspection_html.h"

#include "base/clock.h"
#include "base/text.h"
#include "catalog/sync_log.h"
#include "evidence/coverage.h"
#include "evidence/inspection.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)64 << 20)
#define FLUSH    ((size_t)32 << 10) /* bytes that are collected for the sink */
#define DIGEST   16                 /* digits of a digest that a row of a run shows */

/* The page being written. The first error ends it: later calls do nothing. */
struct html {
    struct inspection *inspection;
    struct buf text;
    put_fn *put;
    void *ctx;
    bool gaps; /* put only the runs with which something is wrong */
    size_t rows;
    struct err *err;
    int rc;
};

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>skyarc audit</title>\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:14px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1200px;padding:0 "
    "16px}\n"
    "h1{font-size:22px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 "
    "6px}\n"
    "p{margin:4px 0}.dim{opacity:.72}\n"
    ".bad{color:#b3261e;font-weight:600}.good{color:#1a7f37;font-weight:600}\n"
    "@media(prefers-color-scheme:dark){.bad{color:#ff8a80}.good{color:#57c774}}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-bottom:1px solid "
    "#8886}\n"
    "th{font-weight:600;white-space:nowrap}td{overflow-wrap:break-word}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "td.t{white-space:nowrap}code{font-size:12px;overflow-wrap:anywhere}\n"
    "table.sum{width:auto}\n"
    "@media(max-width:700px){.wide td{min-width:5.5em;overflow-wrap:anywhere}\n"
    ".wide td.n{min-width:0}td,th{padding-right:6px}body{padding:0 8px;font-size:12px}}\n"
    "@page{size:A4 landscape;margin:12mm}\n"
    "@media print{:root{color-scheme:light}body{margin:0;max-width:none;font-size:10px}\n"
    ".wide{overflow:visible}td,td.t{white-space:normal;overflow-wrap:anywhere}td.t.bad,td.t."
    "good{"
    "white-space:nowrap}td,th{"
    "padding-right:6px}code{font-size:9px}\n"
    "h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}\n"
    ".bad{color:#b3261e}.good{color:#1a7f37}}\n"
    "</style>\n";

static void flush(struct html *h)
{
    if (h->rc == 0 && h->text.len)
        h->rc = h->put(h->ctx, h->text.data, h->text.len, h->err);
    buf_reset(&h->text);
}

/* Write markup. */
static void put(struct html *h, const char *markup)
{
    if (h->rc == 0)
        h->rc = buf_adds(&h->text, markup, h->err);
    if (h->text.len > FLUSH)
        flush(h);
}

/* Write a text, so that none of it is markup, and all of it is visible. */
static void put_text(struct html *h, const char *text)
{
    size_t room = text ? strlen(text) * 4 + 1 : 1;
    char *shown = h->rc == 0 ? mem_new(room, h->err) : NULL;
    const char *at;

    if (!shown) {
        h->rc = -1;
        return;
    }
    for (at = text_shown(shown, room, text ? text : ""); *at; at++) {
        char one[2] = { *at, '\0' };

        put(h, *at == '&'    ? "&amp;"
               : *at == '<'  ? "&lt;"
               : *at == '>'  ? "&gt;"
               : *at == '"'  ? "&quot;"
               : *at == '\'' ? "&#39;"
                             : one);
    }
    mem_free(shown);
}

static void put_number(struct html *h, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    put(h, text);
}

static void put_ms(struct html *h, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    put(h, ms == DB_UNKNOWN ? "not known" : clock_format(text, ms, CLOCK_RFC3339));
}

static void put_us(struct html *h, int64_t us)
{
    put_ms(h, us == DB_UNKNOWN ? DB_UNKNOWN : us / 1000);
}

/* Write a cell of text. */
static void cell(struct html *h, const char *text)
{
    put(h, "<td>");
    put_text(h, text);
}

static void cell_ms(struct html *h, int64_t ms)
{
    put(h, "<td class=\"t\">");
    put_ms(h, ms);
}

static void cell_number(struct html *h, uint64_t value)
{
    put(h, "<td class=\"n\">");
    put_number(h, value);
}

/* Begin a section with a table. */
static void begin(struct html *h, const char *title, const char *columns)
{
    put(h, "<h2>");
    put(h, title);
    put(h, "</h2>\n<div class=\"wide\"><table><thead><tr>");
    put(h, columns);
    put(h, "</thead>\n");
    h->rows = 0;
}

/* End the section; `none` says that there was no row. */
static void end(struct html *h, const char *none)
{
    put(h, "</table></div>\n");
    if (h->rows)
        return;
    put(h, "<p class=\"dim\">");
    put(h, none);
    put(h, "</p>\n");
}

static void begin_row(struct html *h)
{
    put(h, "<tr>");
    h->rows++;
}

static const char *class_of(enum verdict verdict)
{
    return verdict_is_gap(verdict)       ? "<td class=\"t bad\">"
           : verdict == VERDICT_COMPLETE ? "<td class=\"t good\">"
                                         : "<td class=\"t\">";
}

/* Write the archives that have a run, with the beginnings of their manifests' digests. */
static void put_archives_of(struct html *h, const struct inspection_run *run)
{
    size_t i;

    put(h, "<td>");
    for (i = 0; i < run->archive_count; i++) {
        char digest[DIGEST + 1];

        (void)snprintf(digest, sizeof(digest), "%.*s", DIGEST, run->archives[i]->sha256);
        put(h, i ? "<br>" : "");
        put_text(h, run->archives[i]->name);
        put(h, " <code>");
        put_text(h, digest);
        put(h, "</code>");
    }
}

static int put_run(void *ctx, const struct inspection_run *run, struct err *err)
{
    struct html *h = ctx;
    const struct period_run *facts = run->facts;

    (void)err;
    if (h->gaps && !verdict_is_gap(run->verdict))
        return 0;
    begin_row(h);
    put(h, "<td>");
    put_text(h, facts->run_id);
    if (facts->title) {
        put(h, "<br><span class=\"dim\">");
        put_text(h, facts->title);
        put(h, "</span>");
    }
    put(h, "<td class=\"t\">");
    put_text(h, facts->status);
    put(h, "<td class=\"t\">");
    put_us(h, facts->created_at);
    put(h, class_of(run->verdict));
    put_text(h, verdict_word(run->verdict));
    cell(h, run->why);
    cell_number(h, facts->artifacts);
    cell_number(h, facts->missing + facts->lost);
    put(h, "<td>");
    if (run->hold) {
        put_ms(h, run->hold->at_ms);
        put(h, run->hold->reason ? ": " : "");
        put_text(h, run->hold->reason);
    }
    put_archives_of(h, run);
    put(h, "\n");
    return h->rc;
}

#define RUN_COLUMNS                                                                            \
    "<th>Run<th>Status<th>Created<th>Verdict<th>Why<th class=\"n\">Artifacts<th "              \
    "class=\"n\">Missing<th>Held since<th>Archives, and their manifests' SHA-256"

static void put_runs(struct html *h, bool gaps)
{
    h->gaps = gaps;
    begin(h, gaps ? "Runs with gaps" : "All runs", RUN_COLUMNS);
    if (h->rc == 0)
        h->rc = inspection_runs(h->inspection, put_run, h, h->err);
    end(h, gaps ? "None." : "No run was created in this period.");
}

/* Write what else is to say of an archive's state. */
static void put_more(struct html *h, const char *text)
{
    put(h, text ? "; " : "");
    put_text(h, text);
}

static void put_archives(struct html *h)
{
    struct archive_state *const *archives;
    size_t count = inspection_archives(h->inspection, &archives);
    size_t i;

    begin(h, "Archives",
          "<th>Archive<th>SHA-256 of its "
          "manifest<th>Created<th>Verified<th>State<th>Signature<th>Time stamp"
          "<th>Follows<th class=\"n\">Size<th class=\"n\">Runs");
    for (i = 0; i < count; i++) {
        const struct archive_state *a = archives[i];
        char size[TEXT_SIZE_MAX];

        begin_row(h);
        cell(h, a->name);
        put(h, "<td><code>");
        put_text(h, a->sha256);
        put(h, "</code>");
        cell_ms(h, a->created_ms);
        put(h, "<td class=\"t\">");
        put(h, a->verified_ms == DB_UNKNOWN ? "never" : "");
        if (a->verified_ms != DB_UNKNOWN)
            put_ms(h, a->verified_ms);
        put(h, a->fault || a->doubt ? "<td class=\"bad\">" : "<td>");
        put_text(h, a->state);
        put_more(h, a->fault);
        put_more(h, a->doubt);
        put_more(h, a->note);
        cell(h, a->signature);
        cell(h, a->stamped);
        cell(h, a->previous);
        put(h, "<td class=\"n\">");
        put_text(h, text_size(size, a->size));
        cell_number(h, a->runs);
        put(h, "\n");
    }
    end(h, "None has a run of this period.");
}

static void put_events(struct html *h)
{
    const struct decision *const *events;
    size_t count = inspection_events(h->inspection, &events);
    size_t i;

    begin(h, "Holds, removals and losses", "<th>Time<th>What<th>Run<th>Archive<th>Reason");
    for (i = 0; i < count; i++) {
        begin_row(h);
        cell_ms(h, events[i]->at_ms);
        cell(h, events[i]->what);
        cell(h, events[i]->run_id);
        cell(h, events[i]->volume);
        cell(h, events[i]->reason);
        put(h, "\n");
    }
    end(h, "None of this period or its runs.");
}

static int put_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    struct html *h = ctx;
    const char *outcome = sync->outcome ? sync->outcome : "has no end";
    bool bad = !sync->outcome || sync_log_has_failed(sync->outcome);

    (void)err;
    begin_row(h);
    cell_ms(h, sync->began_ms);
    cell_ms(h, sync->ended_ms);
    put(h, bad ? "<td class=\"bad\">" : "<td>");
    put_text(h, outcome);
    cell_number(h, sync->runs);
    cell_number(h, sync->artifacts);
    cell_number(h, sync->missing);
    cell_number(h, sync->damaged);
    cell(h, sync->error);
    put(h, "\n");
    return h->rc;
}

static int put_frontier(void *ctx, const char *filter, const struct period *known,
                        struct err *err)
{
    struct html *h = ctx;

    (void)err;
    begin_row(h);
    cell(h, coverage_is_everything(filter) ? "all runs" : filter);
    put(h, "<td class=\"t\">");
    put_us(h, known->since);
    put(h, "<td class=\"t\">");
    put_us(h, known->until);
    put(h, "\n");
    return h->rc;
}

static void put_service(struct html *h)
{
    begin(h, "Syncs",
          "<th>Began<th>Ended<th>Outcome<th class=\"n\">Runs<th class=\"n\">Artifacts<th "
          "class=\"n\">Missing<th class=\"n\">Bad volumes<th>Error");
    if (h->rc == 0)
        h->rc = inspection_syncs(h->inspection, put_sync, h, h->err);
    end(h, "None in this period.");
    put(h, "<p class=\"dim\">Of the runs that a filter accepts, all that were created in these "
           "times were "
           "seen in the service's lists:</p>\n");
    begin(h, "The service's lists", "<th>Filter<th>From<th>Until");
    if (h->rc == 0)
        h->rc = inspection_frontiers(h->inspection, put_frontier, h, h->err);
    end(h, "None was read to its end.");
}

/* Write one line of the summary. */
static void put_total(struct html *h, const char *name, uint64_t value, const char *meaning)
{
    put(h, "<tr><td>");
    put_text(h, name);
    cell_number(h, value);
    put(h, "<td class=\"dim\">");
    put_text(h, meaning);
    put(h, "\n");
}

/* Write what is wrong with, or not known of, the directory. */
static void put_remarks(struct html *h, const struct remarks *remarks)
{
    size_t i;

    for (i = 0; i < remarks->count; i++) {
        put(h, "<p class=\"bad\">");
        put_text(h, remarks->at[i]);
        put(h, ".</p>\n");
    }
}

static void put_summary(struct html *h)
{
    const struct inspection_sum *sum = inspection_sum(h->inspection);
    uint64_t gaps = 0;
    enum verdict i;

    for (i = 0; i < VERDICTS; i++)
        gaps += verdict_is_gap(i) ? sum->verdicts[i] : 0;
    put_remarks(h, inspection_gaps(h->inspection));
    put(h, gaps || sum->faults ? "<p class=\"bad\">"
           : sum->gaps         ? "<p>"
                               : "<p class=\"good\">");
    if (gaps || sum->faults) {
        put_number(h, gaps);
        put(h, " of ");
        put_number(h, sum->runs);
        put(h, " runs have gaps; faults of archives: ");
        put_number(h, sum->faults);
        put(h, ".</p>\n");
    } else {
        put(h, sum->gaps
                   ? "The runs that are known have no gaps, and no archive has a fault.</p>\n"
                   : "No gaps, and no fault of an archive.</p>\n");
    }
    put_remarks(h, inspection_faults(h->inspection));
    put(h, "<table class=\"sum\">\n");
    put_total(h, "runs", sum->runs, "created in the period, or at a time that is not known");
    for (i = 0; i < VERDICTS; i++)
        put_total(h, verdict_word(i), sum->verdicts[i], verdict_meaning(i));
    put_total(h, "held", sum->held, "cannot be removed by skyarc prune");
    put_total(h, "artifacts", sum->artifacts, "archived of these runs");
    put_total(h, "missing", sum->missing, "artifacts that could not be archived, or were lost");
    put(h, "</table>\n");
}

static void put_head(struct html *h, const struct inspection_document *document)
{
    const struct inspection_opts *opts = inspection_of(document->inspection);
    const struct shard *shard = inspection_shard(document->inspection);
    char text[SHARD_TEXT_MAX];

    put(h, head);
    put(h, "<h1>Audit of ");
    put_text(h, opts->archives.path);
    put(h, "</h1>\n<p>Runs created ");
    put(h, opts->period.since == DB_UNKNOWN ? "at any time" : "from ");
    if (opts->period.since != DB_UNKNOWN)
        put_us(h, opts->period.since);
    if (opts->period.until != DB_UNKNOWN) {
        put(h, " until before ");
        put_us(h, opts->period.until);
    }
    put(h, ". <span class=\"dim\">Made ");
    put_ms(h, document->made_ms);
    put(h, " by ");
    put_text(h, document->made_by);
    put(h, ". All times are UTC.</span></p>\n");
    if (shard->n) {
        put(h, "<p>Only shard ");
        put_text(h, shard_text(text, shard));
        put(h, " of the account: runs of other shards are archived in other directories, and "
               "this report does not speak of them.</p>\n");
    }
}

static void put_notes(struct html *h, const struct inspection_opts *opts)
{
    put(h, "<h2>What was checked</h2>\n<p>");
    put(h, opts->archives.store
               ? "Of each archive: that it is there, its size and its last bytes, and that its "
                 "manifest has the digest that was recorded when it was made; its place in the "
                 "chain; "
               : "The archive's manifest was read; ");
    put(h, opts->archives.signers ? "its signature; "
                                  : "whether there is a signature, but not whose; ");
    put(h, opts->archives.trust ? "its time stamps. "
                                : "its time stamps, but not by which authorities they are. ");
    put(h, "The contents were not read again: <code>skyarc verify ");
    put_text(h, opts->archives.path);
    put(h, "</code> does that, and only then it is known that they are what they were. The "
           "manifest of each archive lists the SHA-256 of each file, and "
           "its own digest above stands for all of them.</p>\n");
}

int inspection_html_write(void *ctx, put_fn *sink, void *put_ctx, struct err *err)
{
    const struct inspection_document *document = ctx;
    const struct inspection_opts *opts = inspection_of(document->inspection);
    struct html h = {
        .inspection = document->inspection, .put = sink, .ctx = put_ctx, .err = err
    };

    buf_init(&h.text, TEXT_MAX);
    put_head(&h, document);
    put_summary(&h);
    put_runs(&h, true);
    put_archives(&h);
    if (opts->archives.store) {
        put_events(&h);
        put_service(&h);
    }
    put_runs(&h, false);
    put_notes(&h, opts);
    flush(&h);
    buf_clear(&h.text);
    return h.rc;
}
