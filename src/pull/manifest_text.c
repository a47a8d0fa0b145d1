/* SPDX-License-Identifier: MIT */
#include "pull/manifest_text.h"

#include "base/mem.h"
#include "base/text.h"
#include "format/manifest_read.h"
#include "format/suspect.h"
#include "pull/missing.h"
#include "redact/redact.h"

#include <string.h>

#define TEXT_MAX       ((size_t)1 << 20)
/* maximum bytes of a failure reason, and of a prompt */
#define RUN_TEXT_MAX   ((size_t)64 << 10)
/* maximum bytes of an output; all of them fit in MANIFEST_READ_ROW_MAX */
#define RUN_OUTPUT_MAX ((size_t)16 << 10)
#define RUN_TITLE_MAX  ((size_t)2 << 10)
#define RECORDS_LACKED 200 /* maximum number of IDs that a run's row names */
#define WORD_MAX       4096
#define PIECE          ((size_t)16 << 10)
#define NOTES_MAX      (ITEM_NOTES + PACKED_NOTES + 1)

enum run_text { TEXT_FAILURE, TEXT_PROMPT, TEXT_TITLE, TEXT_OUTPUT, RUN_TEXTS };

/* Rows that were made once. */
struct kept {
    struct body *rows; /* as text; NULL: they are not kept */
    bool whole;        /* all rows are in it */
};

struct manifest_text {
    struct manifest_facts *facts;
    struct kept runs;
    struct kept artifacts;
    bool drained;      /* stored_bytes is known */
    struct page *page; /* while the rows are given to the view, or NULL */
    struct jsonw w;
    struct region *region; /* texts that were changed by redaction */
    struct buf texts[RUN_TEXTS];
    struct manifest_record lacked[RECORDS_LACKED];
};

struct manifest_text *manifest_text_new(struct manifest_facts *facts, struct err *err)
{
    struct manifest_text *s = mem_new(sizeof(*s), err);
    int i;

    if (!s)
        return NULL;
    s->facts = facts;
    for (i = 0; i < RUN_TEXTS; i++)
        buf_init(&s->texts[i], TEXT_MAX);
    s->runs.rows = body_new(err);
    s->artifacts.rows = s->runs.rows ? body_new(err) : NULL;
    s->region = s->artifacts.rows ? region_new(err) : NULL;
    if (s->region)
        return s;
    manifest_text_free(s);
    return NULL;
}

void manifest_text_free(struct manifest_text *s)
{
    int i;

    if (!s)
        return;
    for (i = 0; i < RUN_TEXTS; i++)
        buf_clear(&s->texts[i]);
    region_free(s->region);
    body_free(s->runs.rows);
    body_free(s->artifacts.rows);
    mem_free(s);
}

/* A redacted copy of a server's text, put into a buffer; NULL for NULL. */
static const char *clean_into(struct manifest_text *s, struct buf *out, const char *text,
                              size_t len)
{
    struct redact what = { secret_peek(s->facts->api->key), false, NULL };
    struct err ignored;

    if (!text)
        return NULL;
    buf_reset(out);
    if (redact_text(out, text, len, &what, &ignored) < 0)
        return "(too long)";
    return buf_text(out);
}

/* The same for a text of any kind that a row has. */
static const char *clean(struct manifest_text *s, const char *text)
{
    struct redact what = { secret_peek(s->facts->api->key), false, NULL };

    return redact_copy(text, &what, s->region);
}

/*
 * The bytes of a text that fit in a run's row, cut at a character and, with words of usual
 * length, between words: redaction does not recognize half a secret.
 */
static size_t short_len(const char *text, size_t max)
{
    size_t len = text ? strlen(text) : 0;
    size_t at;

    if (len <= max)
        return len;
    len = text_cut(text, len, max);
    for (at = len; at && len - at < WORD_MAX; at--) {
        if ((unsigned char)text[at] <= ' ')
            return at;
    }
    return len;
}

