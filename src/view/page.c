/* SPDX-License-Identifier: MIT */
#include "view/page.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/payload_path.h"
#include "format/sniff.h"
#include "format/tagfile.h"
#include "view/about.h"
#include "view/asset.h"
#include "view/har.h"
#include "view/inert.h"
#include "view/recording.h"
#include "view/row_json.h"
#include "view/skeleton.h"
#include "view/store.h"
#include "view/texts.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_MAX ((size_t)64 << 20) /* limit of one row or text, escaped */
#define SCRATCH   ((size_t)1 << 20)  /* rows whose texts are freed together */
#define VALUES    ((size_t)750000)   /* of a HAR that is served, for memory: 20 bytes each */

struct page {
    struct store rows; /* the runs' rows for index.html */
    struct sidecars *sidecars;
    struct texts *texts;
    uint64_t payload; /* bytes of the artifacts, duplicates counted once; see PAGE_SHARE */
    uint64_t words;   /* bytes of titles and failure reasons in rows */
    struct about about;
    bool marked;            /* a page of chosen runs */
    bool live;              /* see page_live */
    bool broken;            /* see page_broken */
    struct region *scratch; /* texts of the last rows */
    size_t scratch_used;
    page_clean_fn *clean;
    struct buf taken; /* see page_take */
    struct buf cleaned;
    struct buf block;
    struct buf raw;
};

int page_keep_text(struct buf *out, const char *text, size_t len, struct err *err)
{
    return buf_add(out, text, len, err);
}

void page_mark(struct page *page)
{
    page->marked = true;
}

void page_live(struct page *page)
{
    page->live = true;
}

struct page *page_new(const char *dir, struct err *err)
{
    struct page *page = mem_new(sizeof(*page), err);

    if (!page)
        return NULL;
    page->clean = page_keep_text;
    page->rows.fd = -1;
    buf_init(&page->block, BLOCK_MAX);
    buf_init(&page->raw, BLOCK_MAX);
    buf_init(&page->cleaned, BLOCK_MAX);
    buf_init(&page->taken, BLOCK_MAX);
    page->sidecars = sidecars_new(dir, err);
    page->texts = page->sidecars ? texts_new(dir, err) : NULL;
    if (page->texts && store_open(&page->rows, dir, err) == 0)
        return page;
    page_free(page);
    return NULL;
}

void page_free(struct page *page)
{
    if (!page)
        return;
    store_close(&page->rows);
    sidecars_free(page->sidecars);
    texts_free(page->texts);
    region_free(page->scratch);
    buf_clear(&page->block);
    buf_clear(&page->raw);
    buf_clear(&page->cleaned);
    buf_clear(&page->taken);
    mem_free(page);
}

void page_clean(struct page *page, page_clean_fn *clean)
{
    page->clean = clean;
}

/* Redact a document or row of the archive; the result is lent until the next call. */
static int take_clean(struct page *page, const char **text, size_t *len, struct err *err)
{
    buf_reset(&page->cleaned);
    if (page->clean(&page->cleaned, *text, *len, err) < 0)
        return -1;
    *text = buf_text(&page->cleaned);
    *len = page->cleaned.len;
    return 0;
}

/* What may be copied of texts if the artifacts have so many bytes; see PAGE_SHARE. */
static struct texts_budget budget_of(uint64_t payload)
{
    struct texts_budget budget = { .all = payload / PAGE_SHARE,
                                   .lead_max = payload / PAGE_LEAD_SHARE };

    if (budget.lead_max < PAGE_LEAD_MIN)
        budget.lead_max = PAGE_LEAD_MIN;
    if (budget.lead_max > PAGE_LEAD_MAX)
        budget.lead_max = PAGE_LEAD_MAX;
    return budget;
}

int page_expect(struct page *page, uint64_t bytes, const char *lead_id, struct err *err)
{
    struct texts_budget most =
        budget_of(bytes < UINT64_MAX / PAGE_MEDIA ? bytes * PAGE_MEDIA : UINT64_MAX);

    most.lead = sidecars_run(page->sidecars, lead_id, strlen(lead_id), err);
    if (!most.lead)
        return -1;
    texts_expect(page->texts, &most);
    return 0;
}

