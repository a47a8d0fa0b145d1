/* SPDX-License-Identifier: MIT */
#include "pull/tagfiles.h"

#include "base/clock.h"
#include "base/mem.h"
#include "format/bag.h"
#include "redact/redact.h"
#include "writer/body.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX     ((size_t)1 << 20)
#define RUN_TEXT_MAX ((size_t)64 << 10) /* of a failure reason, and of a prompt */
#define RUN_OUTPUT_MAX                                                                         \
    ((size_t)16 << 10) /* of an output; all of them fit in MANIFEST_READ_ROW_MAX */
#define RUN_TITLE_MAX  ((size_t)2 << 10)
#define RECORDS_LACKED 200 /* of a run, that its row names */
#define WORD_MAX       4096
#define PATH_MAX_ENTRY 1024

enum run_text { TEXT_FAILURE, TEXT_PROMPT, TEXT_TITLE, TEXT_OUTPUT, RUN_TEXTS };

enum tag_file { TAG_VIEW, TAG_MANIFEST, TAG_PAYLOAD, TAG_INFO, TAG_BAGIT, TAG_TAGS, TAG_COUNT };

static const char *const tag_names[TAG_COUNT] = {
    PAGE_NAME,      "manifest.json", "manifest-sha256.txt",
    "bag-info.txt", "bagit.txt",     "tagmanifest-sha256.txt",
};

/* What is known of each after its first making. */
struct tag {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

struct making {
    struct tagfiles *record;
    struct tag tags[TAG_COUNT];
    struct tag view;       /* index.html, when there is one */
    struct region *region; /* texts that were not clean as they came */
    struct buf texts[RUN_TEXTS];
    struct manifest_record lacked[RECORDS_LACKED];
    uint64_t payload_bytes;
    uint64_t payload_files;
};

enum reason tagfiles_reason(const struct fetch *fetch, const struct item *item)
{
    const struct outcome *outcome = fetch_outcome(fetch, item);

    if (!outcome->reason && item->leader)
        outcome = fetch_outcome(fetch, item->leader);
    return outcome->reason ? outcome->reason : REASON_NOT_FETCHED;
}

void tagfiles_count(struct tagfiles *record)
{
    struct manifest_totals *t = &record->totals;
    size_t i;

    for (i = 0; i < record->listing->count; i++)
        t->missing += record->listing->runs[i].failed;
    for (i = 0; i < plan_count(record->plan); i++) {
        const struct item *item = plan_at(record->plan, i);

        if (item_hidden(item))
            continue;
        if (!item->packed) {
            t->missing++;
            continue;
        }
        t->artifacts++;
        t->bytes += item->size;
        t->duplicates += item->duplicate_of != NULL;
        record->mismatches += item->mismatch;
        record->suspects += item->suspect;
    }
    t->unique = t->artifacts - t->duplicates;
    t->downloaded_bytes = fetch_progress(record->fetch)->bytes;
}

/* A foreign text without secrets, put into a buffer; NULL for NULL. */
static const char *clean_into(struct making *m, struct buf *out, const char *text, size_t len)
{
    struct redact what = { secret_peek(m->record->api->key), false, NULL };
    struct err ignored;

    if (!text)
        return NULL;
    buf_reset(out);
    if (redact_text(out, text, len, &what, &ignored) < 0)
        return "(too long)";
    return buf_text(out);
}

/* The same, of a text of any kind that a row has. */
static const char *clean(struct making *m, const char *text)
{
    struct redact what = { secret_peek(m->record->api->key), false, NULL };

    return redact_copy(text, &what, m->region);
}

/* How much of a text a run's row may have; not half a character of it, nor, where words are of
 * a usual length, half a word: half a secret would not be known as one. */
static size_t short_len(const char *text, size_t max)
{
    size_t len = text ? strlen(text) : 0;
    size_t at;

    if (len <= max)
        return len;
    len = max;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    for (at = len; at && len - at < WORD_MAX; at--) {
        if ((unsigned char)text[at] <= ' ')
            return at;
    }
    return len;
}

/* What a run's row may have of a text, clean. */
static const char *clean_short(struct making *m, enum run_text which, const char *text,
                               size_t max)
{
    return clean_into(m, &m->texts[which], text, short_len(text, max));
}

/* Name the records that are not here; gives how many. */
static size_t name_lacked(struct making *m, const struct record_set *set)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < set->count && count < RECORDS_LACKED; i++) {
        const struct record_row *row = &set->rows[i];

        if (row->reason)
            m->lacked[count++] =
                (struct manifest_record){ row->name, reason_word(row->reason),
                                          row->http_status ? (uint64_t)row->http_status
                                                           : MANIFEST_NONE };
    }
    return count;
}