/* The redacted part of a text that a run's row contains. */
static const char *clean_short(struct manifest_text *s, enum run_text which, const char *text,
                               size_t max)
{
    return clean_into(s, &s->texts[which], text, short_len(text, max));
}

/* List the missing records; returns their number. */
static size_t name_lacked(struct manifest_text *s, const struct record_set *set)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < set->count && count < RECORDS_LACKED; i++) {
        const struct record_row *row = &set->rows[i];

        if (row->reason)
            s->lacked[count++] =
                (struct manifest_record){ row->name, reason_word(row->reason),
                                          row->http_status ? (uint64_t)row->http_status
                                                           : MANIFEST_NONE };
    }
    return count;
}

/* A workflow run's record has these fields if the run's own record does not. */
static const char *prompt_of(const struct listed_run *run)
{
    return run->run.prompt ? run->run.prompt : run->workflow.prompt;
}

static const char *title_of(const struct listed_run *run)
{
    return run->run.title ? run->run.title : run->workflow.title;
}

static int put_runs(struct manifest_text *s, struct err *err)
{
    const struct manifest_facts *facts = s->facts;
    size_t item = 0;
    size_t i;

    for (i = 0; i < facts->listing->count; i++) {
        const struct listed_run *listed = &facts->listing->runs[i];
        const struct run *run = &listed->run;
        struct manifest_run row = { .run_id = listed->id,
                                    .other_run_id = *listed->other ? listed->other : NULL,
                                    .parent_run_id = listed->parent,
                                    .status = clean(s, run->status),
                                    .run_type = clean(s, run->run_type),
                                    .created_at = clean(s, run->created_at),
                                    .started_at = clean(s, run->started_at),
                                    .finished_at = clean(s, run->finished_at),
                                    .supplements = facts->parent(facts->ctx, listed->id),
                                    .error =
                                        listed->failed ? reason_word(listed->reason) : NULL,
                                    .notes = listed->notes,
                                    .note_count = listed->note_count,
                                    .records = listed->records.here,
                                    .records_missing = s->lacked };

        for (; item < plan_count(facts->plan) && plan_at(facts->plan, item)->run == i; item++) {
            bool here = fetch_packed(facts->fetch, plan_at(facts->plan, item))->here;

            row.listed += here || !plan_at(facts->plan, item)->unlisted;
            row.archived += here;
        }
        row.missing = row.listed - row.archived;
        row.failure_reason = clean_short(s, TEXT_FAILURE, run->failure_reason, RUN_TEXT_MAX);
        row.prompt = clean_short(s, TEXT_PROMPT, prompt_of(listed), RUN_TEXT_MAX);
        row.title = clean_short(s, TEXT_TITLE, title_of(listed), RUN_TITLE_MAX);
        row.output = clean_short(s, TEXT_OUTPUT, run->output_json, RUN_OUTPUT_MAX);
        row.records_missing_count = name_lacked(s, &listed->records);
        manifest_run(&s->w, &row);
    }
    (void)err; /* the writer keeps its error */
    return 0;
}

/* Write the notes on an item, and whether the storage had no object for a row without bytes. */
static size_t note_item(const struct item *item, const struct packed *packed,
                        const struct outcome *outcome, const char *notes[NOTES_MAX])
{
    size_t i;
    size_t k;

    for (i = 0; i < item->note_count; i++)
        notes[i] = item->notes[i];
    for (k = 0; k < packed->note_count; k++)
        notes[i++] = packed->notes[k];
    if (!packed->size && (outcome->http_status == 404 || outcome->http_status == 410))
        notes[i++] = "no-object";
    return i;
}

/* Give an artifact's row to the view. */
static int show_artifact(struct page *page, const struct manifest_artifact *row,
                         struct err *err)
{
    struct manifest_read_artifact shown = { .path = row->path,
                                            .run_id = row->run_id,
                                            .artifact_id = row->artifact_id,
                                            .artifact_type = row->artifact_type,
                                            .created_at = row->created_at,
                                            .duplicate_of = row->duplicate_of,
                                            .step_id = row->step_id,
                                            .media_type = row->media_type,
                                            .size = row->size };
    size_t i;

