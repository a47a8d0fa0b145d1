/* SPDX-License-Identifier: MIT */
#include "format/manifest.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void number(struct jsonw *w, const char *key, uint64_t value)
{
    if (value == MANIFEST_NONE)
        jsonw_null(w, key);
    else
        jsonw_u64(w, key, value);
}

static void names(struct jsonw *w, const char *key, const char *const *list, size_t count)
{
    size_t i;

    jsonw_array(w, key, JSONW_INLINE);
    for (i = 0; i < count; i++)
        jsonw_text(w, NULL, list[i]);
    jsonw_close(w);
}

static void types(struct jsonw *w, const struct manifest_filter *f)
{
    names(w, "types", (const char *const *)f->types, f->type_count);
    names(w, "excluded_types", (const char *const *)f->excluded, f->excluded_count);
}

/* A time in microseconds, exactly; null: none. */
static void time_us(struct jsonw *w, const char *key, int64_t us)
{
    char when[CLOCK_TEXT_MAX];
    char exact[CLOCK_TEXT_MAX + 16];

    if (us == CLOCK_NONE) {
        jsonw_null(w, key);
        return;
    }
    (void)clock_format(when, us / 1000, CLOCK_RFC3339);
    when[strcspn(when, "Z")] = '\0';
    (void)snprintf(exact, sizeof(exact), "%s.%06dZ", when, (int)(us % 1000000));
    jsonw_text(w, key, exact);
}

/* Write the filter, if there is one: with the types, since a reader reads only this object. */
static void filter(struct jsonw *w, const struct manifest_filter *f)
{
    if (!f->type_count && !f->excluded_count && !f->name_count && !f->step_count &&
        f->larger_than == MANIFEST_NONE && f->smaller_than == MANIFEST_NONE &&
        f->newer_us == CLOCK_NONE && f->older_us == CLOCK_NONE)
        return;
    jsonw_object(w, "filter", JSONW_LINES);
    types(w, f);
    names(w, "names", (const char *const *)f->names, f->name_count);
    names(w, "steps", (const char *const *)f->steps, f->step_count);
    number(w, "larger_than", f->larger_than);
    number(w, "smaller_than", f->smaller_than);
    time_us(w, "newer_than", f->newer_us);
    time_us(w, "older_than", f->older_us);
    jsonw_close(w);
}

void manifest_begin(struct jsonw *w, const struct manifest_head *head)
{
    char when[CLOCK_TEXT_MAX];

    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_text(w, "schema", MANIFEST_SCHEMA);
    jsonw_text(w, "tool", head->tool);
    jsonw_text(w, "created_at", clock_format(when, head->created_at, CLOCK_RFC3339));
    jsonw_text(w, "source", head->source);
    if (head->previous) {
        jsonw_object(w, "previous", JSONW_INLINE);
        jsonw_text(w, "archive", head->previous);
        jsonw_text(w, "manifest_sha256", head->previous_sha256);
        jsonw_close(w);
    } else {
        jsonw_null(w, "previous");
    }
    jsonw_object(w, "request", JSONW_LINES);
    names(w, "run_ids", (const char *const *)head->run_ids, head->run_count);
    types(w, &head->filter);
    jsonw_bool(w, "dedupe", head->dedupe);
    jsonw_bool(w, "children", head->children);
    names(w, "records", head->records, head->record_count);
    filter(w, &head->filter);
    jsonw_close(w);
    jsonw_array(w, "runs", JSONW_LINES);
}

static void records(struct jsonw *w, const struct manifest_run *run)
{
    size_t i;

    jsonw_u64(w, "records", run->records);
    jsonw_array(w, "records_missing", JSONW_INLINE);
    for (i = 0; i < run->records_missing_count; i++) {
        const struct manifest_record *record = &run->records_missing[i];

        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "name", record->name);
        jsonw_text(w, "reason", record->reason);
        number(w, "http_status", record->http_status);
        jsonw_close(w);
    }
    jsonw_close(w);
}

void manifest_run(struct jsonw *w, const struct manifest_run *run)
{
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "run_id", run->run_id);
    jsonw_text(w, "other_run_id", run->other_run_id);
    jsonw_text(w, "parent_run_id", run->parent_run_id);
    jsonw_text(w, "status", run->status);
    jsonw_text(w, "run_type", run->run_type);
    jsonw_text(w, "created_at", run->created_at);
    jsonw_text(w, "started_at", run->started_at);
    jsonw_text(w, "finished_at", run->finished_at);
    jsonw_text(w, "failure_reason", run->failure_reason);
    jsonw_text(w, "title", run->title);
    jsonw_text(w, "prompt", run->prompt);
    jsonw_text(w, "output", run->output);
    jsonw_text(w, "supplements", run->supplements);
    jsonw_text(w, "error", run->error);
    names(w, "notes", run->notes, run->note_count);
    jsonw_object(w, "counts", JSONW_INLINE);
    jsonw_u64(w, "listed", run->listed);
    jsonw_u64(w, "archived", run->archived);
    jsonw_u64(w, "missing", run->missing);
    jsonw_close(w);
    records(w, run);
    jsonw_close(w);
}