/* A workflow run's record has them where the run's own does not. */
static const char *prompt_of(const struct listed_run *run)
{
    return run->run.prompt ? run->run.prompt : run->workflow.prompt;
}

static const char *title_of(const struct listed_run *run)
{
    return run->run.title ? run->run.title : run->workflow.title;
}

static void put_runs(struct making *m, struct jsonw *w)
{
    const struct tagfiles *record = m->record;
    size_t item = 0;
    size_t i;

    for (i = 0; i < record->listing->count; i++) {
        const struct listed_run *listed = &record->listing->runs[i];
        const struct run *run = &listed->run;
        struct manifest_run row = {
            .run_id = listed->id,
            .other_run_id = *listed->other ? listed->other : NULL,
            .parent_run_id = listed->parent,
            .status = clean(m, run->status),
            .run_type = clean(m, run->run_type),
            .created_at = clean(m, run->created_at),
            .started_at = clean(m, run->started_at),
            .finished_at = clean(m, run->finished_at),
            .supplements = record->parent ? record->parent(record->ctx, listed->id) : NULL,
            .error = listed->failed ? reason_word(listed->reason) : NULL,
            .notes = listed->notes,
            .note_count = listed->note_count,
            .records = listed->records.here,
            .records_missing = m->lacked
        };

        for (; item < plan_count(record->plan) && plan_at(record->plan, item)->run == i;
             item++) {
            if (item_hidden(plan_at(record->plan, item)))
                continue;
            row.listed++;
            row.archived += plan_at(record->plan, item)->packed;
        }
        row.missing = row.listed - row.archived;
        row.failure_reason = clean_short(m, TEXT_FAILURE, run->failure_reason, RUN_TEXT_MAX);
        row.prompt = clean_short(m, TEXT_PROMPT, prompt_of(listed), RUN_TEXT_MAX);
        row.title = clean_short(m, TEXT_TITLE, title_of(listed), RUN_TITLE_MAX);
        row.output = clean_short(m, TEXT_OUTPUT, run->output_json, RUN_OUTPUT_MAX);
        row.records_missing_count = name_lacked(m, &listed->records);
        manifest_run(w, &row);
    }
}

/* What is odd about an item, and that there was no object of a row without bytes. */
static size_t note_item(const struct item *item, const struct outcome *outcome,
                        const char *notes[ITEM_NOTES + 1])
{
    size_t i;

    for (i = 0; i < item->note_count; i++)
        notes[i] = item->notes[i];
    if (!item->size && (outcome->http_status == 404 || outcome->http_status == 410))
        notes[i++] = "no-object";
    return i;
}