int page_failed(struct page *page, const char *run_id, struct err *err)
{
    struct sidecar_run *run = sidecars_run(page->sidecars, run_id, strlen(run_id), err);

    if (run)
        run->failed = true;
    return run ? 0 : -1;
}

static bool ends(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len > n && strcmp(text + len - n, end) == 0;
}

/*
 * Whether a text can be copied, by the type of its artifact; *kind gets its kind. Other
 * artifacts are not copied: pictures, recordings, and texts that a browser shows from their own
 * files. A page that is served (live) has these texts, too (TEXT_OTHER), so that they can be
 * searched.
 */
static bool kind_of(const struct page_file *file, bool live, enum text_kind *kind)
{
    const char *type = file->type ? file->type : "";
    const char *media = file->media_type;
    size_t len = strlen(type);

    *kind = sniff_type_is_har(type)                                  ? TEXT_HAR
            : ends(type, len, "_log") || ends(type, len, "_log_raw") ? TEXT_LOG
            : strncmp(type, "html", 4) == 0                          ? TEXT_HTML
            : sniff_type_is_answer(type)                             ? TEXT_MODEL
            : strncmp(type, "llm_prompt", 10) == 0                   ? TEXT_PROMPT
            : strncmp(type, "visible_elements_tree", 21) == 0        ? TEXT_TREE
                                                                     : TEXT_OTHER;
    if (!len || *kind != TEXT_OTHER)
        return len;
    return live && (strncmp(media, "text/", 5) == 0 || strcmp(media, "application/json") == 0);
}

/* Whether a document is of a run: data/RUN_ID/run.json, data/RUN_ID/records/NAME.json. */
static bool is_story(const char *path)
{
    const char *name = path_base(path);

    return strcmp(name, TAGFILE_RUN) == 0 ||
           (name - path > 9 && strncmp(name - 9, "/records/", 9) == 0);
}

static size_t wants(const struct page_file *file, bool live)
{
    enum text_kind kind;

    if (!file->media_type) /* not truncated, since it is parsed as JSON */
        return is_story(file->path) && file->size <= PAGE_RECORD_MAX ? (size_t)file->size : 0;
    if (strncmp(file->media_type, "video/", 6) == 0)
        return file->size < RECORDING_HEAD ? (size_t)file->size : RECORDING_HEAD;
    if (!kind_of(file, live, &kind))
        return 0;
    if (kind == TEXT_HAR)
        return file->size <= HAR_SIZE_MAX ? (size_t)file->size : 0;
    return file->size < PAGE_TEXT_MAX ? (size_t)file->size : PAGE_TEXT_MAX;
}

size_t page_wants(const struct page_file *file)
{
    return wants(file, false);
}

size_t page_live_wants(const struct page_file *file)
{
    return wants(file, true);
}

enum page_part page_part_of(const struct page_file *file)
{
    enum text_kind kind = TEXT_OTHER;

    if (!file->media_type)
        return PAGE_PART_RECORDS;
    (void)kind_of(file, true, &kind);
    return strncmp(file->media_type, "video/", 6) == 0 || kind == TEXT_HAR ||
                   kind == TEXT_LOG || kind == TEXT_MODEL
               ? PAGE_PART_LINES
               : PAGE_PART_TEXTS;
}

/* Add [path, whether it is cut, value] to a run's sidecar; json: the value is JSON already. */
static int add_text(struct page *page, const struct text *text, bool json, struct err *err)
{
    struct buf *raw = &page->raw;

    buf_reset(raw);
    buf_reset(&page->block);
    if (buf_adds(raw, "[", err) < 0 || row_json_path(raw, text->path, text->run->id, err) < 0 ||
        buf_adds(raw, text->cut ? ",1," : ",0,", err) < 0 ||
        (json ? buf_add(raw, text->bytes, text->len, err)
              : jsonw_quote(raw, text->bytes, text->len, err)) < 0 ||
        buf_adds(raw, "]", err) < 0 || inert_json(&page->block, raw->data, raw->len, err) < 0)
        return -1;
    return sidecars_add(page->sidecars, text->run, SIDECAR_TEXT, &page->block, err);
}

/* Add a document; one that is not JSON is shown as it is. */
static int add_record(struct page *page, const struct sidecar_run *run, const char *path,
                      const char *bytes, size_t len, struct err *err)
{
    struct text text = { .run = run, .path = path, .bytes = bytes, .len = len };
    struct err ignored;

    if (take_clean(page, &text.bytes, &text.len, err) < 0)
        return -1;
    return add_text(page, &text, json_check(text.bytes, text.len, NULL, &ignored) == 0, err);
}