    for (i = 0; i < row->note_count; i++)
        shown.suspect = shown.suspect || strcmp(row->notes[i], SUSPECT_NOTE) == 0;
    return page_artifact(page, &shown, err);
}

static int put_artifact(struct manifest_text *s, struct jsonw *w, const struct item *item,
                        struct err *err)
{
    const struct manifest_facts *facts = s->facts;
    const struct artifact *a = &facts->listing->runs[item->run].list.rows[item->row];
    const struct outcome *outcome = fetch_outcome(facts->fetch, item);
    const struct packed *packed = fetch_packed(facts->fetch, item);
    const struct spot place = packer_place(facts->packer, item);
    const char *notes[NOTES_MAX];
    struct manifest_artifact row = {
        .path = packed->path,
        .run_id = item->what.run_id,
        .artifact_id = a->unnamed ? NULL : clean(s, a->artifact_id),
        .origin = a->origin ? a->origin : "list",
        .artifact_type = clean(s, a->artifact_type),
        .step_id = clean(s, a->step_id),
        .created_at = clean(s, a->created_at),
        .size = packed->size,
        .digest = packed->digest,
        .media_type = packed->media_type,
        .duplicate_of = packed->duplicate_of,
        .link = packed->link,
        .uri = clean(s, a->uri),
        .bundle_key = clean(s, a->bundle_key),
        .fetched_at = outcome->fetched_at,
        .fetched_via = outcome->via,
        .checksum = clean(s, a->checksum),
        .listed_size = a->sized ? a->file_size : MANIFEST_NONE,
        .modified_at = clean(s, a->modified_at),
        .mismatch = packed->mismatch,
        .notes = notes,
        .note_count = note_item(item, packed, outcome, notes),
        .encoding = packed->encoded ? "zstd" : NULL,
        .encoded_size = packed->encoded_size,
        .encoded_sha256 = packed->encoded_sha256,
        .frame = place.frame,
        .level = spot_level(&place),
        .offset = place.offset,
    };

    manifest_artifact(w, &row);
    return s->page ? show_artifact(s->page, &row, err) : 0;
}

/* The service's ID; NULL if it gave none. */
static const char *artifact_id(const struct manifest_facts *facts, const struct item *item)
{
    const struct artifact *a = &facts->listing->runs[item->run].list.rows[item->row];

    return a->unnamed ? NULL : a->artifact_id;
}

static void put_missing(struct manifest_text *s, struct jsonw *w)
{
    const struct manifest_facts *facts = s->facts;
    struct manifest_missing row;
    size_t i;

    for (i = 0; i < facts->listing->count; i++) {
        const struct listed_run *run = &facts->listing->runs[i];

        if (!run->failed)
            continue;
        row = (struct manifest_missing){ NULL,          run->id,
                                         NULL,          reason_word(run->reason),
                                         MANIFEST_NONE, run->attempts };
        if (run->err.http)
            row.http_status = (uint64_t)run->err.http;
        manifest_lost(w, &row);
    }
    for (i = 0; i < plan_count(facts->plan); i++) {
        const struct item *item = plan_at(facts->plan, i);
        const struct outcome *outcome = fetch_outcome(facts->fetch, item);

        if (item->unlisted || fetch_packed(facts->fetch, item)->here)
            continue;
        row = (struct manifest_missing){ clean(s, artifact_id(s->facts, item)),
                                         item->what.run_id,
                                         clean(s, item->what.type),
                                         reason_word(missing_reason(facts->fetch, item)),
                                         MANIFEST_NONE,
                                         outcome->attempts };
        if (outcome->http_status)
            row.http_status = (uint64_t)outcome->http_status;
        manifest_lost(w, &row);
    }
}

/* Where the manifest is written, and the rows that are being kept, or NULL. */
struct tee {
    put_fn *put;
    void *ctx;
    struct manifest_text *source;
    struct kept *keeping;
};