static void put_artifact(struct making *m, struct jsonw *w, const struct item *item)
{
    const struct tagfiles *record = m->record;
    const struct artifact *a = &record->listing->runs[item->run].list.rows[item->row];
    const struct outcome *outcome = fetch_outcome(record->fetch, item);
    const char *notes[ITEM_NOTES + 1];
    struct manifest_artifact row = {
        .path = item->path,
        .run_id = item->what.run_id,
        .artifact_id = a->unnamed ? NULL : clean(m, a->artifact_id),
        .origin = a->origin ? a->origin : "list",
        .artifact_type = clean(m, a->artifact_type),
        .step_id = clean(m, a->step_id),
        .created_at = clean(m, a->created_at),
        .size = item->size,
        .digest = item->digest,
        .media_type = item->media_type,
        .duplicate_of = item->duplicate_of ? item->duplicate_of->path : NULL,
        .link = item->link,
        .uri = clean(m, a->uri),
        .bundle_key = clean(m, a->bundle_key),
        .fetched_at = outcome->fetched_at,
        .fetched_via = outcome->via,
        .checksum = clean(m, a->checksum),
        .listed_size = a->sized ? a->file_size : MANIFEST_NONE,
        .modified_at = clean(m, a->modified_at),
        .mismatch = item->mismatch,
        .notes = notes,
        .note_count = note_item(item, outcome, notes),
        .encoding = item->encoded ? "zstd" : NULL,
        .encoded_size = item->encoded_size,
        .encoded_sha256 = item->encoded_sha256,
        .frame = item->place.frame,
        .offset = item->place.offset,
    };

    manifest_artifact(w, &row);
}

/* The service's ID; NULL where it gave none. */
static const char *artifact_id(const struct tagfiles *record, const struct item *item)
{
    const struct artifact *a = &record->listing->runs[item->run].list.rows[item->row];

    return a->unnamed ? NULL : a->artifact_id;
}

static void put_missing(struct making *m, struct jsonw *w)
{
    const struct tagfiles *record = m->record;
    struct manifest_missing row;
    size_t i;

    for (i = 0; i < record->listing->count; i++) {
        const struct listed_run *run = &record->listing->runs[i];

        if (!run->failed)
            continue;
        row = (struct manifest_missing){ NULL,          run->id,
                                         NULL,          reason_word(run->reason),
                                         MANIFEST_NONE, run->attempts };
        if (run->err.http)
            row.http_status = (uint64_t)run->err.http;
        manifest_lost(w, &row);
    }
    for (i = 0; i < plan_count(record->plan); i++) {
        const struct item *item = plan_at(record->plan, i);
        const struct outcome *outcome = fetch_outcome(record->fetch, item);

        if (item->packed || item_hidden(item))
            continue;
        row = (struct manifest_missing){ clean(m, artifact_id(record, item)),
                                         item->what.run_id,
                                         clean(m, item->what.type),
                                         reason_word(tagfiles_reason(record->fetch, item)),
                                         MANIFEST_NONE,
                                         outcome->attempts };
        if (outcome->http_status)
            row.http_status = (uint64_t)outcome->http_status;
        manifest_lost(w, &row);
    }
}

static int make_manifest(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    const struct tagfiles *record = m->record;
    struct jsonw *w = mem_new(sizeof(*w), err);
    const struct document *document;
    size_t i;
    int rc;

    if (!w)
        return -1;
    jsonw_init(w, put, ctx);
    manifest_begin(w, &record->head);
    put_runs(m, w);
    manifest_documents(w);
    for (document = packer_documents(record->packer); document; document = document->next)
        manifest_document(w, document->path, document->size, document->digest.sha256);
    if (m->tags[TAG_VIEW].size)
        manifest_document(w, PAGE_NAME, m->tags[TAG_VIEW].size, m->tags[TAG_VIEW].sha256);
    manifest_artifacts(w);
    for (i = 0; i < plan_count(record->plan); i++) {
        const struct item *item = plan_at(record->plan, i);

        if (item->packed && !item_hidden(item))
            put_artifact(m, w, item);
    }
    manifest_missing(w);
    put_missing(m, w);
    rc = manifest_end(w, &record->totals, err);
    mem_free(w);
    return rc;
}