/* Add when a recording began, if it states that: {"start": TIME}. */
static int add_recording(struct page *page, const struct sidecar_run *run, const char *path,
                         const char *bytes, size_t len, struct err *err)
{
    int64_t start = recording_start(bytes, len);
    char time[CLOCK_TEXT_MAX];
    char value[64];
    struct text text = { .run = run, .path = path, .bytes = value };

    if (start == CLOCK_NONE)
        return 0;
    text.len = (size_t)snprintf(value, sizeof(value), "{\"start\":\"%s\"}",
                                clock_format(time, start, CLOCK_RFC3339));
    return add_text(page, &text, true, err);
}

int page_text(struct page *page, const struct page_file *file, const char *bytes, size_t len,
              struct err *err)
{
    const struct sidecar_run *run;
    struct text text = { .path = file->path, .bytes = bytes, .len = len };
    size_t len_of_id;
    const char *id = payload_path_run(file->path, &len_of_id);
    struct err ignored;

    if (!id)
        return 0;
    run = sidecars_run(page->sidecars, id, len_of_id, err);
    if (!run)
        return -1;
    if (!file->media_type)
        return add_record(page, run, file->path, bytes, len, err);
    if (strncmp(file->media_type, "video/", 6) == 0)
        return add_recording(page, run, file->path, bytes, len, err);
    if (!kind_of(file, page->live, &text.kind))
        return 0;
    text.run = run;
    text.cut = len < file->size;
    if (text.kind == TEXT_HAR) {
        buf_reset(&page->raw);
        if (har_rows(bytes, len, page->live ? VALUES : SIZE_MAX, &page->raw, &ignored) < 0)
            return 0; /* it is shown as a link */
        text.bytes = buf_text(&page->raw);
        text.len = page->raw.len;
    }
    return texts_add(page->texts, &text, err);
}

int page_take(struct page *page, const struct page_file *file, page_read_fn *read, void *ctx,
              struct err *err)
{
    size_t want = page_wants(file);
    char *room;
    size_t got = 0;
    ssize_t n = 1;
    int rc;

    if (!want)
        return 0;
    buf_reset(&page->taken);
    room = buf_room(&page->taken, want, err);
    while (room && got < want && n > 0) {
        n = read(ctx, room + got, want - got, err);
        got += n > 0 ? (size_t)n : 0;
    }
    rc = !room || n < 0 ? -1 : page_text(page, file, room, got, err);
    if (want > PAGE_TEXT_MAX) /* a HAR: rare, and large */
        buf_clear(&page->taken);
    return rc;
}

/* Add what is in page->raw to a run's sidecar. */
static int add_part(struct page *page, const struct sidecar_run *run, enum sidecar_part part,
                    struct err *err)
{
    buf_reset(&page->block);
    if (inert_json(&page->block, page->raw.data, page->raw.len, err) < 0)
        return -1;
    return sidecars_add(page->sidecars, run, part, &page->block, err);
}

static int add_run(struct page *page, const char *text, size_t len, struct region *region,
                   struct err *err)
{
    struct manifest_read_run row;
    struct sidecar_run *run;

    if (take_clean(page, &text, &len, err) < 0 ||
        manifest_read_run(&row, text, len, region, err) < 0)
        return -1;
    run = sidecars_run(page->sidecars, row.run_id, strlen(row.run_id), err);
    if (!run || run->listed)
        return run ? 0 : -1;
    run->failed = row_json_failed(&row);
    buf_reset(&page->raw);
    if (sidecars_list(page->sidecars, run, err) < 0 ||
        row_json_short(&page->raw, &row, &page->words, err) < 0)
        return -1;
    buf_reset(&page->block);
    if ((page->rows.size && buf_adds(&page->block, ",\n", err) < 0) ||
        inert_json(&page->block, page->raw.data, page->raw.len, err) < 0 ||
        store_add(&page->rows, page->block.data, page->block.len, err) < 0)
        return -1;
    buf_reset(&page->raw);
    if (row_json_long(&page->raw, text, len, err) < 0)
        return -1;
    return add_part(page, run, SIDECAR_RUN, err);
}