void manifest_documents(struct jsonw *w)
{
    jsonw_close(w);
    jsonw_array(w, "documents", JSONW_LINES);
}

void manifest_document(struct jsonw *w, const char *path, uint64_t size,
                       const uint8_t sha256[SHA256_SIZE], uint64_t offset)
{
    char hex[SHA256_TEXT];

    text_hex(hex, sha256, SHA256_SIZE);
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "path", path);
    jsonw_u64(w, "size", size);
    jsonw_text(w, "sha256", hex);
    number(w, "offset", offset);
    jsonw_close(w);
}

void manifest_artifacts(struct jsonw *w)
{
    jsonw_close(w);
    jsonw_array(w, "artifacts", JSONW_LINES);
}

/* Write the encoded form in which the artifact was received, if any. */
static void encoded(struct jsonw *w, const struct manifest_artifact *a)
{
    char sha256[SHA256_TEXT];

    if (!a->encoding) {
        jsonw_null(w, "encoded");
        return;
    }
    text_hex(sha256, a->encoded_sha256, SHA256_SIZE);
    jsonw_object(w, "encoded", JSONW_INLINE);
    jsonw_text(w, "encoding", a->encoding);
    jsonw_u64(w, "size", a->encoded_size);
    jsonw_text(w, "sha256", sha256);
    jsonw_close(w);
}

void manifest_artifact(struct jsonw *w, const struct manifest_artifact *a)
{
    char sha256[SHA256_TEXT];
    char xxh3[XXH3_TEXT];
    char when[CLOCK_TEXT_MAX];

    text_hex(sha256, a->digest.sha256, SHA256_SIZE);
    text_hex(xxh3, a->digest.xxh3, XXH3_SIZE);
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "path", a->path);
    jsonw_text(w, "run_id", a->run_id);
    jsonw_text(w, "artifact_id", a->artifact_id);
    jsonw_text(w, "origin", a->origin);
    jsonw_text(w, "artifact_type", a->artifact_type);
    jsonw_text(w, "step_id", a->step_id);
    jsonw_text(w, "created_at", a->created_at);
    jsonw_u64(w, "size", a->size);
    jsonw_text(w, "sha256", sha256);
    jsonw_text(w, "xxh3_128", xxh3);
    jsonw_text(w, "media_type", a->media_type);
    jsonw_text(w, "duplicate_of", a->duplicate_of);
    jsonw_bool(w, "link", a->link);
    jsonw_text(w, "uri", a->uri);
    jsonw_text(w, "bundle_key", a->bundle_key);
    jsonw_text(w, "fetched_at", clock_format(when, a->fetched_at, CLOCK_RFC3339));
    jsonw_text(w, "fetched_via", a->fetched_via);
    jsonw_text(w, "checksum", a->checksum);
    jsonw_bool(w, "checksum_mismatch", a->mismatch);
    number(w, "listed_size", a->listed_size);
    jsonw_text(w, "modified_at", a->modified_at);
    names(w, "notes", a->notes, a->note_count);
    encoded(w, a);
    number(w, "frame", a->frame);
    number(w, "frame_level", a->level);
    number(w, "offset", a->offset);
    jsonw_close(w);
}

void manifest_missing(struct jsonw *w)
{
    jsonw_close(w);
    jsonw_array(w, "missing", JSONW_LINES);
}

void manifest_lost(struct jsonw *w, const struct manifest_missing *m)
{
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "artifact_id", m->artifact_id);
    jsonw_text(w, "run_id", m->run_id);
    jsonw_text(w, "artifact_type", m->artifact_type);
    jsonw_text(w, "reason", m->reason);
    number(w, "http_status", m->http_status);
    jsonw_u64(w, "attempts", m->attempts);
    jsonw_close(w);
}

void manifest_totals(struct jsonw *w, const char *key, const struct manifest_totals *t)
{
    jsonw_object(w, key, JSONW_LINES);
    jsonw_u64(w, "artifacts", t->artifacts);
    jsonw_u64(w, "unique", t->unique);
    jsonw_u64(w, "bytes", t->bytes);
    jsonw_u64(w, "stored_bytes", t->stored_bytes);
    jsonw_u64(w, "downloaded_bytes", t->downloaded_bytes);
    jsonw_u64(w, "duplicates", t->duplicates);
    jsonw_u64(w, "missing", t->missing);
    jsonw_close(w);
}

int manifest_end(struct jsonw *w, const struct manifest_totals *totals, struct err *err)
{
    jsonw_close(w);
    manifest_totals(w, "totals", totals);
    jsonw_close(w);
    return jsonw_end(w, err);
}