static int make_payload(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    const struct document *document;
    size_t i;

    m->payload_bytes = m->payload_files = 0;
    for (document = packer_documents(m->record->packer); document; document = document->next) {
        if (bag_line(put, ctx, document->digest.sha256, document->path, err) < 0)
            return -1;
        m->payload_bytes += document->size;
        m->payload_files++;
    }
    for (i = 0; i < plan_count(m->record->plan); i++) {
        const struct item *item = plan_at(m->record->plan, i);

        if (!item->packed || item_hidden(item))
            continue;
        if (bag_line(put, ctx, item->digest.sha256, item->path, err) < 0)
            return -1;
        m->payload_bytes += item->size;
        m->payload_files++;
    }
    return 0;
}

static int make_tags(struct making *m, put_fn *put, void *ctx, struct err *err)
{
    int i;

    for (i = 0; i < TAG_TAGS; i++) {
        if (m->tags[i].size && bag_line(put, ctx, m->tags[i].sha256, tag_names[i], err) < 0)
            return -1;
    }
    return 0;
}

static int make(struct making *m, enum tag_file file, put_fn *put, void *ctx, struct err *err)
{
    const struct tagfiles *record = m->record;
    struct bag_info info = { .name = record->top,
                             .software = record->head.tool,
                             .source = record->head.source,
                             .made = record->head.created_at,
                             .bytes = m->payload_bytes,
                             .files = m->payload_files,
                             .previous = record->head.previous,
                             .previous_sha256 = record->head.previous_sha256 };

    switch (file) {
    case TAG_VIEW:
        return page_write(record->page, record->top, put, ctx, err);
    case TAG_MANIFEST:
        return make_manifest(m, put, ctx, err);
    case TAG_PAYLOAD:
        return make_payload(m, put, ctx, err);
    case TAG_INFO:
        return bag_info(put, ctx, &info, err);
    case TAG_BAGIT:
        return put(ctx, BAG_DECLARATION, strlen(BAG_DECLARATION), err);
    case TAG_TAGS:
        return make_tags(m, put, ctx, err);
    case TAG_COUNT:
        break;
    }
    return 0;
}

struct measure {
    struct sha256 *sha;
    struct sha512 *sha512; /* NULL: not wanted */
    uint64_t size;
};

static int put_measure(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct measure *measure = ctx;

    (void)err;
    sha256_add(measure->sha, bytes, len);
    if (measure->sha512)
        sha512_add(measure->sha512, bytes, len);
    measure->size += len;
    return 0;
}

static int put_volume(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return volume_add(ctx, bytes, len, err);
}

/* A body being read from its beginning on. */
struct reading {
    const struct body *body;
    struct body_cursor cursor;
    uint64_t at;
};

static ssize_t read_on(void *ctx, void *bytes, size_t len, struct err *err)
{
    struct reading *r = ctx;
    ssize_t n = body_read_at(r->body, &r->cursor, bytes, len, r->at, err);

    r->at += n > 0 ? (uint64_t)n : 0;
    return n;
}

int tagfiles_see(void *ctx, const char *path, const struct item *item, const struct body *body,
                 struct err *err)
{
    struct reading reading = { .body = body };
    const struct page_file file = { path, item ? item->what.type : NULL,
                                    item ? item->media_type : NULL, body->size };

    return page_take(ctx, &file, read_on, &reading, err);
}

static int feed_rows(void *ctx, const void *bytes, size_t len, struct err *err)
{
    return manifest_read_feed(ctx, bytes, len, err);
}

/* The offline view learns its rows from the manifest's maker. */
static int feed_view(struct making *m, struct err *err)
{
    struct manifest_read rows;
    int rc;

    manifest_read_init(&rows, page_row, m->record->page);
    rc = make_manifest(m, feed_rows, &rows, err);
    manifest_read_clear(&rows);
    return rc;
}

/* Make a file twice: to be measured, and into the volume; sha512 is the manifest's alone. */
static int write_tag(struct making *m, enum tag_file file, struct volume *volume,
                     struct measure *measure, struct spot *place, struct err *err)
{
    const struct tagfiles *record = m->record;
    char path[PATH_MAX_ENTRY];
    struct tag *tag = &m->tags[file];