static bool is_media(const char *type)
{
    return type && (strncmp(type, "image/", 6) == 0 || strncmp(type, "video/", 6) == 0 ||
                    strncmp(type, "audio/", 6) == 0);
}

/* Record whether the page's own files have failed. */
static int note(struct page *page, int rc, const struct err *err)
{
    page->broken = page->broken || (rc < 0 && err && err->kind == ERR_SYSTEM);
    return rc;
}

int page_artifact(struct page *page, const struct manifest_read_artifact *row, struct err *err)
{
    struct sidecar_run *run =
        sidecars_run(page->sidecars, row->run_id, strlen(row->run_id), err);

    buf_reset(&page->raw);
    if (!run || row_json_artifact(&page->raw, row, err) < 0)
        return note(page, -1, err);
    page->about.artifacts++;
    page->about.bytes += row->size;
    page->payload += row->duplicate_of           ? 0
                     : is_media(row->media_type) ? row->size * PAGE_MEDIA
                                                 : row->size;
    return note(page, add_part(page, run, SIDECAR_ROW, err), err);
}

static int add_artifact(struct page *page, const char *text, size_t len, struct region *region,
                        struct err *err)
{
    struct manifest_read_artifact row;

    return manifest_read_artifact(&row, text, len, region, err) < 0
               ? -1
               : page_artifact(page, &row, err);
}

static int add_missing(struct page *page, const char *text, size_t len, struct region *region,
                       struct err *err)
{
    struct manifest_read_missing row;
    struct sidecar_run *run;

    if (manifest_read_missing(&row, text, len, region, err) < 0)
        return -1;
    page->about.missing++;
    run = sidecars_run(page->sidecars, row.run_id, strlen(row.run_id), err);
    buf_reset(&page->raw);
    if (!run || buf_add(&page->raw, text, len, err) < 0)
        return -1;
    return add_part(page, run, SIDECAR_MISSING, err);
}

/* Take a value of the manifest's head, redacted. */
static int add_about(struct page *page, enum manifest_read_section section, const char *text,
                     size_t len, struct err *err)
{
    if (take_clean(page, &text, &len, err) < 0)
        return -1;
    (section == MANIFEST_READ_SOURCE ? about_source : about_created)(&page->about, text, len);
    return 0;
}

int page_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
             struct err *err)
{
    struct page *page = ctx;
    int rc = 0;

    if (section == MANIFEST_READ_CREATED || section == MANIFEST_READ_SOURCE)
        return note(page, add_about(page, section, text, len, err), err);
    page->about.filtered = page->about.filtered || section == MANIFEST_READ_FILTER;
    if (section != MANIFEST_READ_RUNS && section != MANIFEST_READ_ARTIFACTS &&
        section != MANIFEST_READ_MISSING)
        return 0;
    page->scratch_used += len;
    if (!page->scratch || page->scratch_used > SCRATCH) {
        region_free(page->scratch);
        page->scratch = region_new(err);
        page->scratch_used = len;
    }
    if (!page->scratch)
        return -1;
    if (section == MANIFEST_READ_RUNS)
        rc = add_run(page, text, len, page->scratch, err);
    else if (section == MANIFEST_READ_ARTIFACTS)
        rc = add_artifact(page, text, len, page->scratch, err);
    else
        rc = add_missing(page, text, len, page->scratch, err);
    return note(page, rc, err);
}

bool page_broken(const struct page *page)
{
    return page->broken;
}

/* Copy a chosen text; a texts_fn. */
static int on_chosen(void *ctx, const struct text *text, struct err *err)
{
    return add_text(ctx, text, text->kind == TEXT_HAR, err);
}

int page_settle(struct page *page, struct err *err)
{
    struct texts_budget budget = budget_of(page->payload);
    size_t i;

    if (page->live)
        budget.all = budget.lead_max = TEXTS_MAX;
    for (i = 0; i < sidecars_count(page->sidecars); i++) {
        const struct sidecar_run *run = sidecars_at(page->sidecars, i);

        if (!budget.lead || (run->failed && !budget.lead->failed))
            budget.lead = run;
    }
    if (texts_choose(page->texts, &budget, on_chosen, page, err) < 0 ||
        store_flush(&page->rows, err) < 0 || sidecars_sort(page->sidecars, err) < 0)
        return note(page, -1, err);
    return 0;
}