/* The view does not read the artifacts' rows: it gets them as they are made. */
static int put_tee(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct tee *tee = ctx;
    struct manifest_text *s = tee->source;
    struct kept *kept = tee->keeping;
    struct err ignored;

    if (kept && kept->rows &&
        body_append(kept->rows, &s->facts->spool, bytes, len, &ignored) < 0) {
        body_free(kept->rows); /* no space: the rows are then made again each time */
        kept->rows = NULL;
    }
    return kept == &s->artifacts && s->page ? 0 : tee->put(tee->ctx, bytes, len, err);
}

static int put_artifacts(struct manifest_text *s, struct err *err)
{
    const struct plan *plan = s->facts->plan;
    int rc = 0;
    size_t i;

    for (i = 0; rc == 0 && i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (fetch_packed(s->facts->fetch, item)->here)
            rc = put_artifact(s, &s->w, item, err);
    }
    return rc;
}

/* Write the kept rows again. */
static int repeat_rows(struct manifest_text *s, const struct kept *kept, struct err *err)
{
    struct body_cursor cursor = { 0 };
    char piece[PIECE];
    uint64_t at = 0;
    ssize_t n;

    while ((n = body_read_at(kept->rows, &cursor, piece, sizeof(piece), at, err)) > 0) {
        jsonw_members(&s->w, piece, (size_t)n);
        at += (uint64_t)n;
    }
    return n < 0 ? err_wrap(err, "a temporary file in '%s'", s->facts->spool.dir) : 0;
}

/* Write rows: make them, or repeat those that were kept. */
static int put_rows(struct manifest_text *s, struct tee *tee, struct kept *kept,
                    int (*make)(struct manifest_text *s, struct err *err), struct err *err)
{
    int rc;

    if (kept->whole)
        return repeat_rows(s, kept, err);
    jsonw_flush(&s->w);
    tee->keeping = kept;
    rc = make(s, err);
    jsonw_flush(&s->w);
    tee->keeping = NULL;
    kept->whole = rc == 0 && kept->rows && !s->w.failed;
    if (!kept->whole) { /* part of the rows must not be repeated */
        body_free(kept->rows);
        kept->rows = NULL;
    }
    return rc;
}

/* Write all pending data of the volume; the rows so far were made while it was written. */
static int drain(struct manifest_text *s, struct err *err)
{
    if (s->drained)
        return 0;
    s->drained = true;
    return volume_drain(s->facts->volume, &s->facts->totals.stored_bytes, err);
}

int manifest_text_put(struct manifest_text *s, const struct manifest_views *views, put_fn *put,
                      void *ctx, struct err *err)
{
    const struct manifest_facts *facts = s->facts;
    struct tee tee = { put, ctx, s, NULL };
    const struct document *document;
    size_t i;

    jsonw_init(&s->w, put_tee, &tee);
    manifest_begin(&s->w, &facts->head);
    if (put_rows(s, &tee, &s->runs, put_runs, err) < 0)
        return -1;
    manifest_documents(&s->w);
    for (document = packer_documents(facts->packer); document; document = document->next)
        manifest_document(&s->w, document->path, document->size, document->digest.sha256,
                          document->place.offset);
    for (i = 0; i < views->count; i++)
        manifest_document(&s->w, views->files[i].path, views->files[i].size,
                          views->files[i].sha256, views->files[i].offset);
    manifest_artifacts(&s->w);
    if (put_rows(s, &tee, &s->artifacts, put_artifacts, err) < 0)
        return -1;
    manifest_missing(&s->w);
    put_missing(s, &s->w);
    if (!s->page && drain(s, err) < 0)
        return -1;
    return manifest_end(&s->w, &facts->totals, err);
}

static int feed_rows(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return manifest_read_feed(ctx, bytes, len, err);
}

int manifest_text_show(struct manifest_text *s, struct page *page, struct err *err)
{
    static const struct manifest_views none;
    struct manifest_read rows;
    int rc;

    manifest_read_init(&rows, page_row, page);
    s->page = page;
    rc = manifest_text_put(s, &none, feed_rows, &rows, err);
    s->page = NULL;
    manifest_read_clear(&rows);
    return rc;
}