    measure->size = 0;
    if (make(m, file, put_measure, measure, err) < 0)
        return -1;
    tag->size = measure->size;
    sha256_end(measure->sha, tag->sha256);
    if (measure->sha512) {
        memcpy(m->record->sha256, tag->sha256, SHA256_SIZE);
        sha512_end(measure->sha512, m->record->sha512);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", record->top, tag_names[file]);
    if (volume_begin(volume,
                     &(struct entry_file){ .path = path,
                                           .size = tag->size,
                                           .mtime = record->head.created_at / 1000 },
                     place, err) < 0 ||
        make(m, file, put_volume, volume, err) < 0)
        return -1;
    return volume_end(volume, err);
}

int tagfiles_write(struct tagfiles *record, struct volume *volume, struct spot *manifest,
                   uint64_t *manifest_size, struct err *err)
{
    struct making m = { .record = record, .region = region_new(err) };
    struct measure measure = { .sha = sha256_new(err) };
    struct sha512 *sha512 = sha512_new(err);
    int rc = m.region && measure.sha && sha512 ? 0 : -1;
    int i;

    for (i = 0; i < RUN_TEXTS; i++)
        buf_init(&m.texts[i], TEXT_MAX);
    if (rc == 0 && record->page)
        rc = feed_view(&m, err);
    if (rc == 0 && record->page)
        rc = write_tag(&m, TAG_VIEW, volume, &measure, NULL, err);
    /* what is pending goes out first: then the size is known, and places are */
    if (rc == 0)
        rc = volume_drain(volume, &record->totals.stored_bytes, err);
    for (i = TAG_MANIFEST; rc == 0 && i < TAG_COUNT; i++) {
        measure.sha512 = i == TAG_MANIFEST ? sha512 : NULL;
        rc = write_tag(&m, (enum tag_file)i, volume, &measure,
                       i == TAG_MANIFEST ? manifest : NULL, err);
    }
    *manifest_size = m.tags[TAG_MANIFEST].size;
    region_free(m.region);
    for (i = 0; i < RUN_TEXTS; i++)
        buf_clear(&m.texts[i]);
    sha256_free(measure.sha);
    sha512_free(sha512);
    return rc < 0 ? err_wrap(err, "cannot write the manifest") : 0;
}

/* Hand a document of a run over: its path and its text move to the packer. */
static int put_document(struct packer *packer, const struct listed_run *run, char *path,
                        char *text, size_t len, struct err *err)
{
    int64_t created = run->run.created_at ? clock_us(run->run.created_at) : CLOCK_NONE;
    struct body *body = text ? body_of_text(text, len, err) : NULL;

    if (!path || !body) {
        mem_free(path);
        body_free(body);
        return -1;
    }
    if (created == CLOCK_NONE)
        created = clock_wall() * 1000;
    return packer_document(packer, path, created / 1000000, body, err);
}

/* The same of a buffer, which is empty then. */
static int put_buffer(struct packer *packer, const struct listed_run *run, const char *name,
                      struct buf *buffer, struct err *err)
{
    struct buf taken = *buffer;

    *buffer = (struct buf){ 0 };
    return put_document(packer, run, mem_format(err, "data/%s/%s", run->id, name), taken.data,
                        taken.len, err);
}

int tagfiles_documents(struct listing *listing, const struct records *records,
                       struct packer *packer, struct err *err)
{
    size_t i;
    size_t k;

    for (i = 0; i < listing->count; i++) {
        struct listed_run *run = &listing->runs[i];

        if (!run->failed &&
            (put_buffer(packer, run, "run.json", &run->run_json, err) < 0 ||
             put_buffer(packer, run, "artifacts.json", &run->list_json, err) < 0))
            return -1;
        for (k = 0; !run->failed && k < run->records.count; k++) {
            const struct record_row *row = &run->records.rows[k];

            if (!row->reason &&
                put_document(packer, run,
                             mem_format(err, "data/%s/records/%s.json", run->id, row->name),
                             records_read(records, row, err), row->len, err) < 0)
                return -1;
        }
    }
    return 0;
}