size_t page_sidecars(const struct page *page)
{
    return sidecars_count(page->sidecars);
}

bool page_sidecar(struct page *page, size_t n, struct page_sidecar *out)
{
    if (!sidecars_path(page->sidecars, n, out->path))
        return false;
    out->size = sidecars_size(page->sidecars, n);
    return true;
}

int page_put_sidecar(struct page *page, size_t n, put_fn *put, void *ctx, struct err *err)
{
    return sidecars_put(page->sidecars, n, put, ctx, err);
}

int page_put_json(struct page *page, size_t n, put_fn *put, void *ctx, struct err *err)
{
    return sidecars_put_json(page->sidecars, n, put, ctx, err);
}

static int put_text(const char *text, put_fn *put, void *ctx, struct err *err)
{
    return put(ctx, text, strlen(text), err);
}

/* Write the contents of all sidecars as inert JSON. */
static int put_whole(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    size_t i;

    for (i = 0; i < sidecars_count(page->sidecars); i++) {
        buf_reset(&page->block);
        if (buf_adds(&page->block, "<script type=\"application/json\" data-sidecar=\"", err) <
                0 ||
            inert_attribute(&page->block, sidecars_at(page->sidecars, i)->id, err) < 0 ||
            buf_adds(&page->block, "\">", err) < 0 ||
            put(ctx, page->block.data, page->block.len, err) < 0 ||
            sidecars_put_json(page->sidecars, i, put, ctx, err) < 0 ||
            put_text("</script>\n", put, ctx, err) < 0)
            return -1;
    }
    return 0;
}

/* Write the member "runs" and the end of the object. */
static int put_runs(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    if (put_text("\"runs\": [", put, ctx, err) < 0 ||
        store_copy(&page->rows, 0, page->rows.size, put, ctx, err) < 0)
        return -1;
    return put_text("]}", put, ctx, err);
}

int page_put_rows(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    return put_text("{", put, ctx, err) < 0 ? -1 : put_runs(page, put, ctx, err);
}

/* Write what the script reads first: what is known of the whole, and the short rows of runs. */
static int put_rows(struct page *page, put_fn *put, void *ctx, struct err *err)
{
    buf_reset(&page->block);
    if (buf_adds(&page->block, "{\"about\": ", err) < 0 ||
        about_put(&page->about, &page->block, err) < 0 ||
        buf_adds(&page->block, ",\n", err) < 0 ||
        put(ctx, page->block.data, page->block.len, err) < 0)
        return -1;
    return put_runs(page, put, ctx, err);
}

/* What is to be written, and where. */
struct writing {
    struct page *page;
    const char *title;
    bool whole;
    put_fn *put;
    void *ctx;
};

/* Write what stands in the place of a name of the skeleton; a skeleton_fn. */
static int put_named(void *ctx, const char *name, size_t len, struct err *err)
{
    const struct writing *w = ctx;
    struct page *page = w->page;
    struct buf *block = &page->block;
    const char *mark = page->live ? PAGE_LIVE_MARK : page->marked ? PAGE_MARK : "";

    if (strncmp(name, "ROWS", len) == 0)
        return put_rows(page, w->put, w->ctx, err);
    if (strncmp(name, "SIDECARS", len) == 0)
        return w->whole ? put_whole(page, w->put, w->ctx, err) : 0;
    if (strncmp(name, "STYLE", len) == 0)
        return w->put(w->ctx, asset_style.text, asset_style.len, err);
    if (strncmp(name, "SCRIPT", len) == 0)
        return w->put(w->ctx, asset_script.text, asset_script.len, err);
    buf_reset(block);
    if ((strncmp(name, "MARK", len) == 0     ? buf_adds(block, mark, err)
         : strncmp(name, "POLICY", len) == 0 ? skeleton_policy(block, page->live, err)
                                             : inert_attribute(block, w->title, err)) < 0)
        return -1;
    return w->put(w->ctx, block->data, block->len, err);
}

int page_write(struct page *page, const char *title, bool whole, put_fn *put, void *ctx,
               struct err *err)
{
    struct writing w = { page, title, whole, put, ctx };

    return skeleton_write(put, ctx, put_named, &w, err);
}
